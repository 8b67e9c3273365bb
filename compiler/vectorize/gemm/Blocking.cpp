// Sizes of blocks and tasks, from the sizes of the caches and a small model of what packing costs.
#include "compiler/vectorize/gemm/Blocking.h"

using namespace kinu::vectorize;
using kinu::machines::Machine;

/// Threads that a rank may have; every task list should divide evenly among any of them.
static constexpr int64_t kThreads[] = {2, 4, 6, 12};

/// Cycles to pack one element, read from memory, and written to a cache (measured on the x86 host: 0.5 to 0.9).
static constexpr double kPackCycles = 0.7;
/// Cycles to read one element of the left operand again from a cache beyond the second.
static constexpr double kRereadCycles = 0.1;
/// Cycles to start a task.
static constexpr double kTaskCycles = 2000;

/// Bytes of the second cache that one core may count on.
static int64_t cacheOfCore(const Machine &machine) { return machine.l2Bytes / machine.l2Cores; }

/// k of one round: a panel of the right operand fills three quarters of the first cache, or, where the second one is
/// large, the packed columns stay there.
static int64_t chooseSums(const ContractionShape &shape, const Machine &machine) {
  int64_t panelRow = columnsPerBlock(machine) * 4;
  int64_t most = std::max<int64_t>(256, machine.l1Bytes * 3 / 4 / panelRow);
  int64_t rounds = llvm::divideCeil(shape.sums(), most);
  if (rounds == 1 || shape.scattered)
    return shape.sums();
  return llvm::alignTo(llvm::divideCeil(shape.sums(), rounds), machine.floatsPerVector());
}

static bool mustPackLeft(const ContractionShape &shape) { return !shape.leftSum.uniform() || shape.leftSum.stride() != 1; }

/// Cycles of one task, in which the product itself runs at the machine's peak.
static double taskCycles(const ContractionShape &shape, const Machine &machine, const Blocking &blocking) {
  double rows = double(blocking.tilesPerTask * shape.tiles.rows), columns = double(blocking.columns);
  double sums = double(shape.sums());
  double multiply = rows * columns * sums / double(machine.floatsPerVector() * machine.fmaPipes);
  double right = columns * sums * kPackCycles;
  double left = rows * sums * (blocking.packLeft ? kPackCycles : kRereadCycles);
  return multiply + right + left + kTaskCycles;
}

/// Cycles times threads, summed over numbers of threads: what the busiest thread of each takes.
static double launchCycles(const ContractionShape &shape, const Machine &machine, const Blocking &blocking) {
  double cycles = 0;
  for (int64_t threads : kThreads)
    cycles += double(llvm::divideCeil(blocking.tasks(shape), threads) * threads) * taskCycles(shape, machine, blocking);
  return cycles;
}

Blocking kinu::vectorize::chooseBlocking(const ContractionShape &shape, const Machine &machine) {
  int64_t width = columnsPerBlock(machine), panels = llvm::divideCeil(shape.columns(), width);
  Blocking best;
  best.sums = chooseSums(shape, machine);
  best.packLeft = mustPackLeft(shape);
  int64_t cache = cacheOfCore(machine);
  best.tilesPerPack = std::max<int64_t>(1, cache / 8 / (best.sums * shape.tiles.rows * 4));
  int64_t mostPanels = std::max<int64_t>(1, cache / 2 / (best.sums * width * 4));
  double bestCycles = -1;
  for (int64_t columnTasks = llvm::divideCeil(panels, mostPanels); columnTasks <= panels; ++columnTasks)
    for (int64_t rowTasks : {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48}) {
      Blocking blocking = best;
      blocking.columns = std::min(shape.columns(), int64_t(llvm::divideCeil(panels, columnTasks)) * width);
      blocking.tilesPerTask = llvm::divideCeil(shape.tiles.tiles(), rowTasks);
      double cycles = launchCycles(shape, machine, blocking);
      if (bestCycles < 0 || cycles < bestCycles) {
        bestCycles = cycles;
        best.columns = blocking.columns;
        best.tilesPerTask = blocking.tilesPerTask;
      }
    }
  return best;
}
