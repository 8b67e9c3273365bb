// What a layout's clause `overlap` is about.
#pragma once

#include "compiler/schedule/Endings.h"

namespace kinu::schedule {

/// The words of the clause; empty without one.
llvm::SmallVector<llvm::StringRef, 3> overlapped(mlir::ModuleOp module);

/// What a layout calls a collective that has not been begun early yet: `weights` are gathered for their readers or
/// after their update, `gradients` are summed for variables, the rest is of `activations`. Empty for what stays as it
/// is: messages of pipelines, whose stages run different lists.
llvm::StringRef classOf(mlir::Operation *op, const Endings &endings);

} // namespace kinu::schedule
