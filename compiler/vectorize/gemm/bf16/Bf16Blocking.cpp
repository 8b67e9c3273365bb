// Blocks and tasks from the sizes of the caches and what packing, reading and summing cost.
#include "compiler/vectorize/gemm/bf16/Bf16Blocking.h"

#include "compiler/machines/Peak.h"
#include "compiler/vectorize/gemm/bf16/Bf16Packing.h"

#include <limits>

using namespace kinu;
using namespace kinu::vectorize;
using namespace kinu::vectorize::bf16;
using kinu::machines::Machine;

static constexpr int64_t kRowTasks[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 96};
static constexpr int64_t kMostKeptBytes = 4 << 20;
static constexpr int64_t kL1WayBytes = 4096; ///< of every x86 processor: a page

/// Of the peak.
static constexpr double kReached = 0.94;
// Cycles, estimated.
static constexpr double kPackRight = 0.35; ///< for an element, from memory to the second cache
static constexpr double kReadLeft = 0.12;  ///< for an element read in place, as far as it is not hidden
static constexpr double kCopyLeft = 0.25;
static constexpr double kTransposeLeft = 0.45;
static constexpr double kSumUp = 0.6;      ///< to read and write an element of a sum that left the second cache
static constexpr double kStartBlock = 0.1; ///< for an element of the result, for each block of k

/// The first `bytes` of `rows` rows lie so that more lines share a set of the first cache than it has room for beside
/// the right operand.
static bool rowsCollide(const Machine &machine, int64_t rows, int64_t rowBytes, int64_t bytes) {
  constexpr int64_t kSets = kL1WayBytes / kLineBytes;
  int64_t linesOfSet[kSets] = {};
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t byte = 0; byte < bytes; byte += kLineBytes)
      ++linesOfSet[(row * rowBytes + byte) / kLineBytes % kSets];
  int64_t ways = machine.l1Bytes / kL1WayBytes;
  return llvm::any_of(linesOfSet, [&](int64_t lines) { return lines > ways - 2; });
}

static bool mustPackLeft(const ContractionShape &shape, const Machine &machine, int64_t blockSums) {
  if (!shape.leftSum.uniform() || shape.leftSum.stride() != 1)
    return true;
  int64_t rowBytes = 2 * shape.tiles.leftRow;
  if (unitOf(machine) == Unit::Tiles)
    return rowsCollide(machine, kBlockRows, rowBytes, 2 * blockSums);
  // A line is done with before the next one of its row is begun.
  return rowsCollide(machine, kGroupRows, rowBytes, kLineBytes);
}

/// k of a block, at most. On tiles a stripe of the left operand that long fills two thirds of the first cache; for dot
/// products neither operand stays there, and long blocks save what it takes to start one, but the panels are to leave
/// room in the second cache (measured on Zen 4: 256 is 3 to 10% slower than 1024, and so is 2048 for some products).
static int64_t mostBlockSums(const Machine &machine) {
  int64_t bytes = unitOf(machine) == Unit::Tiles ? machine.l1Bytes * 2 / 3 : machine.l2Bytes / machine.l2Cores / 16;
  return std::max(kTileSums, bytes / (2 * kBlockRows) / kTileSums * kTileSums);
}

/// Multiply-adds in a cycle while operands come from the caches they should be in.
static double productsPerCycle(const Machine &machine) {
  return kReached * machines::peakFlopsPerCore(machine, "bf16") / (2 * machine.frequency);
}

/// Cycles of so many neighbouring tasks done as one piece.
static double pieceCycles(const ContractionShape &shape, const Machine &machine, const Bf16Blocking &blocking,
                          double tasks) {
  PieceTraffic traffic = trafficOf(shape, blocking.pieces, tasks);
  bool transposes = !shape.leftSum.contiguous() && !packsLeftInPairs(machine, shape.tiles, shape.leftSum);
  double leftCycles = blocking.pieces.left == LeftReading::InPlace ? kReadLeft
                      : transposes                                 ? kTransposeLeft
                                                                   : kCopyLeft;
  double blocks = double(llvm::divideCeil(shape.sums(), blocking.blockSums));
  double ofSums =
      traffic.results / productsPerCycle(machine) + traffic.rightPacked * kPackRight + traffic.leftRead * leftCycles;
  return double(paddedSums(shape.sums())) * ofSums +
         traffic.results * (double(blocking.rounds(shape) - 1) * kSumUp + blocks * kStartBlock);
}

/// Of the piece that is kept in scratch: it has the rows of one task.
static int64_t keptBytes(const Blocking &pieces) { return pieces.tilesPerTask * kBlockRows * pieces.mostColumns * 4; }

static Bf16Blocking withRounds(const ContractionShape &shape, const Machine &machine, int64_t rounds) {
  Bf16Blocking blocking{};
  int64_t sums = paddedSums(llvm::divideCeil(shape.sums(), rounds));
  int64_t blocks = llvm::divideCeil(sums, mostBlockSums(machine));
  blocking.blockSums = paddedSums(llvm::divideCeil(sums, blocks));
  blocking.pieces.sums = rounds == 1 ? shape.sums() : blocks * blocking.blockSums;
  blocking.pieces.left = mustPackLeft(shape, machine, blocking.blockSums) ? LeftReading::Packed : LeftReading::InPlace;
  blocking.pieces.tilesPerPack = 1;
  blocking.pieces.order = LoopOrder::PanelsWithinTiles;
  return blocking;
}

/// What the packed right operand takes of the second cache; the rest is for what passes by. Dot products read it thrice
/// as often (measured on Zen 4: 76 is up to 3% faster than 60).
static int64_t panelPercent(const Machine &machine) { return unitOf(machine) == Unit::Tiles ? 60 : 76; }

Bf16Blocking kinu::vectorize::bf16::chooseBf16Blocking(const ContractionShape &shape, const Machine &machine,
                                                       bool keepsPieces) {
  int64_t chunk = machine.l2Bytes / machine.l2Cores * panelPercent(machine) / 100;
  Bf16Blocking best{};
  double bestCycles = std::numeric_limits<double>::infinity();
  int64_t mostRounds = llvm::divideCeil(shape.sums(), mostBlockSums(machine));
  for (int64_t rounds = 1; rounds <= mostRounds; rounds = std::max(rounds + 1, rounds * 5 / 4)) {
    Bf16Blocking candidate = withRounds(shape, machine, rounds);
    Blocking &pieces = candidate.pieces;
    int64_t fits = std::max<int64_t>(1, chunk / (2 * kBlockColumns * paddedSums(pieces.sums))) * kBlockColumns;
    pieces.mostColumns = std::min<int64_t>(fits, llvm::alignTo(shape.columns(), kBlockColumns));
    for (int64_t columnTasks = llvm::divideCeil(shape.columns(), pieces.mostColumns), tried = 0; tried < 16;
         ++columnTasks, ++tried)
      for (int64_t rowTasks : kRowTasks)
        for (bool rowsFastest : {false, true}) {
          pieces.columns = llvm::alignTo(llvm::divideCeil(shape.columns(), columnTasks), kBlockColumns);
          pieces.tilesPerTask = llvm::divideCeil(shape.tiles.tiles(), rowTasks);
          pieces.rowsFastest = rowsFastest;
          if (keepsPieces && candidate.rounds(shape) > 1 && (rowsFastest || keptBytes(pieces) > kMostKeptBytes))
            continue;
          double cycles = launchCycles(shape, machine, pieces,
                                       [&](double tasks) { return pieceCycles(shape, machine, candidate, tasks); });
          if (cycles < bestCycles) {
            bestCycles = cycles;
            best = candidate;
          }
        }
  }
  return best;
}
