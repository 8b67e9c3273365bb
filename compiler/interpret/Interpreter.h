// The reference interpreter: evaluates programs of kinu ops, before `fuse`, naively in double precision.
//
// It is the oracle of every later stage, so it is written to be read: each op is the loop that its definition says.
// Composite ops are replaced by their definitions first.
#pragma once

#include "compiler/interpret/Evaluate.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <functional>
#include <map>

namespace kinu::interpret {

class Interpreter {
public:
  /// Variables start as zeros. The module must outlive the interpreter and is not changed.
  explicit Interpreter(mlir::ModuleOp module);

  /// Draws weights, biases and gains as an executable with this seed does; zeroes moments and gradients.
  void initializeVariables(uint64_t seed);
  /// The value is laid out as its own type says; its axes must be the variable's.
  void setVariable(llvm::StringRef path, Tensor value);
  void setInput(llvm::StringRef name, Tensor value);
  void setInput(llvm::StringRef name, double value);
  void setInput(llvm::StringRef name, int64_t value);

  /// What ranks send one another: called with each `tofu` op and its operand, null if it has none, in the order of the
  /// program; returns the op's result for this rank, if it has one. Without it such ops are faults.
  std::function<Tensor(mlir::Operation *, const Tensor *)> collective;

  /// Runs a program over the inputs set so far. Fails if there is no such program, an input that it reads was not set
  /// or has other axes, or an index is out of range where the graph promises it is not.
  llvm::Error run(llvm::StringRef program);

  /// Whether 16-bit values are rounded, as `kinu.cast` says, to the nearest number of their format; else only the graph
  /// is that of low precision, and every number is exact.
  bool roundCasts = true;

  /// An output of the last run; it must be there.
  const Tensor &output(llvm::StringRef name) const;
  bool hasOutput(llvm::StringRef name) const { return outputs.contains(name.str()); }
  const std::map<std::string, Tensor> &allOutputs() const { return outputs; }
  const Tensor &variable(llvm::StringRef path) const { return variables.at(path.str()); }
  const std::map<std::string, Tensor> &allVariables() const { return variables; }

private:
  mlir::ModuleOp module;
  std::map<std::string, Tensor> variables, inputs, outputs;

  friend class Evaluation;
};

} // namespace kinu::interpret
