// Division of ints that rounds down.
#include "compiler/vectorize/IntegerDivision.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

static Value compare(Emission &e, arith::CmpIPredicate predicate, Value x, int64_t y) {
  return arith::CmpIOp::create(e, predicate, x, e.constantInt(x.getType(), y));
}

namespace {
/// A divisor that the processor divides by without a fault, and where it replaces 0 or -1.
struct Divisor {
  Value safe, isZero, isMinusOne;
};
} // namespace

static Divisor safeDivisor(Emission &e, Value y) {
  Value isZero = compare(e, arith::CmpIPredicate::eq, y, 0), isMinusOne = compare(e, arith::CmpIPredicate::eq, y, -1);
  Value special = arith::OrIOp::create(e, isZero, isMinusOne);
  return {arith::SelectOp::create(e, special, e.constantInt(y.getType(), 1), y), isZero, isMinusOne};
}

/// Where a remainder is not 0 and has not the sign of its divisor, rounding towards 0 was not rounding down.
static Value wasRoundedUp(Emission &e, Value remainder, Value y) {
  Value signs = arith::XOrIOp::create(e, remainder, y);
  return arith::AndIOp::create(e, compare(e, arith::CmpIPredicate::ne, remainder, 0),
                               compare(e, arith::CmpIPredicate::slt, signs, 0));
}

Value vectorize::emitFloorDivide(Emission &e, Value x, Value y, IntRange xRange, IntRange yRange) {
  if (xRange.low >= 0 && yRange.low > 0)
    return arith::DivUIOp::create(e, x, y);
  Value one = e.constantInt(x.getType(), 1), zero = e.constantInt(x.getType(), 0);
  Divisor divisor{y, {}, {}};
  if (yRange.low <= 0)
    divisor = safeDivisor(e, y);
  Value quotient = arith::DivSIOp::create(e, x, divisor.safe), remainder = arith::RemSIOp::create(e, x, divisor.safe);
  Value lower = arith::SubIOp::create(e, quotient, one);
  quotient = arith::SelectOp::create(e, wasRoundedUp(e, remainder, divisor.safe), lower, quotient);
  if (!divisor.isZero)
    return quotient;
  quotient = arith::SelectOp::create(e, divisor.isMinusOne, arith::SubIOp::create(e, zero, x), quotient);
  return arith::SelectOp::create(e, divisor.isZero, zero, quotient);
}

Value vectorize::emitModulo(Emission &e, Value x, Value y, IntRange xRange, IntRange yRange) {
  if (xRange.low >= 0 && yRange.low > 0)
    return arith::RemUIOp::create(e, x, y);
  // By 0 and by -1 nothing is left, as by 1.
  Value safe = yRange.low > 0 ? y : safeDivisor(e, y).safe;
  Value remainder = arith::RemSIOp::create(e, x, safe);
  Value lifted = arith::AddIOp::create(e, remainder, safe);
  return arith::SelectOp::create(e, wasRoundedUp(e, remainder, safe), lifted, remainder);
}
