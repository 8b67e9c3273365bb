// Loads and stores, fetches, and formats of floats.
#include "compiler/vectorize/Emission.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

/// Buffers are aligned to their elements; more is never assumed, nor gained on the machines at hand.
static unsigned alignmentOf(Type element) {
  return isa<LLVM::LLVMPointerType>(element) ? 8 : std::max(1u, element.getIntOrFloatBitWidth() / 8);
}

Value Emission::address(Value base, Type element, Value index) {
  return LLVM::GEPOp::create(*this, pointerType(), element, base, ValueRange{index});
}

Value Emission::load(Type element, Value base, Value index) {
  return LLVM::LoadOp::create(*this, element, address(base, element, index), alignmentOf(element));
}

void Emission::store(Value value, Value base, Value index) {
  LLVM::StoreOp::create(*this, value, address(base, value.getType(), index), alignmentOf(value.getType()));
}

Value Emission::loadVector(Type element, Value base, Value index, Value mask) {
  VectorType type = vectorOf(element);
  // LLVM 22 would put a vector of bf16 together from numbers that it rounds to bf16 by calls.
  if (element.isBF16() && !machine.hasBf16)
    return arith::BitcastOp::create(*this, type, loadVector(getI16Type(), base, index, mask));
  Value from = address(base, element, index);
  if (!mask)
    return LLVM::LoadOp::create(*this, type, from, alignmentOf(element));
  return LLVM::MaskedLoadOp::create(*this, type, from, mask, constant(type, 0), alignmentOf(element));
}

/// Whether a mask is firstLanes(1).
static bool isFirstLaneOnly(Value mask) {
  DenseElementsAttr flags;
  return mask && matchPattern(mask, m_Constant(&flags)) && llvm::count(flags.getValues<bool>(), true) == 1 &&
         *flags.value_begin<bool>();
}

void Emission::storeVector(Value value, Value base, Value index, Value mask, bool streams) {
  Type element = getElementTypeOrSelf(value);
  Value to = address(base, element, index);
  // LLVM 22 makes a scalar store of it, too, but one of 4 bytes where the value was truncated from i32.
  if (isFirstLaneOnly(mask))
    LLVM::StoreOp::create(*this, vector::ExtractOp::create(*this, value, 0), to, alignmentOf(element));
  else if (!mask && streams)
    LLVM::StoreOp::create(*this, value, to, unsigned(lanes) * alignmentOf(element), /*isVolatile=*/false,
                          /*isNonTemporal=*/true);
  else if (!mask)
    LLVM::StoreOp::create(*this, value, to, alignmentOf(element));
  else
    LLVM::MaskedStoreOp::create(*this, value, to, mask, alignmentOf(element));
}

/// Results of so many second-level caches or more are in none when they are read again.
static constexpr int64_t kCachesOfL2 = 4;

bool Emission::shouldStream(NamedTensorType type) const {
  bool isAligned = type.isFloat() && !type.getAxes().empty() && type.getAxes().back().length % lanes == 0;
  return isX86() && isAligned && type.getNumElements() * 4 >= kCachesOfL2 * machine.l2Bytes;
}

void Emission::fetch(Value pointer, int level) {
  if (isX86())
    LLVM::Prefetch::create(*this, pointer, /*rw=*/0, /*hint=*/unsigned(4 - level), /*cache=*/1);
}

void Emission::fetchToWrite(Value pointer) {
  if (isX86())
    LLVM::Prefetch::create(*this, pointer, /*rw=*/1, /*hint=*/3, /*cache=*/1);
}

Value Emission::laundered(Value pointer) {
  return LLVM::LaunderInvariantGroupOp::create(*this, pointer.getType(), pointer);
}

void Emission::endStreams() {
  LLVM::CallIntrinsicOp::create(*this, getStringAttr("llvm.x86.sse.sfence"), ValueRange{});
}

/// base + indices[lane] in each lane.
static Value addresses(Emission &e, Type element, Value base, Value indices) {
  return LLVM::GEPOp::create(e, e.vectorOf(e.pointerType()), element, base, ValueRange{indices});
}

Value Emission::gather(Type element, Value base, Value indices, Value mask) {
  VectorType type = vectorOf(element);
  Value all = mask ? mask : firstLanes(lanes);
  return LLVM::masked_gather::create(*this, type, addresses(*this, element, base, indices), all,
                                     ValueRange{constant(type, 0)}, alignmentOf(element));
}

void Emission::scatter(Value value, Value base, Value indices, Value mask) {
  Type element = getElementTypeOrSelf(value);
  Value all = mask ? mask : firstLanes(lanes);
  LLVM::masked_scatter::create(*this, value, addresses(*this, element, base, indices), all, alignmentOf(element));
}

Value Emission::bf16Bits(Value real) {
  Type integer = shaped(real, getI32Type());
  auto number = [&](int64_t value) { return constantInt(integer, value); };
  Value bits = arith::BitcastOp::create(*this, integer, real);
  Value upper = arith::ShRUIOp::create(*this, bits, number(16));
  Value half = arith::AddIOp::create(*this, number(0x7fff), arith::AndIOp::create(*this, upper, number(1)));
  Value rounded = arith::ShRUIOp::create(*this, arith::AddIOp::create(*this, bits, half), number(16));
  Value isNan = arith::CmpFOp::create(*this, arith::CmpFPredicate::UNO, real, real);
  Value quiet = arith::OrIOp::create(*this, upper, number(0x40));
  Value word = arith::SelectOp::create(*this, isNan, quiet, rounded);
  return arith::TruncIOp::create(*this, shaped(real, getI16Type()), word);
}

Value Emission::toFormat(Value real, Type element) {
  unsigned from = getElementTypeOrSelf(real).getIntOrFloatBitWidth(), to = element.getIntOrFloatBitWidth();
  if (getElementTypeOrSelf(real) == element)
    return real;
  // Between the two 16-bit formats by way of f32.
  if (from == to)
    return toFormat(toFormat(real, getF32Type()), element);
  if (from < to && getElementTypeOrSelf(real).isBF16() && !machine.hasBf16) {
    // LLVM 22 would shuffle vectors of bf16 before it widens them, for which it has no instructions either.
    Value bits = arith::BitcastOp::create(*this, shaped(real, getI16Type()), real);
    Value wide = arith::ExtUIOp::create(*this, shaped(real, getI32Type()), bits);
    Value shift = constantInt(wide.getType(), 16);
    return arith::BitcastOp::create(*this, shaped(real, element), arith::ShLIOp::create(*this, wide, shift));
  }
  if (from < to)
    return arith::ExtFOp::create(*this, shaped(real, element), real);
  if (element.isBF16() && !machine.hasBf16)
    return arith::BitcastOp::create(*this, shaped(real, element), bf16Bits(real));
  return arith::TruncFOp::create(*this, shaped(real, element), real);
}
