// How a product is cut: into tasks for threads, and within a thread's tasks into blocks for the caches.
#pragma once

#include "compiler/vectorize/gemm/ContractionShape.h"

namespace kinu::vectorize {

/// Tasks are numbered by batch, column run, and then column tasks within row tasks, or the other way round if
/// `rowsFastest`. Neighbours in the fastest direction that one thread gets are done as one: what they share is packed
/// once, or once for every `mostColumns` columns.
struct Blocking {
  int64_t sums;         ///< k of one round of packing: a multiple of a vector, or all
  int64_t columns;      ///< of one task: a multiple of a panel's, or all
  int64_t mostColumns;  ///< whose packed panels fit the second cache: a multiple of a panel's
  int64_t tilesPerTask; ///< row tiles of one task
  int64_t tilesPerPack; ///< row tiles whose left operand is packed at once, where `left` is Packed
  LeftReading left;
  bool rowsFastest;
  LoopOrder order; ///< of the micro-kernels in a block

  int64_t columnTasks(const ContractionShape &shape) const { return llvm::divideCeil(shape.columns(), columns); }
  int64_t rowTasks(const ContractionShape &shape) const { return llvm::divideCeil(shape.tiles.tiles(), tilesPerTask); }
  int64_t tasks(const ContractionShape &shape) const {
    return shape.batches() * shape.resultColumnRuns.length() * columnTasks(shape) * rowTasks(shape);
  }
};

/// What neighbouring tasks that are done as one piece move, in elements for each k.
struct PieceTraffic {
  double results;     ///< of the product
  double rightPacked; ///< of the right operand, in columns
  double leftRead;    ///< of the left operand, in rows
};
PieceTraffic trafficOf(const ContractionShape &shape, const Blocking &blocking, double tasks);

/// The sum, over the numbers of threads that a rank may have on the machine, of what all threads together take: each is
/// as busy as the busiest. `pieceCycles` is asked for the cycles of so many neighbouring tasks.
double launchCycles(const ContractionShape &shape, const machines::Machine &machine, const Blocking &blocking,
                    llvm::function_ref<double(double tasks)> pieceCycles);

/// Chooses blocks that fit the caches and tasks that load the usual numbers of threads evenly.
/// `shape.tiles.rows` is set already. With `staged`, the product is summed in scratch before anything is written: a
/// tile of it where k has one round, else a piece of `tilesPerTask` by `mostColumns`, which takes part of the second
/// cache.
Blocking chooseBlocking(const ContractionShape &shape, const machines::Machine &machine, bool staged);

} // namespace kinu::vectorize
