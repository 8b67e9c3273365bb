// sin, cos and pow of f32.
#include "compiler/vectorize/FloatBuilder.h"
#include "compiler/vectorize/Math.h"

#include <limits>

using namespace mlir;
using namespace kinu::vectorize;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
static constexpr double kRounder = 12582912.0; // see Math.cpp

/// sin(x + quarters * pi / 2). x is reduced by multiples of pi / 2, given as three floats (Cody and Waite); minimax
/// polynomials by N. Juffa.
static Value emitSine(ImplicitLocOpBuilder &builder, Value x, int64_t quarters) {
  FloatBuilder b(builder, x.getType());
  Value shifted = b.fma(x, 0.636619747, b.number(kRounder));
  Value n = b.sub(shifted, b.number(kRounder));
  Value r = b.fma(n, -1.57079601, x);
  r = b.fma(n, -3.13916473e-7, r);
  r = b.fma(n, -5.39030253e-15, r);
  Value square = b.mul(r, r);
  Value sinSum = b.polynomial(square, {2.86567956e-6, -1.98559923e-4, 8.33338592e-3, -1.66666672e-1});
  Value sine = b.fma(b.mul(sinSum, square), r, r);
  Value cosine = b.polynomial(square, {2.44677067e-5, -1.38877297e-3, 4.16666567e-2, -0.5, 1.0});
  Value quadrant = b.addInt(b.toBits(shifted), b.whole(quarters));
  Value zero = b.whole(0);
  Value isOdd = arith::CmpIOp::create(builder, arith::CmpIPredicate::ne, b.andInt(quadrant, 1), zero);
  Value isLower = arith::CmpIOp::create(builder, arith::CmpIPredicate::ne, b.andInt(quadrant, 2), zero);
  Value result = b.choose(isOdd, cosine, sine);
  result = b.choose(isLower, b.neg(result), result);
  // Of infinity the reduction makes NaN by itself.
  return result;
}

Value kinu::vectorize::emitSin(ImplicitLocOpBuilder &b, Value x) { return emitSine(b, x, 0); }

Value kinu::vectorize::emitCos(ImplicitLocOpBuilder &b, Value x) { return emitSine(b, x, 1); }

/// log of a positive double to about 1e-12: 2 atanh(s) with s = (m - 1) / (m + 1), |s| < 0.172.
static Value logInDouble(FloatBuilder &b, Value x) {
  Value offset = b.subInt(b.toBits(x), b.whole(0x3FE6A09E667F3BCD)); // bits of sqrt(1/2)
  Value exponent = b.toReal(b.shiftRight(offset, 52));
  Value m = b.fromBits(b.addInt(b.andInt(offset, 0xFFFFFFFFFFFFF), b.whole(0x3FE6A09E667F3BCD)));
  Value s = b.div(b.sub(m, b.number(1)), b.add(m, b.number(1)));
  Value sum = b.polynomial(b.mul(s, s), {2.0 / 13, 2.0 / 11, 2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3, 2.0});
  return b.fma(exponent, 0.693147180559945309, b.mul(sum, s));
}

/// e^x in double for |x| < 708, to about 1e-11: Taylor's series on |r| <= ln 2 / 2.
static Value expInDouble(FloatBuilder &b, Value x) {
  constexpr double rounder = 6755399441055744.0; // 1.5 * 2^52, as kRounder
  Value shifted = b.fma(x, 1.44269504088896341, b.number(rounder));
  Value n = b.sub(shifted, b.number(rounder));
  Value r = b.fma(n, -0.693147180559945309, x);
  Value sum =
      b.polynomial(r, {1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1});
  Value exponent = b.subInt(b.toBits(shifted), b.whole(0x4338000000000000));
  return b.mul(sum, b.fromBits(b.shiftLeft(b.addInt(exponent, b.whole(1023)), 52)));
}

/// |x|^y through logarithms in double, since y log|x| must keep 24 bits behind the point; then C's special cases.
Value kinu::vectorize::emitPow(ImplicitLocOpBuilder &builder, Value x, Value y) {
  FloatBuilder b(builder, x.getType());
  Type wide = builder.getF64Type();
  if (auto vector = dyn_cast<VectorType>(x.getType()))
    wide = vector.clone(wide);
  FloatBuilder d(builder, wide);
  Value magnitude = b.abs(x);
  Value product =
      d.mul(logInDouble(d, arith::ExtFOp::create(builder, wide, magnitude)), arith::ExtFOp::create(builder, wide, y));
  Value power = arith::TruncFOp::create(builder, x.getType(), expInDouble(d, d.clamp(product, -200, 200)));

  // 0 and infinity to the y; the logarithm above was of no use there.
  Value grows = b.compare(arith::CmpFPredicate::OGT, y, b.number(0));
  power = b.choose(b.equal(magnitude, 0), b.choose(grows, b.number(0), b.number(kInfinity)), power);
  power = b.choose(b.equal(magnitude, kInfinity), b.choose(grows, b.number(kInfinity), b.number(0)), power);

  // A negative x: the sign is y's parity; NaN unless y is a whole number.
  Value down = math::FloorOp::create(builder, y), half = b.mul(y, 0.5);
  Value isWhole = b.compare(arith::CmpFPredicate::OEQ, down, y);
  Value isEven = b.compare(arith::CmpFPredicate::OEQ, math::FloorOp::create(builder, half), half);
  Value isOdd = b.choose(isEven, b.number(0), b.choose(isWhole, b.number(1), b.number(0)));
  Value isSigned = b.equal(isOdd, 1);
  power = b.choose(isSigned, b.copySign(power, x), power);
  Value isFinite = b.compare(arith::CmpFPredicate::OLT, magnitude, b.number(kInfinity));
  Value bad = b.choose(isWhole, b.number(0), b.choose(isFinite, b.number(1), b.number(0)));
  power = b.choose(b.less(x, 0), b.choose(b.equal(bad, 1), b.number(kNan), power), power);

  Value isNan = arith::CmpFOp::create(builder, arith::CmpFPredicate::UNO, x, y);
  power = b.choose(isNan, b.number(kNan), power);
  power = b.choose(b.equal(x, 1), b.number(1), power);
  return b.choose(b.equal(y, 0), b.number(1), power);
}
