// Conversions are single instructions where the machine has them. Every machine of interest has those of f16; without
// those of bf16, whose code would be calls of the compiler's runtime library, they are done on the bits.
#include "compiler/vectorize/Float16.h"
#include "compiler/vectorize/FloatBuilder.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

static Value convertBits(Emission &e, Value bits, Type element, bool wider) {
  Type type = Emission::shaped(bits, element);
  return wider ? Value(arith::ExtUIOp::create(e, type, bits)) : Value(arith::TruncIOp::create(e, type, bits));
}

Value vectorize::emitWiden(Emission &e, Value number) {
  Type wide = Emission::shaped(number, e.getF32Type());
  if (!getElementTypeOrSelf(number).isBF16() || e.machine.hasBf16)
    return arith::ExtFOp::create(e, wide, number);
  Value half = arith::BitcastOp::create(e, Emission::shaped(number, e.getI16Type()), number);
  Value bits = convertBits(e, half, e.getI32Type(), true);
  Value high = arith::ShLIOp::create(e, bits, e.constantInt(bits.getType(), 16));
  return arith::BitcastOp::create(e, wide, high);
}

Value vectorize::emitNarrow(Emission &e, Value number, Type element) {
  Type narrow = Emission::shaped(number, element);
  if (!element.isBF16() || e.machine.hasBf16)
    return arith::TruncFOp::create(e, narrow, number);
  // Adding half a unit, less one where the last bit kept is even, carries into the bits that are kept.
  FloatBuilder f(e, number.getType());
  Value bits = f.toBits(number);
  Value odd = f.andInt(arith::ShRUIOp::create(e, bits, f.whole(16)), 1);
  Value rounded = f.addInt(f.addInt(bits, f.whole(0x7FFF)), odd);
  Value isNan = f.compare(arith::CmpFPredicate::UNO, number, number);
  rounded = f.choose(isNan, f.whole(0x7FC00000), rounded);
  Value high = convertBits(e, arith::ShRUIOp::create(e, rounded, f.whole(16)), e.getI16Type(), false);
  return arith::BitcastOp::create(e, narrow, high);
}
