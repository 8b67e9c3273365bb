// Compiles a kernel in this process and runs it on buffers with canaries around them.
#pragma once

#include "compiler/vectorize/Vectorize.h"

#include "mlir/IR/MLIRContext.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm::orc {
class LLJIT;
}

namespace kinu::test {

/// Memory of a tensor: its bytes between two guards that nobody may touch.
class GuardedBuffer {
public:
  explicit GuardedBuffer(int64_t bytes);
  void *data() { return bytes.data() + kGuard; }
  template <typename T> T *as() { return static_cast<T *>(data()); }
  /// Whether both guards are as they were.
  bool intact() const;

private:
  static constexpr int64_t kGuard = 256;
  std::vector<unsigned char> bytes;
};

/// A compiled kernel of the text `step.kernel ...`, for the machine at hand or another of its kind.
class JitKernel {
public:
  JitKernel(const std::string &kernelText, const machines::Machine &machine);
  ~JitKernel();

  /// The compiled function on memory of the caller's: see runtime/Abi.h.
  void call(void *const *buffers, void *scratch, int64_t begin, int64_t end) { function(buffers, scratch, begin, end); }
  /// Runs tasks [begin, end); the scratch is filled with NaN before.
  void run(std::vector<void *> buffers, int64_t begin, int64_t end);
  /// Runs all tasks, in `parts` calls of about equal size, the last part first.
  void runAll(std::vector<void *> buffers, int64_t parts = 1);

  int64_t tasks = 0, scratchBytes = 0;
  double operations = 0, bytes = 0;

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void (*function)(void *const *, void *, int64_t, int64_t) = nullptr;
};

/// The assembly of a kernel for any machine.
std::string assemblyOf(const std::string &kernelText, const machines::Machine &machine);

} // namespace kinu::test
