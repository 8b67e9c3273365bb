// What the runtime has to know of a model: variables, inputs, outputs and how to train, as JSON. runtime/Manifest.h
// reads it.
#pragma once

#include "compiler/machines/Machine.h"
#include "compiler/syntax/TypedModel.h"

#include "mlir/IR/BuiltinOps.h"

#include <map>

namespace kinu::emit {

/// The manifest of an allocated module. `plan` is the model as elaborated for training; without a train block the
/// executable can generate but not train.
/// `modelled`: seconds of one launch by kernel, for `profile` to print; may be empty.
std::string manifest(mlir::ModuleOp module, const TypedModel &plan, const machines::Machine &machine,
                     const std::map<std::string, double> &modelled = {});

} // namespace kinu::emit
