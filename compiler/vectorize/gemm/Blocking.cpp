// Sizes of blocks and tasks, from the sizes of the caches and a small model of what packing costs.
#include "compiler/vectorize/gemm/Blocking.h"

#include "runtime/Sharing.h"

#include <cmath>
#include <limits>
#include <numeric>

using namespace kinu::vectorize;
using kinu::machines::Machine;

/// Threads that a rank may have, if its memory group has so many cores; a task list should divide evenly among any of
/// them.
static constexpr int64_t kThreads[] = {1, 2, 3, 4, 6, 8, 12};

/// Of a piece, for which a thread that is done first waits: cores are not equally fast at all times.
static constexpr double kTail = 1.0 / 16;

/// k of a panel that is to stay in the first cache, at least: shorter ones would add to the result too often.
static constexpr int64_t kShortestPanel = 192;
/// k of one round where a left tile stays in the first cache: few enough for the tile, many for the traffic of results.
static constexpr int64_t kRoundSums = 256;
/// From so many columns on the left operand is packed even if it could be read in place: rows of it that lie a multiple
/// of 4 KiB apart evict each other, and packed it is read in one stream. A core with one pipe has time for that
/// (measured on Zen 4: 2% faster in place).
static constexpr int64_t kColumnsToPackLeft = 256;
/// What packed panels and packed tiles may take of the second cache.
static constexpr int64_t kPanelPercent = 56, kLeftPercent = 12;

/// Cycles to pack one element, read from memory, and written to a cache (measured on the x86 host: 0.5 to 0.9).
static constexpr double kPackCycles = 0.7;
/// Cycles to read an element of the left operand in place, once for each stretch of columns.
static constexpr double kReadCycles = 0.3;

/// Bytes of the second cache that one core may count on.
static int64_t cacheOfCore(const Machine &machine) { return machine.l2Bytes / machine.l2Cores; }

/// Of an element of a packed operand.
static int64_t packedBytes(const ContractionShape &shape) { return shape.promote ? 2 : 4; }

/// k of one round. Where a panel of the right operand that long fills no more than three quarters of the first cache it
/// stays there while the left tiles pass; else the left tile stays and the panels pass, and a longer k saves rounds.
static void chooseSums(const ContractionShape &shape, const Machine &machine, Blocking &blocking) {
  int64_t fits = machine.l1Bytes * 3 / 4 / (columnsPerBlock(machine) * packedBytes(shape));
  bool panelStays = fits >= kShortestPanel;
  blocking.order = panelStays ? LoopOrder::TilesWithinPanels : LoopOrder::PanelsWithinTiles;
  int64_t rounds = llvm::divideCeil(shape.sums(), panelStays ? fits : kRoundSums);
  // Stretches that are summed in fp16 begin at multiples of their length whatever the rounds are.
  int64_t unit = std::lcm(machine.floatsPerVector(), std::max<int64_t>(1, shape.promote));
  int64_t sums = llvm::alignTo(llvm::divideCeil(shape.sums(), rounds), unit);
  blocking.sums = rounds == 1 ? shape.sums() : std::min(sums, shape.sums());
}

PieceTraffic kinu::vectorize::trafficOf(const ContractionShape &shape, const Blocking &blocking, double tasks) {
  double rows = double(blocking.tilesPerTask * shape.tiles.rows), columns = double(blocking.columns);
  if (blocking.rowsFastest)
    return {tasks * rows * columns, std::ceil(tasks / double(blocking.rowTasks(shape))) * columns, tasks * rows};
  double stretches = std::max(std::ceil(tasks * columns / double(blocking.mostColumns)),
                              std::ceil(tasks / double(blocking.columnTasks(shape))));
  return {tasks * rows * columns, tasks * columns, stretches * rows};
}

/// Cycles of so many neighbouring tasks done as one piece, in which the products themselves run at the machine's peak.
static double pieceCycles(const ContractionShape &shape, const Machine &machine, const Blocking &blocking,
                          double tasks) {
  PieceTraffic traffic = trafficOf(shape, blocking, tasks);
  double multiply = traffic.results / double(machine.floatsPerVector() * machine.fmaPipes);
  double leftCycles = blocking.left == LeftReading::Packed ? kPackCycles : kReadCycles;
  return double(shape.sums()) * (multiply + traffic.rightPacked * kPackCycles + traffic.leftRead * leftCycles);
}

/// Cycles of the busiest of `threads` threads.
static double threadCycles(int64_t tasks, int64_t threads, llvm::function_ref<double(double)> pieceCycles) {
  int64_t most = llvm::divideCeil(tasks, threads);
  int64_t piece = threads == 1 ? tasks : kinu::rt::tasksOfPiece(tasks, threads);
  double cyclesOfPiece = pieceCycles(double(piece));
  double cycles = double(most / piece) * cyclesOfPiece + (threads == 1 ? 0 : kTail * cyclesOfPiece);
  if (most % piece)
    cycles += pieceCycles(double(most % piece));
  return cycles;
}

double kinu::vectorize::launchCycles(const ContractionShape &shape, const Machine &machine, const Blocking &blocking,
                                     llvm::function_ref<double(double)> pieceCycles) {
  double cycles = 0;
  for (int64_t threads : kThreads)
    if (threads <= machine.coresPerGroup())
      cycles += double(threads) * threadCycles(blocking.tasks(shape), threads, pieceCycles);
  return cycles;
}

/// Columns of a piece that is kept in scratch while k runs: as many as fill half of the second cache.
static int64_t keptColumns(const Machine &machine, const Blocking &blocking, int64_t rowsOfTile) {
  int64_t width = columnsPerBlock(machine);
  return cacheOfCore(machine) / 2 / (4 * blocking.tilesPerTask * rowsOfTile) / width * width;
}

/// A left operand that is not contiguous along k is packed by a tile's first panel where rows are contiguous and the
/// other panels follow at once.
static LeftReading readingOfLeft(const ContractionShape &shape, const Machine &machine, LoopOrder order) {
  if (!shape.leftSum.uniform() || shape.element != shape.computedElement())
    return LeftReading::Packed;
  if (shape.leftSum.stride() == 1) {
    bool pack = shape.tiles.rows > 1 && shape.columns() >= kColumnsToPackLeft && machine.fmaPipes > 1;
    return pack ? LeftReading::Packed : LeftReading::InPlace;
  }
  bool isVector = shape.tiles.leftRow == 1 && shape.tiles.rows <= machine.floatsPerVector();
  bool byFirstPanel = isVector && order == LoopOrder::PanelsWithinTiles && !shape.promote;
  return byFirstPanel ? LeftReading::PackedByFirstPanel : LeftReading::Packed;
}

Blocking kinu::vectorize::chooseBlocking(const ContractionShape &shape, const Machine &machine, bool staged) {
  int64_t width = columnsPerBlock(machine), panels = llvm::divideCeil(shape.columns(), width);
  int64_t cache = cacheOfCore(machine);
  Blocking candidate;
  chooseSums(shape, machine, candidate);
  int64_t sumBytes = candidate.sums * packedBytes(shape);
  candidate.left = readingOfLeft(shape, machine, candidate.order);
  candidate.tilesPerPack = std::max<int64_t>(1, cache * kLeftPercent / 100 / (sumBytes * shape.tiles.packedRows()));
  int64_t mostPanels = std::clamp<int64_t>(cache * kPanelPercent / 100 / (sumBytes * width), 1, panels);
  candidate.mostColumns = mostPanels * width;

  Blocking best = candidate;
  double bestCycles = std::numeric_limits<double>::infinity();
  for (int64_t taskPanels = 1; taskPanels <= mostPanels; taskPanels = std::max(taskPanels + 1, taskPanels * 4 / 3))
    for (int64_t rowTasks : {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 96})
      for (bool rowsFastest : {false, true}) {
        candidate.columns = std::min(shape.columns(), taskPanels * width);
        candidate.mostColumns = mostPanels * width;
        candidate.tilesPerTask = llvm::divideCeil(shape.tiles.tiles(), rowTasks);
        if (staged && candidate.sums < shape.sums()) {
          // A piece has the rows of one task then, and not too many columns.
          int64_t kept = keptColumns(machine, candidate, shape.tiles.rows);
          bool smallest = taskPanels == 1 && rowTasks == 96;
          if (rowsFastest || (kept < taskPanels * width && !smallest))
            continue;
          candidate.mostColumns = std::clamp(kept, taskPanels * width, candidate.mostColumns);
        }
        candidate.rowsFastest = rowsFastest;
        double cycles = launchCycles(shape, machine, candidate,
                                     [&](double tasks) { return pieceCycles(shape, machine, candidate, tasks); });
        if (cycles < bestCycles) {
          bestCycles = cycles;
          best = candidate;
        }
      }
  int64_t mostOfPiece = best.rowsFastest ? best.columns : best.mostColumns;
  if (best.left == LeftReading::PackedByFirstPanel && mostOfPiece <= width)
    best.left = LeftReading::InPlace; // There are no other panels.
  return best;
}
