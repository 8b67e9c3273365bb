// The one op of a composite's kernel, and the buffers that its operands and results are.
#pragma once

#include "compiler/vectorize/Evaluator.h"
#include "compiler/vectorize/Vectorize.h"

namespace kinu::vectorize {

/// The op whose results the kernel yields, if all its operands are the kernel's arguments; else null.
template <typename Op> Op theOnly(step::KernelOp kernel) {
  mlir::Operation *yield = kernel.getBody().front().getTerminator();
  if (yield->getNumOperands() == 0)
    return {};
  auto op = yield->getOperand(0).getDefiningOp<Op>();
  auto isArgument = [](mlir::Value value) { return llvm::isa<mlir::BlockArgument>(value); };
  auto isResult = [&](mlir::Value value) { return value.getDefiningOp() == op; };
  if (!op || !llvm::all_of(op->getOperands(), isArgument) || !llvm::all_of(yield->getOperands(), isResult))
    return {};
  return op;
}

/// The pointer to a kernel's argument.
mlir::Value operandPointer(Emission &e, mlir::Value argument);
llvm::SmallVector<mlir::Value> operandPointers(Emission &e, mlir::ValueRange arguments);
/// The pointer to where a result goes; null if the kernel does not yield it.
mlir::Value resultPointer(Emission &e, step::KernelOp kernel, mlir::Value result);

/// Ends the function; fails with the op's name if the score region had one without code.
llvm::Expected<Lowered> finishAttention(Emission &e, const Evaluator &evaluator, step::KernelOp kernel,
                                        Lowered lowered);

} // namespace kinu::vectorize
