#include "compiler/report/ControlFlowCode.h"

#include "compiler/report/MemoryPlace.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DataLayout.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/GetElementPtrTypeIterator.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"

using namespace kinu::report;
using namespace llvm;

namespace {
/// Makes the code of one function.
class Builder {
public:
  Builder(Function &function, Follow follow, int64_t vscale, function_ref<FunctionCode *(Function &)> codeOf)
      : function(function), follow(follow), layout(function.getParent()->getDataLayout()), vscale(vscale),
        codeOf(codeOf) {}

  FunctionCode build();

private:
  void findNeeded();
  LoopCode loopCode(const Loop &loop);
  void findLoops();
  void findUsedArguments();
  void addAccess(Instruction &op, SmallVectorImpl<AccessCode> &accesses);
  SmallVector<Value *> operandsOf(Instruction &op);
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
  Follow follow;
  const DataLayout &layout;
  int64_t vscale;
  function_ref<FunctionCode *(Function &)> codeOf;
  FunctionCode code;
  SetVector<Instruction *> needed;
  DenseMap<Value *, Slot> slots;
  DenseMap<BasicBlock *, unsigned> numbers;
};
} // namespace

bool kinu::report::isFollowed(Type *type) {
  return (type->isIntegerTy() && type->getIntegerBitWidth() <= 64) || type->isPointerTy();
}

unsigned kinu::report::widthOf(Type *type) { return type->isIntegerTy() ? type->getIntegerBitWidth() : 64; }

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

void Builder::addAccess(Instruction &op, SmallVectorImpl<AccessCode> &accesses) {
  Value *pointer = pointerOf(op);
  if (!pointer)
    return;
  auto bytesOf = [&](Type *type) {
    TypeSize size = layout.getTypeStoreSize(type);
    return int64_t(size.getKnownMinValue()) * (size.isScalable() ? vscale : 1);
  };
  AccessCode access{slotOf(pointer), 0};
  access.streams = op.hasMetadata(LLVMContext::MD_nontemporal);
  auto *call = dyn_cast<IntrinsicInst>(&op);
  auto constant = [&](Value *value) {
    auto *number = dyn_cast<ConstantInt>(value);
    return number ? int64_t(number->getZExtValue()) : 0;
  };
  if (isa<StoreInst>(op)) {
    access.bytes = bytesOf(op.getOperand(0)->getType());
    access.writes = true;
  } else if (!call || call->getIntrinsicID() == Intrinsic::masked_load) {
    access.bytes = bytesOf(op.getType());
  } else if (call->getIntrinsicID() == Intrinsic::masked_store) {
    access.bytes = bytesOf(call->getArgOperand(0)->getType());
    access.writes = true;
  } else if (call->getIntrinsicID() == Intrinsic::memset) {
    access.bytes = constant(call->getArgOperand(2)); // 0 if it is not known
    access.writes = true;
  } else if (call->getIntrinsicID() == Intrinsic::prefetch) {
    access.bytes = 1;
  } else {
    TileInMemory tile = *tileOf(op);
    access.rows = tile.rows ? constant(tile.rows) : 16;
    access.bytes = tile.bytes ? constant(tile.bytes) : 64;
    access.rowStride = slotOf(tile.stride);
    access.writes = tile.writes;
  }
  accesses.push_back(access);
}

/// What the instruction takes: of a call, the arguments that the function uses.
SmallVector<Value *> Builder::operandsOf(Instruction &op) {
  Function *callee = calleeOf(op);
  if (!callee)
    return SmallVector<Value *>(op.operands());
  SmallVector<Value *> used;
  for (auto [i, argument] : enumerate(cast<CallInst>(op).args()))
    if (codeOf(*callee)->usedArguments[i])
      used.push_back(argument);
  return used;
}

void Builder::findNeeded() {
  for (Instruction &op : instructions(function)) {
    if (Value *pointer = follow == Follow::Memory ? pointerOf(op) : nullptr) {
      need(pointer);
      if (auto tile = tileOf(op))
        need(tile->stride);
    }
    if (auto *branch = dyn_cast<BranchInst>(&op); branch && branch->isConditional())
      need(branch->getCondition());
    if (auto *choice = dyn_cast<SwitchInst>(&op))
      need(choice->getCondition());
    if (calleeOf(op))
      needed.insert(&op);
  }
  for (size_t i = 0; i < needed.size(); ++i)
    for (Value *operand : operandsOf(*needed[i]))
      need(operand);
}

/// What the loop takes from elsewhere and what it leaves there, of what is followed.
LoopCode Builder::loopCode(const Loop &loop) {
  LoopCode made;
  made.blocks.resize(code.blocks.size());
  SetVector<Slot> inputs;
  auto take = [&](Value *value) {
    auto *op = dyn_cast<Instruction>(value);
    if (op ? needed.contains(op) && !loop.contains(op) : isa<Argument>(value))
      inputs.insert(slotOf(value));
  };
  auto isOutside = [&](User *user) { return !loop.contains(cast<Instruction>(user)); };
  for (BasicBlock *block : loop.blocks()) {
    made.blocks[numbers.at(block)] = true;
    for (Instruction &op : *block) {
      if (op.isTerminator() || needed.contains(&op))
        for (Value *operand : operandsOf(op))
          take(operand);
      if (needed.contains(&op) && any_of(op.users(), isOutside))
        made.outputs.push_back(slotOf(&op));
    }
  }
  made.inputs.assign(inputs.begin(), inputs.end());
  return made;
}

void Builder::findLoops() {
  DominatorTree tree(function);
  LoopInfo loops(tree);
  for (const Loop *loop : loops.getLoopsInPreorder()) {
    BlockCode &header = code.blocks[numbers.at(loop->getHeader())];
    if (header.loop)
      continue;
    header.headerOf = int(code.loops.size());
    code.loops.push_back(loopCode(*loop));
  }
}

void Builder::findUsedArguments() {
  for (Argument &argument : function.args())
    code.usedArguments.push_back(any_of(argument.users(), [&](User *user) {
      auto *op = cast<Instruction>(user);
      return op->isTerminator() || (needed.contains(op) && is_contained(operandsOf(*op), &argument)) ||
             (follow == Follow::Memory && isPlaceOf(*op, &argument));
    }));
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
      step.operands.push_back(slotOf(argument)); // 0 where it is not followed
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
    for (Instruction &op : block) {
      if (needed.contains(&op) && !isa<PHINode>(op))
        made.steps.push_back(stepOf(op));
      if (follow == Follow::Memory)
        addAccess(op, made.accesses);
    }
    terminate(made, *block.getTerminator());
    made.loop = countedLoop(block, made);
  }
  findLoops();
  findUsedArguments();
  return std::move(code);
}

FunctionCode kinu::report::makeCode(Function &function, Follow follow, int64_t vscale,
                                    function_ref<FunctionCode *(Function &)> codeOf) {
  return Builder(function, follow, vscale, codeOf).build();
}
