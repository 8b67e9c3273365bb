// A compiled model in this process: kernels linked by a JIT, launches run one after another over an arena of its own.
#pragma once

#include "compiler/Backend.h"
#include "compiler/interpret/Tensor.h"
#include "dialects/step/Step.h"

#include <memory>

namespace kinu::test {

/// How the tasks of a kernel are run; by contract no result depends on it.
enum class TaskOrder { AllAtOnce, OneByOneFromTheLast };

class CompiledModel {
public:
  /// `module` is what `allocate` leaves and must outlive this. Variables start as zeros. A test fails, and `ok` is
  /// false, where a kernel does not compile.
  CompiledModel(mlir::ModuleOp module, const machines::Machine &machine);
  ~CompiledModel();

  bool ok() const { return session != nullptr; }
  bool has(llvm::StringRef program) const { return module.lookupSymbol<ProgramOp>(program) != nullptr; }

  /// Values may list their axes in any order.
  void setVariable(llvm::StringRef name, const interpret::Tensor &value);
  interpret::Tensor variable(llvm::StringRef name) const;

  /// Runs a program. Before, everything in the arena but variables becomes NaN and then `inputs` are stored, so a
  /// program that reads what nobody wrote is found out. Inputs that the program does not read are left out; those that
  /// it reads and that are missing fail the test.
  void run(llvm::StringRef program, const std::map<std::string, interpret::Tensor> &inputs,
           TaskOrder order = TaskOrder::OneByOneFromTheLast);
  /// The outputs of the program that was run last.
  std::map<std::string, interpret::Tensor> outputs(llvm::StringRef program) const;

  /// The bytes of all variables, for comparing bit by bit.
  std::string variableBytes() const;

private:
  struct Session;
  void poison();
  char *place(mlir::Operation *op) const;

  mutable mlir::ModuleOp module; ///< MLIR knows no const ops
  std::unique_ptr<Session> session;
};

} // namespace kinu::test
