// Conversions are single instructions where the machine has them; f16 has them everywhere. Those of bf16 are done on
// the bits elsewhere: it is the upper half of an f32.
#include "compiler/vectorize/Float16.h"
#include "compiler/vectorize/FloatBuilder.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

Type vectorize::loadedType(Emission &e, Type element) {
  return element.isBF16() && !e.machine.hasBf16 ? Type(e.getI16Type()) : element;
}

Value vectorize::emitWiden(Emission &e, Value number) {
  Type wide = Emission::shaped(number, e.getF32Type());
  if (isa<FloatType>(getElementTypeOrSelf(number)))
    return arith::ExtFOp::create(e, wide, number);
  Value bits = arith::ExtUIOp::create(e, Emission::shaped(number, e.getI32Type()), number);
  Value high = arith::ShLIOp::create(e, bits, e.constantInt(bits.getType(), 16));
  return arith::BitcastOp::create(e, wide, high);
}

Value vectorize::emitNarrow(Emission &e, Value number, Type element) {
  Type loaded = loadedType(e, element);
  if (loaded == element)
    return arith::TruncFOp::create(e, Emission::shaped(number, element), number);
  // Adding half a unit, less one where the last bit kept is even, carries into the bits that are kept.
  FloatBuilder f(e, number.getType());
  Value bits = f.toBits(number);
  Value odd = f.andInt(arith::ShRUIOp::create(e, bits, f.whole(16)), 1);
  Value rounded = f.addInt(f.addInt(bits, f.whole(0x7FFF)), odd);
  Value isNan = f.compare(arith::CmpFPredicate::UNO, number, number);
  rounded = f.choose(isNan, f.whole(0x7FC00000), rounded);
  Value high = arith::ShRUIOp::create(e, rounded, f.whole(16));
  return arith::TruncIOp::create(e, Emission::shaped(number, loaded), high);
}
