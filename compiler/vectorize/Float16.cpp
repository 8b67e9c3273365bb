// Rounding is Emission's. Here is what memory adds: bf16 that the machine does not know is moved as bits.
#include "compiler/vectorize/Float16.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

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
  return loadedType(e, element) == element ? e.toFormat(number, element) : e.bf16Bits(number);
}
