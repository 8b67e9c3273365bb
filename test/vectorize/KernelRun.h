// Runs one kernel, given as text, for this machine, and the same ops in the reference interpreter.
#pragma once

#include "compiler/interpret/Tensor.h"
#include "compiler/vectorize/Vectorize.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace kinu::test {

/// A kernel compiled into this process.
class CompiledKernel {
public:
  /// `text` is a `step.kernel`; a test fails, and `ok` is false, where it does not parse, lower or compile.
  explicit CompiledKernel(const std::string &text, const machines::Machine &machine = machines::detectLocal());
  ~CompiledKernel();

  bool ok() const { return run != nullptr; }
  step::KernelOp kernel() const { return op; }
  const vectorize::Lowered &lowered() const { return *code; }

  /// Runs every task, one call each, on buffers of the exact size, each followed by a page that must not be touched.
  /// Results start as NaN (ints as a number nobody computes), or as the operand they share memory with.
  std::vector<interpret::Tensor> results(const std::vector<interpret::Tensor> &operands) const;
  /// The same ops in double precision, on the same operands; composites by their definition.
  std::vector<interpret::Tensor> expected(const std::vector<interpret::Tensor> &operands) const;

  /// Operands of the kernel's types: floats of their format from -2 to 2, ints from 0 to `below` (exclusive), bools.
  std::vector<interpret::Tensor> randomOperands(uint64_t seed, int64_t below = 4) const;

  using Function = void (*)(void *const *, void *, int64_t, int64_t);
  Function run = nullptr;

private:
  struct Session;
  std::unique_ptr<Session> session;
  step::KernelOp op;
  std::optional<vectorize::Lowered> code;
};

/// A number as a float format (`element`) has it.
double roundedTo(mlir::Type element, double x);

/// The assembly of a kernel for any machine; empty, and a test fails, where it does not compile. `lowered` gets its
/// tasks and scratch, not its module.
std::string assemblyOf(const std::string &text, const machines::Machine &machine,
                       vectorize::Lowered *lowered = nullptr);

/// Expects that no vector of AVX-512 goes to the stack.
void expectNoSpills(const std::string &assembly);

/// Compiles, runs on random operands and expects |got - wanted| <= tolerance * (1 + |wanted|) everywhere; ints and
/// bools must be equal. Prints the largest difference.
void expectAsInterpreted(const std::string &text, double tolerance = 2e-6, uint64_t seed = 1);
void expectNear(const CompiledKernel &kernel, const std::vector<interpret::Tensor> &operands, double tolerance);

/// `text` with every `$` replaced by `number` and `#` by twice that: the same kernel for several lengths.
std::string sized(std::string text, int64_t number);

} // namespace kinu::test
