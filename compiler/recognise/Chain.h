// The elementwise ops between a contraction and what is taken of it: the region of attention and of a loss.
#pragma once

#include "compiler/recognise/Match.h"

namespace kinu::recognise {

/// A function, elementwise in the contraction's result.
struct Chain {
  DotOp dot;
  llvm::SmallVector<mlir::Value> extras; ///< values from outside that it reads besides
};

/// Walks up from `last` to the one contraction whose result has axis `axis` from one of its operands only. Adds the ops
/// on the way to the match. Nothing if there is no such contraction, or several, if another operand on the way
/// needs a gradient, or if the way changes axes.
std::optional<Chain> findChain(Match &match, mlir::Value last, mlir::StringAttr axis);

/// Gives `region` the chain's definition, with the contraction's result and the extras as arguments.
void defineChain(mlir::Region &region, const Chain &chain, mlir::Value last);

} // namespace kinu::recognise
