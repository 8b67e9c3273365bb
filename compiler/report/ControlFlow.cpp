#include "compiler/report/ControlFlow.h"

#include "compiler/report/ControlFlowCode.h"

#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"

#include <map>
#include <unordered_map>

using namespace kinu::report;
using namespace llvm;

/// The address that stands for the table of buffers.
static constexpr int64_t kTable = int64_t(1) << 60;

static int64_t cut(int64_t value, unsigned width) {
  return width >= 64 ? value : int64_t(uint64_t(value) & ((uint64_t(1) << width) - 1));
}
static int64_t extended(int64_t value, unsigned width) {
  return width >= 64 ? value : int64_t(uint64_t(value) << (64 - width)) >> (64 - width);
}

static bool compares(CmpInst::Predicate predicate, __int128 x, __int128 y) {
  switch (predicate) {
  case CmpInst::ICMP_EQ: return x == y;
  case CmpInst::ICMP_NE: return x != y;
  case CmpInst::ICMP_SLT:
  case CmpInst::ICMP_ULT: return x < y;
  case CmpInst::ICMP_SLE:
  case CmpInst::ICMP_ULE: return x <= y;
  case CmpInst::ICMP_SGT:
  case CmpInst::ICMP_UGT: return x > y;
  default: return x >= y;
  }
}

static __int128 widened(CmpInst::Predicate predicate, int64_t value, unsigned width) {
  return CmpInst::isSigned(predicate) ? __int128(extended(value, width)) : __int128(uint64_t(value));
}

namespace {
/// Where a walk through a loop stopped: about to go from a block of it to another one.
struct Exit {
  unsigned from = 0, to = 0;
};

/// What a loop did from entry to exit, or a function that was called.
struct Passage {
  SmallVector<std::pair<unsigned, BlockRuns>, 8> counts; ///< blocks by their numbers
  Exit exit;
  SmallVector<int64_t, 4> outputs;
};

struct KeyHash {
  size_t operator()(const std::vector<int64_t> &key) const { return hash_combine_range(key.begin(), key.end()); }
};

/// What was seen: by the loop or function, where it was entered from and what it was given.
using Passages = std::unordered_map<std::vector<int64_t>, Passage, KeyHash>;

constexpr size_t kMostPassages = size_t(1) << 20;

class Walker {
public:
  /// With `passages` what was seen is not walked again; nobody is then told of accesses.
  Walker(ControlFlowCounts &counts, int64_t vscale, const std::vector<int64_t> &buffers, AccessSink sink,
         Passages *passages, int64_t mostBlocks)
      : counts(counts), vscale(vscale), buffers(buffers), sink(sink), passages(passages), blocksLeft(mostBlocks) {}

  Error walk(const FunctionCode &function, Frame &frame);

private:
  Expected<Exit> walkFrom(const FunctionCode &function, Frame &frame, std::optional<unsigned> from, unsigned at,
                          const LoopCode *within);
  Expected<Exit> pass(const FunctionCode &function, const LoopCode &loop, Frame &frame, unsigned from, unsigned head);
  Error call(const FunctionCode &function, Frame &frame);
  void remember(std::vector<int64_t> key, const ControlFlowCounts &before, const Exit &exit,
                SmallVector<int64_t, 4> outputs);
  bool repeats(const std::vector<int64_t> &key, const Passage *&passage);
  Error step(const Step &step, Frame &frame);
  int64_t evaluate(const Step &step, const Frame &frame) const;
  int64_t intrinsic(const Step &step, const Frame &frame) const;
  std::optional<int64_t> roundsLeft(const CountedLoop &loop, const BlockCode &block, const Frame &frame) const;
  Error finishLoop(const BlockCode &block, Frame &frame, int64_t rounds);
  static unsigned nextOf(const BlockCode &block, const Frame &frame);
  static void collect(const BlockCode &block, const Frame &frame, SmallVectorImpl<MemoryAccess> &accesses);

  ControlFlowCounts &counts;
  int64_t vscale;
  const std::vector<int64_t> &buffers; ///< by the entry of the table: which buffer it is
  AccessSink sink;
  Passages *passages;
  int64_t blocksLeft;
};
} // namespace

int64_t Walker::intrinsic(const Step &step, const Frame &frame) const {
  auto *call = dyn_cast<IntrinsicInst>(step.op);
  if (!call)
    return 0;
  unsigned width = widthOf(step.op->getType());
  auto argument = [&](size_t i) { return frame[size_t(step.operands[i])]; };
  auto ordered = [&](size_t i) { return extended(argument(i), width); };
  switch (call->getIntrinsicID()) {
  case Intrinsic::umin: return int64_t(std::min(uint64_t(argument(0)), uint64_t(argument(1))));
  case Intrinsic::umax: return int64_t(std::max(uint64_t(argument(0)), uint64_t(argument(1))));
  case Intrinsic::smin: return cut(std::min(ordered(0), ordered(1)), width);
  case Intrinsic::smax: return cut(std::max(ordered(0), ordered(1)), width);
  case Intrinsic::abs: return cut(std::abs(ordered(0)), width);
  case Intrinsic::usub_sat: return uint64_t(argument(0)) > uint64_t(argument(1)) ? argument(0) - argument(1) : 0;
  case Intrinsic::vscale: return vscale;
  case Intrinsic::launder_invariant_group: return argument(0);
  default: return 0;
  }
}

/// Where the block's instructions found their memory in the round that `frame` is of.
void Walker::collect(const BlockCode &block, const Frame &frame, SmallVectorImpl<MemoryAccess> &accesses) {
  accesses.clear();
  for (const AccessCode &access : block.accesses) {
    int64_t address = frame[size_t(access.pointer)];
    int64_t stride = access.rowStride < 0 ? 0 : frame[size_t(access.rowStride)];
    for (int64_t row = 0; row < access.rows; ++row)
      accesses.push_back({address + row * stride, access.bytes, 0, access.writes, access.streams});
  }
}

int64_t Walker::evaluate(const Step &step, const Frame &frame) const {
  auto at = [&](size_t i) { return frame[size_t(step.operands[i])]; };
  unsigned width = widthOf(step.op->getType());
  Type *operandType = step.op->getNumOperands() ? step.op->getOperand(0)->getType() : nullptr;
  unsigned from = operandType && isFollowed(operandType) ? widthOf(operandType) : 64;
  auto ordered = [&](size_t i) { return extended(at(i), width); };
  switch (step.op->getOpcode()) {
  case Instruction::Add: return cut(int64_t(uint64_t(at(0)) + uint64_t(at(1))), width);
  case Instruction::Sub: return cut(int64_t(uint64_t(at(0)) - uint64_t(at(1))), width);
  case Instruction::Mul: return cut(int64_t(uint64_t(at(0)) * uint64_t(at(1))), width);
  case Instruction::UDiv: return at(1) ? int64_t(uint64_t(at(0)) / uint64_t(at(1))) : 0;
  case Instruction::URem: return at(1) ? int64_t(uint64_t(at(0)) % uint64_t(at(1))) : 0;
  case Instruction::SDiv: return at(1) && at(1) != -1 ? cut(ordered(0) / ordered(1), width) : 0;
  case Instruction::SRem: return at(1) && at(1) != -1 ? cut(ordered(0) % ordered(1), width) : 0;
  case Instruction::Shl: return uint64_t(at(1)) < width ? cut(int64_t(uint64_t(at(0)) << at(1)), width) : 0;
  case Instruction::LShr: return uint64_t(at(1)) < width ? int64_t(uint64_t(at(0)) >> at(1)) : 0;
  case Instruction::AShr: return uint64_t(at(1)) < width ? cut(ordered(0) >> at(1), width) : 0;
  case Instruction::And: return at(0) & at(1);
  case Instruction::Or: return at(0) | at(1);
  case Instruction::Xor: return at(0) ^ at(1);
  case Instruction::Select: return at(0) ? at(1) : at(2);
  case Instruction::SExt: return cut(extended(at(0), from), width);
  case Instruction::ZExt:
  case Instruction::Trunc:
  case Instruction::PtrToInt:
  case Instruction::IntToPtr:
  case Instruction::Freeze: return cut(at(0), width);
  case Instruction::ICmp: {
    auto predicate = cast<ICmpInst>(step.op)->getPredicate();
    return isFollowed(operandType) &&
           compares(predicate, widened(predicate, at(0), from), widened(predicate, at(1), from));
  }
  case Instruction::GetElementPtr: {
    int64_t address = at(0) + step.offset;
    for (auto [i, scale] : enumerate(step.scales))
      address += at(i + 1) * scale;
    return address;
  }
  case Instruction::Load: {
    uint64_t entry = (uint64_t(at(0)) - uint64_t(kTable)) / 8;
    if (entry >= uint64_t(1) << 17)
      return 0;
    return ((entry < buffers.size() ? buffers[entry] : int64_t(entry)) + 1) * kBufferSpan;
  }
  case Instruction::Call: return intrinsic(step, frame);
  default: return 0;
  }
}

Error Walker::step(const Step &step, Frame &frame) {
  if (!step.callee) {
    frame[size_t(step.result)] = evaluate(step, frame);
    return Error::success();
  }
  Frame inner = step.callee->frame;
  for (auto [i, operand] : enumerate(step.operands))
    inner[i] = frame[size_t(operand)];
  return passages ? call(*step.callee, inner) : walk(*step.callee, inner);
}

/// Whether what has this key was seen: it is then counted.
bool Walker::repeats(const std::vector<int64_t> &key, const Passage *&passage) {
  auto found = passages->find(key);
  if (found == passages->end())
    return false;
  passage = &found->second;
  for (auto [number, runs] : passage->counts) {
    counts[number].runs += runs.runs;
    counts[number].entries += runs.entries;
  }
  return true;
}

void Walker::remember(std::vector<int64_t> key, const ControlFlowCounts &before, const Exit &exit,
                      SmallVector<int64_t, 4> outputs) {
  if (passages->size() >= kMostPassages)
    return;
  Passage passage{{}, exit, std::move(outputs)};
  for (auto [number, now] : enumerate(counts))
    if (now.runs > before[number].runs)
      passage.counts.push_back(
          {unsigned(number), {now.runs - before[number].runs, now.entries - before[number].entries}});
  passages->emplace(std::move(key), std::move(passage));
}

static int64_t identityOf(const void *of) { return int64_t(reinterpret_cast<intptr_t>(of)); }

Error Walker::call(const FunctionCode &function, Frame &frame) {
  std::vector<int64_t> key{identityOf(&function)};
  for (unsigned i = 0; i < function.arguments; ++i)
    if (function.usedArguments[i])
      key.push_back(frame[i]);
  const Passage *known = nullptr;
  if (repeats(key, known))
    return Error::success();
  ControlFlowCounts before = counts;
  if (Error error = walk(function, frame))
    return error;
  remember(std::move(key), before, {}, {});
  return Error::success();
}

/// From the entry into a loop until it is left.
Expected<Exit> Walker::pass(const FunctionCode &function, const LoopCode &loop, Frame &frame, unsigned from,
                            unsigned head) {
  std::vector<int64_t> key{identityOf(&loop), int64_t(from)};
  for (Slot input : loop.inputs)
    key.push_back(frame[size_t(input)]);
  const Passage *known = nullptr;
  if (repeats(key, known)) {
    for (auto [slot, value] : zip(loop.outputs, known->outputs))
      frame[size_t(slot)] = value;
    return known->exit;
  }
  ControlFlowCounts before = counts;
  auto exit = walkFrom(function, frame, from, head, &loop);
  if (!exit)
    return exit;
  SmallVector<int64_t, 4> outputs;
  for (Slot output : loop.outputs)
    outputs.push_back(frame[size_t(output)]);
  remember(std::move(key), before, *exit, std::move(outputs));
  return exit;
}

unsigned Walker::nextOf(const BlockCode &block, const Frame &frame) {
  if (block.condition < 0)
    return block.successors[0];
  int64_t value = frame[size_t(block.condition)];
  if (!block.isSwitch)
    return block.successors[value ? 0 : 1];
  for (auto [i, number] : enumerate(block.cases))
    if (number == value)
      return block.successors[i + 1];
  return block.successors[0];
}

/// After a round that goes on: how many are still to come. None where counting does not tell.
std::optional<int64_t> Walker::roundsLeft(const CountedLoop &loop, const BlockCode &block, const Frame &frame) const {
  const auto &moves = block.edges[loop.self].second;
  auto stepOf = [&](int phi) -> __int128 {
    if (phi < 0)
      return 0;
    const PhiMove &move = moves[size_t(phi)];
    return __int128(frame[size_t(move.value)]) - frame[size_t(move.result)];
  };
  __int128 dx = stepOf(loop.leftPhi), dy = stepOf(loop.rightPhi);
  __int128 x = widened(loop.goesOn, frame[size_t(loop.left)], loop.width);
  __int128 y = widened(loop.goesOn, frame[size_t(loop.right)], loop.width);
  auto goesOn = [&](int64_t round) { return compares(loop.goesOn, x + round * dx, y + round * dy); };
  if (loop.goesOn == CmpInst::ICMP_NE)
    return dx != dy && (y - x) % (dx - dy) == 0 && (y - x) / (dx - dy) > 0 ? std::optional(int64_t((y - x) / (dx - dy)))
                                                                           : std::nullopt;
  constexpr int64_t kMost = int64_t(1) << 40;
  if (goesOn(kMost))
    return std::nullopt;
  int64_t yes = 0, no = kMost;
  while (no - yes > 1) {
    int64_t middle = yes + (no - yes) / 2;
    (goesOn(middle) ? yes : no) = middle;
  }
  return no;
}

/// Puts the frame where it is at the end of the last round.
Error Walker::finishLoop(const BlockCode &block, Frame &frame, int64_t rounds) {
  counts[block.number].runs += double(rounds);
  for (const PhiMove &move : block.edges[block.loop->self].second) {
    // A step never changes, so after `rounds` of them:
    int64_t &phi = frame[size_t(move.result)];
    phi += (frame[size_t(move.value)] - phi) * rounds;
  }
  for (const Step &each : block.steps)
    if (Error error = step(each, frame))
      return error;
  return Error::success();
}

Error Walker::walk(const FunctionCode &function, Frame &frame) {
  return walkFrom(function, frame, std::nullopt, 0, nullptr).takeError();
}

/// Walks blocks until the function ends or `within`, if it is given, is left.
Expected<Exit> Walker::walkFrom(const FunctionCode &function, Frame &frame, std::optional<unsigned> from, unsigned at,
                                const LoopCode *within) {
  Frame moved;
  SmallVector<MemoryAccess, 16> accesses, last;
  for (;;) {
    const BlockCode &block = function.blocks[at];
    const LoopCode *entered = passages && from && block.head >= 0 ? &function.loops[size_t(block.head)] : nullptr;
    if (entered && entered != within && !entered->blocks[*from]) {
      auto exit = pass(function, *entered, frame, *from, at);
      if (!exit || (within && !within->blocks[exit->to]))
        return exit;
      from = exit->from;
      at = exit->to;
      continue;
    }
    if (--blocksLeft < 0)
      return createStringError("too many blocks to walk");
    if (from)
      for (const auto &[before, moves] : block.edges)
        if (before == *from) {
          moved.clear();
          for (const PhiMove &move : moves)
            moved.push_back(frame[size_t(move.value)]);
          for (auto [move, value] : zip(moves, moved))
            frame[size_t(move.result)] = value;
          break;
        }
    BlockRuns &runs = counts[block.number];
    ++runs.runs;
    if (from != at)
      ++runs.entries;
    for (const Step &each : block.steps)
      if (Error error = step(each, frame))
        return error;
    bool touches = sink && !block.accesses.empty();
    if (touches)
      collect(block, frame, accesses);
    int64_t rounds = 1;
    unsigned next = block.ends ? 0 : nextOf(block, frame);
    if (!block.ends && next == at && block.loop)
      if (auto left = roundsLeft(*block.loop, block, frame)) {
        if (Error error = finishLoop(block, frame, *left))
          return error;
        next = nextOf(block, frame);
        rounds += *left;
        if (touches)
          collect(block, frame, last);
      }
    if (touches) {
      if (rounds > 1)
        for (auto [first, end] : zip(accesses, last))
          first.stride = (end.address - first.address) / (rounds - 1);
      sink(block.number, rounds, accesses);
    }
    if (block.ends)
      return Exit();
    if (within && !within->blocks[next])
      return Exit{at, next};
    from = at;
    at = next;
  }
}

struct ControlFlow::Code {
  int64_t vscale;
  std::vector<int64_t> buffers;
  std::map<std::pair<Function *, Follow>, std::unique_ptr<FunctionCode>> functions;
  FunctionCode *branches = nullptr, *memory = nullptr; ///< the kernel's
  Passages passages;
  unsigned numbers = 0;

  FunctionCode *codeOf(Function &function, Follow follow) {
    auto [place, isNew] = functions.try_emplace({&function, follow}, nullptr);
    if (isNew) {
      place->second = std::make_unique<FunctionCode>();
      *place->second = makeCode(function, follow, vscale, [&](Function &callee) { return codeOf(callee, follow); });
      for (const BlockCode &block : place->second->blocks)
        numbers = std::max(numbers, block.number);
    }
    return place->second.get();
  }
};

ControlFlow::ControlFlow(Function &kernel, int64_t vscale) : code(std::make_unique<Code>()) {
  code->vscale = vscale;
  code->branches = code->codeOf(kernel, Follow::Branches);
  code->memory = code->codeOf(kernel, Follow::Memory);
}

ControlFlow::~ControlFlow() = default;

void ControlFlow::share(int64_t buffer, int64_t other) {
  for (int64_t i = int64_t(code->buffers.size()); i <= std::max(buffer, other); ++i)
    code->buffers.push_back(i);
  code->buffers[size_t(buffer)] = code->buffers[size_t(other)];
  code->passages.clear();
}

Expected<ControlFlowCounts> ControlFlow::run(int64_t begin, int64_t end, AccessSink sink, int64_t mostBlocks) {
  ControlFlowCounts counts(code->numbers + 1);
  const FunctionCode &kernel = sink ? *code->memory : *code->branches;
  Frame frame = kernel.frame;
  if (kernel.arguments != 4)
    return createStringError("a kernel has four arguments");
  frame[0] = kTable;
  frame[1] = kScratchAddress;
  frame[2] = begin;
  frame[3] = end;
  Passages *passages = sink ? nullptr : &code->passages;
  if (Error error = Walker(counts, code->vscale, code->buffers, sink, passages, mostBlocks).walk(kernel, frame))
    return std::move(error);
  return counts;
}
