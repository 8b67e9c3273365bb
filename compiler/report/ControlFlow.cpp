// Each function becomes a list of blocks with the few instructions that branches, calls and addresses of buffers hang
// on, their values in numbered slots of a frame.
#include "compiler/report/ControlFlow.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DataLayout.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/GetElementPtrTypeIterator.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"

using namespace kinu::report;
using namespace llvm;

/// Addresses that stand for the table of buffers, the scratch memory and the buffers themselves, far apart.
static constexpr int64_t kTable = int64_t(1) << 60, kScratch = int64_t(1) << 61, kBuffer = int64_t(1) << 44;

namespace {
using Slot = int;
using Frame = std::vector<int64_t>;

struct Step {
  const Instruction *op = nullptr;
  Slot result = -1;
  SmallVector<Slot, 3> operands;
  int64_t offset = 0;             ///< of an address: the part that is constant
  SmallVector<int64_t, 2> scales; ///< of an address: bytes for one of each operand but the first
  struct FunctionCode *callee = nullptr;
};

struct PhiMove {
  Slot result, value;
};

/// A loop of one block: `next` of a phi is the phi plus what does not change.
struct CountedLoop {
  CmpInst::Predicate goesOn; ///< of `left` and `right`, at the end of a round
  Slot left, right;
  int leftPhi = -1, rightPhi = -1; ///< the move whose step each side has; -1: it does not change
  unsigned width = 64;             ///< of the two in bits
  unsigned self = 0;               ///< number of the edge from the block to itself
};

struct BlockCode {
  unsigned number = 0;
  std::vector<std::pair<unsigned, SmallVector<PhiMove, 4>>> edges; ///< from which block, and what moves on the way
  SmallVector<Step, 8> steps;
  Slot condition = -1; ///< of a branch or a switch; -1: goes to successors[0]
  SmallVector<unsigned, 2> successors;
  SmallVector<int64_t, 2> cases; ///< of a switch, for all successors but the first
  bool isSwitch = false, ends = false;
  std::optional<CountedLoop> loop;
};

struct FunctionCode {
  std::vector<BlockCode> blocks;
  Frame frame; ///< with the constants in it
  unsigned arguments = 0;
};

/// Makes the code of one function.
class Builder {
public:
  Builder(Function &function, int64_t vscale, function_ref<FunctionCode *(Function &)> codeOf)
      : function(function), layout(function.getParent()->getDataLayout()), vscale(vscale), codeOf(codeOf) {}

  FunctionCode build();

private:
  void findNeeded();
  void need(Value *value);
  Slot slotOf(Value *value);
  Step stepOf(Instruction &op);
  void addAddress(Step &step, GEPOperator &address);
  void terminate(BlockCode &block, Instruction &op);
  std::optional<CountedLoop> countedLoop(BasicBlock &block, const BlockCode &code);
  int phiOf(Value *value, BasicBlock &block, const SmallVectorImpl<PhiMove> &moves);
  bool isSteady(Value *value, BasicBlock &block) {
    auto *op = dyn_cast<Instruction>(value);
    return !op || op->getParent() != &block;
  }

  Function &function;
  const DataLayout &layout;
  int64_t vscale;
  function_ref<FunctionCode *(Function &)> codeOf;
  FunctionCode code;
  SetVector<Instruction *> needed;
  DenseMap<Value *, Slot> slots;
  DenseMap<BasicBlock *, unsigned> numbers;
};
} // namespace

static bool isFollowed(Type *type) {
  return (type->isIntegerTy() && type->getIntegerBitWidth() <= 64) || type->isPointerTy();
}

static unsigned widthOf(Type *type) { return type->isIntegerTy() ? type->getIntegerBitWidth() : 64; }

static Function *calleeOf(Instruction &op) {
  auto *call = dyn_cast<CallInst>(&op);
  Function *callee = call ? call->getCalledFunction() : nullptr;
  return callee && !callee->isDeclaration() ? callee : nullptr;
}

void Builder::need(Value *value) {
  auto *op = dyn_cast<Instruction>(value);
  if (op && isFollowed(op->getType()))
    needed.insert(op);
}

void Builder::findNeeded() {
  for (Instruction &op : instructions(function)) {
    if (auto *branch = dyn_cast<BranchInst>(&op); branch && branch->isConditional())
      need(branch->getCondition());
    if (auto *choice = dyn_cast<SwitchInst>(&op))
      need(choice->getCondition());
    if (calleeOf(op)) {
      needed.insert(&op);
    }
  }
  for (size_t i = 0; i < needed.size(); ++i)
    for (Value *operand : needed[i]->operands())
      need(operand);
}

Slot Builder::slotOf(Value *value) {
  auto [place, isNew] = slots.try_emplace(value, Slot(code.frame.size()));
  if (isNew) {
    auto *number = dyn_cast<ConstantInt>(value);
    code.frame.push_back(number && number->getBitWidth() <= 64 ? int64_t(number->getZExtValue()) : 0);
  }
  return place->second;
}

void Builder::addAddress(Step &step, GEPOperator &address) {
  step.operands.push_back(slotOf(address.getPointerOperand()));
  for (auto type = gep_type_begin(address), end = gep_type_end(address); type != end; ++type) {
    Value *index = type.getOperand();
    auto *number = dyn_cast<ConstantInt>(index);
    if (StructType *fields = type.getStructTypeOrNull()) {
      step.offset += int64_t(layout.getStructLayout(fields)->getElementOffset(unsigned(number->getZExtValue())));
      continue;
    }
    TypeSize size = type.getSequentialElementStride(layout);
    int64_t bytes = int64_t(size.getKnownMinValue()) * (size.isScalable() ? vscale : 1);
    if (number) {
      step.offset += number->getSExtValue() * bytes;
    } else {
      step.operands.push_back(slotOf(index));
      step.scales.push_back(bytes);
    }
  }
}

Step Builder::stepOf(Instruction &op) {
  Step step;
  step.op = &op;
  step.result = slotOf(&op);
  if (auto *address = dyn_cast<GEPOperator>(&op)) {
    addAddress(step, *address);
    return step;
  }
  if (Function *callee = calleeOf(op)) {
    step.callee = codeOf(*callee);
    for (Value *argument : cast<CallInst>(op).args())
      step.operands.push_back(slotOf(argument));
    return step;
  }
  for (Value *operand : op.operands())
    if (!isa<BasicBlock>(operand) && !isa<Function>(operand))
      step.operands.push_back(slotOf(operand));
  return step;
}

void Builder::terminate(BlockCode &block, Instruction &op) {
  for (BasicBlock *next : successors(op.getParent()))
    block.successors.push_back(numbers.at(next));
  if (auto *branch = dyn_cast<BranchInst>(&op)) {
    if (branch->isConditional())
      block.condition = slotOf(branch->getCondition());
  } else if (auto *choice = dyn_cast<SwitchInst>(&op)) {
    block.isSwitch = true;
    block.condition = slotOf(choice->getCondition());
    block.successors.assign({numbers.at(choice->getDefaultDest())});
    for (auto &each : choice->cases()) {
      block.cases.push_back(int64_t(each.getCaseValue()->getZExtValue()));
      block.successors.push_back(numbers.at(each.getCaseSuccessor()));
    }
  } else {
    block.ends = true;
  }
}

/// The phi of which `value` differs by what does not change in the block; -1 if there is none.
int Builder::phiOf(Value *value, BasicBlock &block, const SmallVectorImpl<PhiMove> &moves) {
  for (;;) {
    auto *op = dyn_cast<Instruction>(value);
    if (!op || op->getParent() != &block)
      return -1;
    if (isa<PHINode>(op)) {
      for (auto [i, move] : enumerate(moves))
        if (move.result == slots.lookup(op))
          return int(i);
      return -1;
    }
    Value *first = op->getNumOperands() ? op->getOperand(0) : nullptr;
    bool steady = op->getOpcode() == Instruction::Add || op->getOpcode() == Instruction::Sub ||
                  op->getOpcode() == Instruction::GetElementPtr;
    if (!steady)
      return -1;
    if (op->getOpcode() == Instruction::Add && isSteady(first, block))
      value = op->getOperand(1);
    else if (all_of(drop_begin(op->operands()), [&](Value *other) { return isSteady(other, block); }))
      value = first;
    else
      return -1;
  }
}

std::optional<CountedLoop> Builder::countedLoop(BasicBlock &block, const BlockCode &code) {
  auto *branch = dyn_cast<BranchInst>(block.getTerminator());
  if (!branch || !branch->isConditional() || any_of(code.steps, [](const Step &step) { return step.callee; }))
    return std::nullopt;
  auto *compare = dyn_cast<ICmpInst>(branch->getCondition());
  bool first = branch->getSuccessor(0) == &block;
  if (!compare || compare->getParent() != &block || first == (branch->getSuccessor(1) == &block))
    return std::nullopt;
  CountedLoop loop;
  for (auto [i, edge] : enumerate(code.edges))
    if (edge.first == numbers.at(&block))
      loop.self = unsigned(i);
  const auto &moves = code.edges[loop.self].second;
  for (PHINode &phi : block.phis()) {
    if (!needed.contains(&phi))
      continue;
    int step = phiOf(phi.getIncomingValueForBlock(&block), block, moves);
    if (step < 0 || moves[size_t(step)].result != slots.lookup(&phi))
      return std::nullopt;
  }
  loop.width = widthOf(compare->getOperand(0)->getType());
  loop.goesOn = first ? compare->getPredicate() : compare->getInversePredicate();
  auto side = [&](Value *value, Slot &slot, int &phi) {
    slot = slotOf(value);
    phi = phiOf(value, block, moves);
    return phi >= 0 || isSteady(value, block);
  };
  bool known =
      side(compare->getOperand(0), loop.left, loop.leftPhi) && side(compare->getOperand(1), loop.right, loop.rightPhi);
  return known ? std::optional(loop) : std::nullopt;
}

FunctionCode Builder::build() {
  code.arguments = unsigned(function.arg_size());
  for (Argument &argument : function.args())
    slotOf(&argument);
  findNeeded();
  for (BasicBlock &block : function)
    numbers[&block] = unsigned(numbers.size());
  for (BasicBlock &block : function) {
    BlockCode &made = code.blocks.emplace_back();
    if (const DebugLoc &place = block.getTerminator()->getDebugLoc())
      made.number = place.getLine();
    SetVector<BasicBlock *> from(pred_begin(&block), pred_end(&block));
    for (BasicBlock *before : from) {
      auto &edge = made.edges.emplace_back(numbers.at(before), SmallVector<PhiMove, 4>());
      for (PHINode &phi : block.phis())
        if (needed.contains(&phi))
          edge.second.push_back({slotOf(&phi), slotOf(phi.getIncomingValueForBlock(before))});
    }
    for (Instruction &op : block)
      if (needed.contains(&op) && !isa<PHINode>(op))
        made.steps.push_back(stepOf(op));
    terminate(made, *block.getTerminator());
    made.loop = countedLoop(block, made);
  }
  return std::move(code);
}

//===----------------------------------------------------------------------===//
// Walking
//===----------------------------------------------------------------------===//

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
  Walker(ControlFlowCounts &counts, int64_t vscale, int64_t mostBlocks)
      : counts(counts), vscale(vscale), blocksLeft(mostBlocks) {}

  Error walk(const FunctionCode &function, Frame &frame);

private:
  Error step(const Step &step, Frame &frame);
  int64_t evaluate(const Step &step, const Frame &frame) const;
  int64_t intrinsic(const Step &step, const Frame &frame) const;
  std::optional<int64_t> roundsLeft(const CountedLoop &loop, const BlockCode &block, const Frame &frame) const;
  Error finishLoop(const BlockCode &block, Frame &frame, int64_t rounds);
  static unsigned nextOf(const BlockCode &block, const Frame &frame);

  ControlFlowCounts &counts;
  int64_t vscale, blocksLeft;
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
  default: return 0;
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
    uint64_t entry = uint64_t(at(0)) - uint64_t(kTable);
    return entry < uint64_t(1) << 20 ? (int64_t(entry / 8) + 1) * kBuffer : 0;
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
    if (block.ends)
      return Error::success();
    unsigned next = nextOf(block, frame);
    if (next == at && block.loop)
      if (auto rounds = roundsLeft(*block.loop, block, frame)) {
        if (Error error = finishLoop(block, frame, *rounds))
          return error;
        next = nextOf(block, frame);
      }
    from = at;
    at = next;
  }
}

struct ControlFlow::Code {
  int64_t vscale;
  std::map<Function *, std::unique_ptr<FunctionCode>> functions;
  FunctionCode *kernel = nullptr;
  unsigned numbers = 0;

  FunctionCode *codeOf(Function &function) {
    auto [place, isNew] = functions.try_emplace(&function, nullptr);
    if (isNew) {
      place->second = std::make_unique<FunctionCode>();
      *place->second = Builder(function, vscale, [&](Function &callee) { return codeOf(callee); }).build();
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

Expected<ControlFlowCounts> ControlFlow::run(int64_t begin, int64_t end, int64_t mostBlocks) {
  ControlFlowCounts counts(code->numbers + 1);
  Frame frame = code->kernel->frame;
  if (code->kernel->arguments != 4)
    return createStringError("a kernel has four arguments");
  frame[0] = kTable;
  frame[1] = kScratch;
  frame[2] = begin;
  frame[3] = end;
  if (Error error = Walker(counts, code->vscale, mostBlocks).walk(*code->kernel, frame))
    return std::move(error);
  return counts;
}
