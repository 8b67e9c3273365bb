// exp, log, tanh and erf of f32 as straight-line arithmetic.
#include "compiler/vectorize/Math.h"
#include "compiler/vectorize/Division.h"
#include "compiler/vectorize/FloatBuilder.h"

#include <limits>

using namespace mlir;
using namespace kinu::vectorize;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// 1.5 * 2^23: adding it to a small number rounds that to an int, which then is in the low bits of the sum. Unlike a
/// conversion to int it is defined for NaN too.
static constexpr double kRounder = 12582912.0;

/// e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln 2 / 2; the polynomial is a minimax one for e^r (N. Juffa).
/// It is in [0.7, 1.42), so that 2^n is an addition to its exponent; what that makes of numbers out of range, and of
/// NaN, is not used.
Value kinu::vectorize::emitExp(ImplicitLocOpBuilder &builder, Value x) {
  FloatBuilder b(builder, x.getType());
  Value shifted = b.fma(x, 1.44269502, b.number(kRounder));
  Value n = b.sub(shifted, b.number(kRounder));
  Value r = b.fma(n, -6.93145752e-1, x);
  r = b.fma(n, -1.42860677e-6, r);
  Value sum = b.polynomial(r, {1.37805939e-3, 8.37312452e-3, 4.16695364e-2, 1.66664720e-1, 4.99999851e-1, 1.0, 1.0});
  // The bits of the rounder itself are shifted out.
  Value power = b.fromBits(b.addInt(b.toBits(sum), b.shiftLeft(b.toBits(shifted), 23)));
  power = b.choose(b.less(x, -87.3365479), b.number(0), power); // log(2^-126): below it results are flushed
  Value large = b.compare(arith::CmpFPredicate::UGT, x, b.number(88.7228394)); // log(2^128), or NaN
  return b.choose(large, b.add(x, b.number(kInfinity)), power);
}

/// x = 2^e m with sqrt(1/2) <= m < sqrt(2); log(x) = e ln 2 + log(1 + (m - 1)), polynomial of Cephes' logf (S.
/// Moshier).
Value kinu::vectorize::emitLog(ImplicitLocOpBuilder &builder, Value x) {
  FloatBuilder b(builder, x.getType());
  Value tiny = b.less(x, 0x1p-126);
  Value normal = b.choose(tiny, b.mul(x, 0x1p23), x);
  Value offset = b.subInt(b.toBits(normal), b.whole(0x3F3504F3)); // bits of sqrt(1/2)
  Value exponent = b.toReal(b.shiftRight(offset, 23));
  exponent = b.choose(tiny, b.sub(exponent, b.number(23)), exponent);
  Value f = b.sub(b.fromBits(b.addInt(b.andInt(offset, 0x7FFFFF), b.whole(0x3F3504F3))), b.number(1));
  Value square = b.mul(f, f);
  Value sum = b.polynomial(f, {7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                               -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1});
  sum = b.mul(b.mul(sum, f), square);
  sum = b.fma(exponent, -2.12194440e-4, sum);
  sum = b.fma(square, -0.5, sum);
  sum = b.fma(exponent, 0.693359375, b.add(f, sum));
  sum = b.choose(b.equal(x, kInfinity), x, sum);
  sum = b.choose(b.equal(x, 0), b.number(-kInfinity), sum);
  Value negativeOrNan = b.compare(arith::CmpFPredicate::ULT, x, b.number(0));
  return b.choose(negativeOrNan, b.number(kNan), sum);
}

/// Cephes' tanhf: a polynomial near 0, else 1 - 2 / (e^2|x| + 1).
Value kinu::vectorize::emitTanh(Emission &builder, Value x) {
  FloatBuilder b(builder, x.getType());
  Value magnitude = b.abs(x), square = b.mul(x, x);
  Value sum = b.polynomial(
      square, {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1});
  Value nearZero = b.fma(b.mul(sum, square), x, x);
  Value limited = b.clamp(magnitude, 0, 10); // tanh is 1 there already
  Value power = emitExp(builder, b.add(limited, limited));
  Value far = b.fma(emitReciprocal(builder, b.add(power, b.number(1))), -2, b.number(1));
  return b.choose(b.less(magnitude, 0.625), nearZero, b.copySign(far, x));
}

/// N. Juffa's erff: x + x P(x^2) near 0, else 1 - e^P(|x|); below one unit in the last place.
Value kinu::vectorize::emitErf(ImplicitLocOpBuilder &builder, Value x) {
  FloatBuilder b(builder, x.getType());
  Value magnitude = b.abs(x), square = b.mul(x, x);
  Value sum = b.polynomial(
      square, {-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1});
  Value nearZero = b.fma(sum, x, x);
  Value limited = b.clamp(magnitude, 0, 5); // erf is 1 there already
  Value high = b.fma(limited, -1.72853470e-5, b.number(3.83197126e-4));
  Value low = b.fma(limited, -3.88396438e-3, b.number(2.42546219e-2));
  Value exponent = b.fma(high, b.mul(limited, limited), low);
  for (double coefficient : {-1.06777877e-1, -6.34846687e-1, -1.28717512e-1})
    exponent = b.fma(exponent, limited, b.number(coefficient));
  exponent = b.fma(exponent, limited, b.neg(limited));
  Value far = b.copySign(b.sub(b.number(1), emitExp(builder, exponent)), x);
  return b.choose(b.less(magnitude, 0.927734375), nearZero, far);
}
