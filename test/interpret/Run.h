// Parses a module and runs its programs through the interpreter: what numeric tests of the compiler start from.
#pragma once

#include "compiler/interpret/Interpreter.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

namespace kinu::test {

/// A context with the kinu dialect, made once per test.
struct Graph {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;

  explicit Graph(const std::string &text, const mlir::DialectRegistry &registry = mlir::DialectRegistry())
      : context(registry) {
    context.loadDialect<KinuDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module)
      llvm::report_fatal_error(("the test's module does not parse:\n" + text).c_str());
  }

  NamedTensorType type(const std::string &text) { return mlir::cast<NamedTensorType>(mlir::parseType(text, &context)); }
  /// Floats, e.g. tensor("a=2, b=3", {1, 2, 3, 4, 5, 6}).
  interpret::Tensor floats(const std::string &axes, std::vector<double> values) {
    return {type("!kinu.tensor<" + axes + (axes.empty() ? "" : " : ") + "f32>"), std::move(values)};
  }
  interpret::Tensor ints(const std::string &axes, std::vector<int64_t> values) {
    return {type("!kinu.tensor<" + axes + (axes.empty() ? "" : " : ") + "i64>"), std::move(values)};
  }
};

/// Runs a program that must succeed.
inline void run(interpret::Interpreter &interpreter, llvm::StringRef program) {
  if (llvm::Error error = interpreter.run(program))
    ADD_FAILURE() << llvm::toString(std::move(error));
}

} // namespace kinu::test
