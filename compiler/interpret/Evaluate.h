// What each op computes from the values of its operands; one function per group of ops.
#pragma once

#include "compiler/interpret/Tensor.h"

#include <memory>
#include <optional>
#include <string>

namespace kinu::interpret {

using TensorRef = std::shared_ptr<const Tensor>;

/// The result of an op, or null if the op is not of the group. A fault of the graph, such as an index out of range
/// where none was allowed, is written to `fault`.
TensorRef evaluateElementwise(mlir::Operation *op, llvm::ArrayRef<TensorRef> operands);
TensorRef evaluateAxes(mlir::Operation *op, llvm::ArrayRef<TensorRef> operands);
TensorRef evaluateLookup(mlir::Operation *op, llvm::ArrayRef<TensorRef> operands, std::string &fault);
TensorRef evaluateRandom(mlir::Operation *op, llvm::ArrayRef<TensorRef> operands);

/// The initial value of a variable: drawn as its initialiser says for weights, zeros for moments and gradients.
Tensor initialValue(VariableOp variable, uint64_t seed);

} // namespace kinu::interpret
