#include "compiler/report/ControlFlow.h"

#include "compiler/report/ControlFlowCode.h"

#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"

#include <map>

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
class Walker {
public:
  Walker(ControlFlowCounts &counts, int64_t vscale, const std::vector<int64_t> &buffers, AccessSink sink,
         int64_t mostBlocks)
      : counts(counts), vscale(vscale), buffers(buffers), sink(sink), blocksLeft(mostBlocks) {}

  Error walk(const FunctionCode &function, Frame &frame);

private:
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
  return walk(*step.callee, inner);
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
  unsigned at = 0;
  std::optional<unsigned> from;
  Frame moved;
  SmallVector<MemoryAccess, 16> accesses, last;
  for (;;) {
    const BlockCode &block = function.blocks[at];
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
      return Error::success();
    from = at;
    at = next;
  }
}

struct ControlFlow::Code {
  int64_t vscale;
  std::vector<int64_t> buffers;
  std::map<Function *, std::unique_ptr<FunctionCode>> functions;
  FunctionCode *kernel = nullptr;
  unsigned numbers = 0;

  FunctionCode *codeOf(Function &function) {
    auto [place, isNew] = functions.try_emplace(&function, nullptr);
    if (isNew) {
      place->second = std::make_unique<FunctionCode>();
      *place->second = makeCode(function, vscale, [&](Function &callee) { return codeOf(callee); });
      for (const BlockCode &block : place->second->blocks)
        numbers = std::max(numbers, block.number);
    }
    return place->second.get();
  }
};

ControlFlow::ControlFlow(Function &kernel, int64_t vscale) : code(std::make_unique<Code>()) {
  code->vscale = vscale;
  code->kernel = code->codeOf(kernel);
}

ControlFlow::~ControlFlow() = default;

void ControlFlow::share(int64_t buffer, int64_t other) {
  for (int64_t i = int64_t(code->buffers.size()); i <= std::max(buffer, other); ++i)
    code->buffers.push_back(i);
  code->buffers[size_t(buffer)] = code->buffers[size_t(other)];
}

Expected<ControlFlowCounts> ControlFlow::run(int64_t begin, int64_t end, AccessSink sink, int64_t mostBlocks) {
  ControlFlowCounts counts(code->numbers + 1);
  Frame frame = code->kernel->frame;
  if (code->kernel->arguments != 4)
    return createStringError("a kernel has four arguments");
  frame[0] = kTable;
  frame[1] = kScratchAddress;
  frame[2] = begin;
  frame[3] = end;
  if (Error error = Walker(counts, code->vscale, code->buffers, sink, mostBlocks).walk(*code->kernel, frame))
    return std::move(error);
  return counts;
}
