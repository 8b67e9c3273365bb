// How often each basic block of a kernel runs, found by following its integers, without running it.
//
// Sizes are static in Kinu, so which way a branch goes depends on task numbers, loop counters and addresses alone. They
// are followed through LLVM IR after its optimizations, for any machine, on any machine; floats and vectors are not
// looked at, but where they are read and written is. What a kernel reads from memory is taken to be 0: so a gradient is
// added to what is there, as in every micro-batch but the first. A loop of one block that counts evenly takes one round
// here, however long it is; and a loop or a function that is given what it was given before is not walked again, unless
// somebody wants to know what memory it reads and writes.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/IR/Function.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <vector>

namespace kinu::report {

/// What a block does in some tasks of a kernel.
struct BlockRuns {
  double runs = 0;
  double entries = 0; ///< runs that came from another block: where a block is a loop, how often that was begun
};

/// The blocks by their numbers, which are the lines of their debug locations (emit::listKernel); number 0 is none.
using ControlFlowCounts = std::vector<BlockRuns>;

/// What an instruction reads or writes each time its block runs: `bytes` bytes, from one time to the next `stride`
/// apart.
struct MemoryAccess {
  int64_t address, bytes, stride;
  bool writes, streams; ///< streams: past the caches
};

/// Buffer number i, operands and then results, begins at (i + 1) * kBufferSpan; scratch memory at kScratchAddress,
/// whose owner is whoever runs the tasks. What else has an address lies below.
static constexpr int64_t kBufferSpan = int64_t(1) << 44, kScratchAddress = int64_t(1) << 61;

/// Is told of the accesses of a block (by its number) that runs `rounds` times in a row.
using AccessSink = llvm::function_ref<void(unsigned, int64_t, llvm::ArrayRef<MemoryAccess>)>;

class ControlFlow {
public:
  /// `kernel` is a kernel's public function, `run(buffers, scratch, begin, end)`; `vscale` that of the machine. The
  /// module must outlive this.
  ControlFlow(llvm::Function &kernel, int64_t vscale);
  ~ControlFlow();

  /// Buffer `buffer` is the same memory as buffer `other`.
  void share(int64_t buffer, int64_t other);
  /// What tasks [begin, end) do. Fails after walking `mostBlocks`: then control flow hangs on what is not followed.
  /// Gathers and scatters of lanes are not among the accesses.
  llvm::Expected<ControlFlowCounts> run(int64_t begin, int64_t end, AccessSink sink = nullptr,
                                        int64_t mostBlocks = int64_t(1) << 27);

private:
  struct Code;
  std::unique_ptr<Code> code;
};

} // namespace kinu::report
