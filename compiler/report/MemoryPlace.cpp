#include "compiler/report/MemoryPlace.h"

#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsX86.h"

using namespace kinu::report;
using namespace llvm;

std::optional<TileInMemory> kinu::report::tileOf(Instruction &op) {
  auto *call = dyn_cast<IntrinsicInst>(&op);
  auto argument = [&](unsigned i) { return call->getArgOperand(i); };
  Intrinsic::ID id = call ? call->getIntrinsicID() : Intrinsic::not_intrinsic;
  switch (id) {
  case Intrinsic::x86_tileloadd64_internal:
  case Intrinsic::x86_tileloaddt164_internal:
  case Intrinsic::x86_tilestored64_internal:
    return TileInMemory{argument(2), argument(3), argument(0), argument(1), id == Intrinsic::x86_tilestored64_internal};
  case Intrinsic::x86_tileloadd64:
  case Intrinsic::x86_tilestored64:
    return TileInMemory{argument(1), argument(2), nullptr, nullptr, id == Intrinsic::x86_tilestored64};
  default: return std::nullopt;
  }
}

Value *kinu::report::pointerOf(Instruction &op) {
  if (auto *load = dyn_cast<LoadInst>(&op))
    return load->getPointerOperand();
  if (auto *store = dyn_cast<StoreInst>(&op))
    return store->getPointerOperand();
  if (auto tile = tileOf(op))
    return tile->pointer;
  auto *call = dyn_cast<IntrinsicInst>(&op);
  switch (call ? call->getIntrinsicID() : Intrinsic::not_intrinsic) {
  case Intrinsic::masked_load:
  case Intrinsic::prefetch:
  case Intrinsic::memset: return call->getArgOperand(0);
  case Intrinsic::masked_store: return call->getArgOperand(1);
  default: return nullptr;
  }
}

bool kinu::report::isPlaceOf(Instruction &op, const Value *value) {
  auto tile = tileOf(op);
  return pointerOf(op) == value || (tile && tile->stride == value);
}
