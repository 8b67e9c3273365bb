#include "compiler/report/KernelModel.h"

#include "compiler/report/ControlFlow.h"
#include "compiler/report/Cycles.h"
#include "runtime/Sharing.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"

#include <cmath>
#include <numeric>
#include <set>

using namespace kinu::report;
using kinu::machines::Machine;
using kinu::machines::Timing;

static constexpr double kWalked = 4e5; ///< blocks; to follow so many takes about half a second
static constexpr int64_t kProbes = 8;  ///< tasks looked at, to see whether all are alike
static constexpr double kAlike = 0.03; ///< tasks differ by no more than this part

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

  /// The next piece of a thread: so many times what was found.
  void add(size_t thread, ControlFlowCounts found, llvm::ArrayRef<CacheTraffic> touched, double times) {
    all.resize(found.size());
    traffic.resize(found.size());
    for (auto [sum, one] : llvm::zip(all, found)) {
      one.runs *= times;
      one.entries *= times;
      sum.runs += one.runs;
      sum.entries += one.entries;
    }
    for (auto [sum, one] : llvm::zip(traffic, touched))
      sum += one * times;
    counts[thread].push_back(std::move(found));
  }
};
} // namespace

static double blocksWalked(const ControlFlowCounts &counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0,
                         [](double sum, const BlockRuns &block) { return sum + block.entries; });
}

/// The part of each piece that is walked: all of it, or if that would take long and tasks are alike, as those of a
/// large batch are, its first tasks, which then stand for the others.
static llvm::Expected<double> partToWalk(ControlFlow &flow, int64_t tasks) {
  if (tasks < kProbes)
    return 1;
  std::vector<double> walked, runs;
  for (int64_t probe = 0; probe < kProbes; ++probe) {
    int64_t task = tasks * probe / kProbes + probe * 5 % (tasks / kProbes); // at no even distance
    auto found = flow.run(task, task + 1);
    if (!found)
      return found.takeError();
    walked.push_back(blocksWalked(*found));
    runs.push_back(std::accumulate(found->begin(), found->end(), 0.0,
                                   [](double sum, const BlockRuns &block) { return sum + block.runs; }));
    if (walked.front() * double(tasks) <= kWalked)
      return 1;
  }
  llvm::sort(runs);
  double middle = runs[runs.size() / 2];
  // One or two may be at an edge.
  auto alike = llvm::count_if(runs, [&](double one) { return std::abs(one - middle) <= kAlike * middle; });
  if (alike < kProbes - 2)
    return 1;
  return std::min(1.0, kWalked / (walked[walked.size() / 2] * double(tasks)));
}

namespace {
/// What was found in so many tasks of a thread.
struct Walked {
  double tasks = 0;
  ControlFlowCounts counts;
  std::vector<CacheTraffic> traffic; ///< by block
};
} // namespace

/// Walks all pieces, or two of each thread, or the first tasks of those. Threads run side by side, so their pieces take
/// turns.
static llvm::Error follow(ControlFlow &flow, CacheModel &caches, int64_t tasks, Pieces &pieces) {
  llvm::Expected<double> part = partToWalk(flow, tasks);
  if (!part)
    return part.takeError();
  size_t most = 0;
  for (const auto &range : pieces.ranges)
    most = std::max(most, range.size());
  // The first piece finds the caches empty, the second one as all others do.
  size_t walkedPieces = *part < 1 ? std::min<size_t>(most, 2) : most;
  double partOfPiece = std::min(1.0, *part * double(most) / double(walkedPieces));
  std::vector<Walked> walked(pieces.ranges.size());
  pieces.counts.resize(pieces.ranges.size());
  for (size_t number = 0; number < most; ++number)
    for (size_t thread = 0; thread < pieces.ranges.size(); ++thread) {
      if (number >= pieces.ranges[thread].size())
        continue;
      const Piece &piece = pieces.ranges[thread][number];
      double size = double(piece.end - piece.begin);
      Walked &last = walked[thread];
      if (number < walkedPieces) {
        last = {std::ceil(partOfPiece * size), {}, {}};
        auto touch = [&](unsigned block, int64_t rounds, llvm::ArrayRef<MemoryAccess> accesses) {
          if (block >= last.traffic.size())
            last.traffic.resize(block + 1);
          caches.touch(int64_t(thread), rounds, accesses, last.traffic[block]);
        };
        auto found = flow.run(piece.begin, piece.begin + int64_t(last.tasks), touch);
        if (!found)
          return found.takeError();
        last.counts = std::move(*found);
      }
      pieces.add(thread, last.counts, last.traffic, size / last.tasks);
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
  if (llvm::Error error = follow(flow, caches, code.tasks, pieces))
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
