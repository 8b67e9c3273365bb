#include "compiler/report/StepValue.h"

#include "compiler/report/ControlFlow.h"

#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"

using namespace kinu::report;
using namespace llvm;

static int64_t cut(int64_t value, unsigned width) {
  return width >= 64 ? value : int64_t(uint64_t(value) & ((uint64_t(1) << width) - 1));
}
static int64_t extended(int64_t value, unsigned width) {
  return width >= 64 ? value : int64_t(uint64_t(value) << (64 - width)) >> (64 - width);
}

bool kinu::report::compares(CmpInst::Predicate predicate, __int128 x, __int128 y) {
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

__int128 kinu::report::widened(CmpInst::Predicate predicate, int64_t value, unsigned width) {
  return CmpInst::isSigned(predicate) ? __int128(extended(value, width)) : __int128(uint64_t(value));
}

static int64_t valueOfIntrinsic(const Step &step, const Frame &frame, int64_t vscale) {
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

int64_t kinu::report::valueOf(const Step &step, const Frame &frame, const Surroundings &in) {
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
    return ((entry < in.buffers.size() ? in.buffers[entry] : int64_t(entry)) + 1) * kBufferSpan;
  }
  case Instruction::Call: return valueOfIntrinsic(step, frame, in.vscale);
  default: return 0;
  }
}
