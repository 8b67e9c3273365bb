#include "compiler/report/KernelModel.h"

#include "compiler/report/ControlFlow.h"
#include "compiler/report/Cycles.h"
#include "runtime/Sharing.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"

#include <numeric>
#include <set>

using namespace kinu::report;
using kinu::machines::Machine;
using kinu::machines::Timing;

/// Blocks walked with caches, of a launch; it takes about half a second.
static constexpr double kSimulatedBlocks = 4e5;
static constexpr size_t kSimulatedPieces = 2; ///< of each thread, at least

namespace {
/// Tasks [begin, end), which one thread does at a stretch.
struct Piece {
  int64_t begin, end;
};
} // namespace

/// The pieces of each thread's range, as Team cuts them.
static std::vector<std::vector<Piece>> piecesOf(const KernelCode &code, int64_t threads) {
  if (threads == 1 || !kinu::rt::isWorthSplitting(code.tasks, code.operations, code.bytes))
    return {{{0, code.tasks}}};
  std::vector<std::vector<Piece>> ranges;
  int64_t size = kinu::rt::tasksOfPiece(code.tasks, threads);
  for (int64_t thread = 0; thread < threads; ++thread) {
    auto &range = ranges.emplace_back();
    int64_t end = kinu::rt::firstTask(code.tasks, threads, thread + 1);
    for (int64_t task = kinu::rt::firstTask(code.tasks, threads, thread); task < end; task += size)
      range.push_back({task, std::min(task + size, end)});
  }
  return ranges;
}

/// When the last thread is done: each takes pieces from the front of its own range, then from the back of the others'.
static double longestOf(const std::vector<std::vector<double>> &ranges) {
  size_t threads = ranges.size();
  std::vector<size_t> first(threads, 0), last(threads);
  for (size_t i = 0; i < threads; ++i)
    last[i] = ranges[i].size();
  std::vector<double> time(threads, 0);
  std::vector<bool> done(threads, false);
  for (;;) {
    size_t next = threads;
    for (size_t i = 0; i < threads; ++i)
      if (!done[i] && (next == threads || time[i] < time[next]))
        next = i;
    if (next == threads)
      return *std::max_element(time.begin(), time.end());
    size_t victim = threads;
    for (size_t i = 0; i < threads && victim == threads; ++i)
      if (size_t other = (next + i) % threads; first[other] < last[other])
        victim = other;
    if (victim == threads)
      done[next] = true;
    else
      time[next] += victim == next ? ranges[next][first[next]++] : ranges[victim][--last[victim]];
  }
}

namespace {
/// How often the machine's blocks run, and their cycles, found for those that matter.
class BlockCycles {
public:
  BlockCycles(const Assembly &code, const ControlFlowCounts &all, const Machine &machine, const Timing &timing)
      : code(code), missed(cyclesOfMissedBranch(code)) {
    for (const MachineBlock &block : code.blocks)
      if (block.loops)
        loops.insert(block.number);
    double executed = instructions(all);
    double issued = timing.usesScheduling() ? double(timing.dispatch) : timing.issueWidth;
    for (const MachineBlock &block : code.blocks) {
      double size = double(block.instructions.size());
      bool matters = runs(block, all) * size > 1e-3 * executed;
      cycles.push_back(matters ? cyclesOf(code, block, machine, timing) : size / issued);
    }
  }

  /// What code generation put before a loop has the loop's number, too, but does not loop.
  double runs(const MachineBlock &block, const ControlFlowCounts &counts) const {
    bool isBefore = !block.loops && loops.contains(block.number);
    return isBefore ? counts[block.number].entries : counts[block.number].runs;
  }
  double instructions(const ControlFlowCounts &counts) const {
    double sum = 0;
    for (const MachineBlock &block : code.blocks)
      sum += runs(block, counts) * double(block.instructions.size());
    return sum;
  }
  double of(size_t block) const { return cycles[block]; }
  /// Of a block in some tasks.
  double of(size_t index, const MachineBlock &block, const ControlFlowCounts &counts) const {
    return runs(block, counts) * cycles[index] + (block.loops ? counts[block.number].entries * missed : 0);
  }

private:
  const Assembly &code;
  std::set<unsigned> loops; ///< numbers of blocks that loop
  std::vector<double> cycles;
  double missed;
};
} // namespace

static void describeHottest(const Assembly &code, const BlockCycles &cycles, const ControlFlowCounts &all,
                            KernelModel &model) {
  double most = -1;
  for (auto [i, block] : llvm::enumerate(code.blocks)) {
    double own = cycles.of(i, block, all);
    if (own <= most)
      continue;
    most = own;
    model.vectorRegisters = countVectorRegisters(code, block);
    model.spills = llvm::count_if(block.instructions, [](const MachineInstruction &op) { return op.spills; });
    model.loopInstructions = int64_t(block.instructions.size());
    model.loopCycles = cycles.of(i);
    model.loopShare = model.cycles > 0 ? own / model.cycles : 0;
  }
}

namespace {
/// The pieces of a kernel and what the machine's blocks and caches do in each.
struct Pieces {
  std::vector<std::vector<Piece>> ranges;             ///< of each thread
  std::vector<std::vector<ControlFlowCounts>> counts; ///< likewise
  ControlFlowCounts all;
  std::vector<CacheTraffic> traffic; ///< by block

  void add(size_t thread, ControlFlowCounts found, llvm::ArrayRef<CacheTraffic> touched) {
    all.resize(found.size());
    traffic.resize(found.size());
    for (auto [sum, one] : llvm::zip(all, found)) {
      sum.runs += one.runs;
      sum.entries += one.entries;
    }
    for (auto [sum, one] : llvm::zip(traffic, touched))
      sum += one;
    counts[thread].push_back(std::move(found));
  }
};

/// A piece that was walked with caches.
struct Simulated {
  ControlFlowCounts counts;
  std::vector<CacheTraffic> traffic; ///< by block

  /// Whether it knows of all blocks that run in another piece.
  bool knows(const ControlFlowCounts &other) const {
    return llvm::all_of(llvm::zip(counts, other), [](const auto &pair) {
      const auto &[own, theirs] = pair;
      return own.runs > 0 || theirs.runs == 0;
    });
  }
  /// What another piece moves: each block as much as here in a run.
  std::vector<CacheTraffic> trafficOf(const ControlFlowCounts &other) const {
    std::vector<CacheTraffic> scaled;
    for (auto [own, theirs, moved] : llvm::zip(counts, other, traffic))
      scaled.push_back(own.runs > 0 ? moved * (theirs.runs / own.runs) : CacheTraffic());
    return scaled;
  }
};
} // namespace

static double blocksWalked(const ControlFlowCounts &counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0,
                         [](double sum, const BlockRuns &block) { return sum + block.entries; });
}

static llvm::Expected<Simulated> simulate(ControlFlow &flow, CacheModel &caches, size_t thread, const Piece &piece) {
  Simulated result;
  auto touch = [&](unsigned block, int64_t rounds, llvm::ArrayRef<MemoryAccess> accesses) {
    if (block >= result.traffic.size())
      result.traffic.resize(block + 1);
    caches.touch(int64_t(thread), rounds, accesses, result.traffic[block]);
  };
  auto found = flow.run(piece.begin, piece.end, touch);
  if (!found)
    return found.takeError();
  result.counts = std::move(*found);
  result.traffic.resize(result.counts.size());
  return result;
}

/// Walks all pieces. Threads run side by side, so their pieces take turns. Caches take most of the time: in long
/// launches the first pieces of a thread tell what a block moves in a run, and the others are walked without caches.
static llvm::Error follow(ControlFlow &flow, CacheModel &caches, Pieces &pieces) {
  size_t most = 0;
  for (const auto &range : pieces.ranges)
    most = std::max(most, range.size());
  pieces.counts.resize(pieces.ranges.size());
  std::vector<Simulated> last(pieces.ranges.size());
  double walked = 0;
  for (size_t number = 0; number < most; ++number) {
    bool isTold = number >= kSimulatedPieces && walked > kSimulatedBlocks;
    for (size_t thread = 0; thread < pieces.ranges.size(); ++thread) {
      if (number >= pieces.ranges[thread].size())
        continue;
      const Piece &piece = pieces.ranges[thread][number];
      if (isTold) {
        auto counts = flow.run(piece.begin, piece.end);
        if (!counts)
          return counts.takeError();
        if (last[thread].knows(*counts)) {
          pieces.add(thread, *counts, last[thread].trafficOf(*counts));
          continue;
        }
      }
      auto found = simulate(flow, caches, thread, piece);
      if (!found)
        return found.takeError();
      walked += blocksWalked(found->counts);
      last[thread] = std::move(*found);
      pieces.add(thread, last[thread].counts, last[thread].traffic);
    }
  }
  return llvm::Error::success();
}

/// Blocks by their numbers; what is less than a thousandth of the kernel goes into one.
static std::vector<BlockModel> blocksOf(const Assembly &code, const BlockCycles &cycles, const Pieces &pieces,
                                        double allCycles) {
  std::vector<BlockModel> all(pieces.all.size());
  CacheTraffic whole;
  for (auto [block, traffic] : llvm::zip(all, pieces.traffic)) {
    block.traffic = traffic;
    whole += traffic;
  }
  for (auto [i, block] : llvm::enumerate(code.blocks))
    all[block.number].cycles += cycles.of(i, block, pieces.all);
  std::vector<BlockModel> found(1);
  for (const BlockModel &block : all) {
    const CacheTraffic &traffic = block.traffic;
    bool matters = block.cycles > 1e-3 * allCycles || traffic.l2 > 1e-3 * whole.l2 ||
                   traffic.fresh > 1e-3 * whole.fresh || traffic.memory > 1e-3 * whole.memory;
    if (matters) {
      found.push_back(block);
      continue;
    }
    found[0].cycles += block.cycles;
    found[0].traffic += traffic;
  }
  return found;
}

llvm::Expected<KernelModel> kinu::report::modelKernel(const KernelCode &code, int64_t threads, const Machine &machine,
                                                      const Timing &timing) {
  auto assembly = Assembly::parse(code.assembly, machine);
  if (!assembly)
    return assembly.takeError();
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  auto module = llvm::parseAssemblyString(code.ir, diagnostic, context);
  llvm::Function *kernel = module ? module->getFunction(code.symbol) : nullptr;
  if (!kernel)
    return llvm::createStringError("the code of a kernel cannot be read back: " + diagnostic.getMessage());
  ControlFlow flow(*kernel, machine.vscale());
  for (auto [buffer, other] : code.shared)
    flow.share(buffer, other);
  CacheModel caches(machine, timing, threads);
  Pieces pieces{piecesOf(code, threads), {}, {}, {}};
  if (llvm::Error error = follow(flow, caches, pieces))
    return error;
  for (const MachineBlock &block : (*assembly)->blocks)
    if (block.number >= pieces.all.size())
      return llvm::createStringError("the assembly of a kernel has a block that its IR has not");

  BlockCycles cycles(**assembly, pieces.all, machine, timing);
  KernelModel model;
  model.threads = int64_t(pieces.ranges.size());
  std::vector<std::vector<double>> times;
  for (const auto &range : pieces.counts) {
    auto &own = times.emplace_back();
    for (const ControlFlowCounts &piece : range) {
      double sum = 0;
      for (auto [i, block] : llvm::enumerate((*assembly)->blocks))
        sum += cycles.of(i, block, piece);
      own.push_back(sum);
      model.cycles += sum;
    }
  }
  model.instructions = cycles.instructions(pieces.all);
  model.longest = code.evenly ? model.cycles / double(std::min(model.threads, code.tasks)) : longestOf(times);
  model.blocks = blocksOf(**assembly, cycles, pieces, model.cycles);
  describeHottest(**assembly, cycles, pieces.all, model);
  return model;
}
