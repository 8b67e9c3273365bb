// Newton's iterations from the estimates of SVE and AVX-512.
#include "compiler/vectorize/Division.h"
#include "compiler/vectorize/FloatBuilder.h"

#include <limits>

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

/// Whether to go by SVE's estimates: for single precision alone, tables in double are made once.
static bool usesSve(Emission &e, Value x) { return e.machine.scalable && getElementTypeOrSelf(x).isF32(); }

static Value callIntrinsic(Emission &e, const Twine &name, Type result, ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(e, result, e.getStringAttr(name), operands).getResults();
}

/// Vectors of fixed length live in the low lanes of a scalable register: SVE's instructions take only those.
static Value toScalable(Emission &e, Value x) {
  if (!isa<VectorType>(x.getType()))
    return x;
  auto type = VectorType::get({4}, e.getF32Type(), {true});
  return LLVM::vector_insert::create(e, type, LLVM::PoisonOp::create(e, type), x, 0);
}
static Value fromScalable(Emission &e, Value x, Type type) {
  return isa<VectorType>(type) ? LLVM::vector_extract::create(e, type, x, 0).getResult() : x;
}

/// `frecpe`, `frecps`, `frsqrte` or `frsqrts`, of scalars by Advanced SIMD.
static Value estimate(Emission &e, StringRef name, ValueRange x) {
  bool isVector = isa<VectorType>(x[0].getType());
  return callIntrinsic(e, isVector ? "llvm.aarch64.sve." + name + ".x.nxv4f32" : "llvm.aarch64.neon." + name + ".f32",
                       x[0].getType(), x);
}

/// 1 / y to some 2^-23: 8 bits, doubled twice. `frecps` is 2 - x y, and 2 where that is zero times infinity, so that
/// zeros and infinities come out right.
static Value sveReciprocal(Emission &e, Value y) {
  FloatBuilder b(e, y.getType());
  Value guess = estimate(e, "frecpe", y);
  for (int step = 0; step < 2; ++step)
    guess = b.mul(guess, estimate(e, "frecps", {y, guess}));
  return guess;
}

Value vectorize::emitDivide(Emission &e, Value x, Value y) {
  if (!usesSve(e, x))
    return arith::DivFOp::create(e, x, y);
  Value quotient = arith::MulFOp::create(e, toScalable(e, x), sveReciprocal(e, toScalable(e, y)));
  return fromScalable(e, quotient, x.getType());
}

Value vectorize::emitDivideByNumber(Emission &e, Value x, Value y, bool guarded) {
  FloatBuilder b(e, y.getType());
  if (guarded && y.getType().isF32()) {
    Value size = b.abs(y), large = b.compare(arith::CmpFPredicate::OGT, size, b.number(0x1p64));
    Value scale = b.choose(large, b.number(0x1p-64), b.choose(b.less(size, 0x1p-64), b.number(0x1p64), b.number(1)));
    x = arith::MulFOp::create(e, x, e.splat(scale));
    y = b.mul(y, scale);
  }
  return arith::MulFOp::create(e, x, e.splat(emitDivide(e, b.number(1), y)), arith::FastMathFlags::contract);
}

/// x times 1 / sqrt(x), but of 0 and infinity, where that is NaN. `frsqrts` is (3 - x y) / 2.
Value vectorize::emitSqrt(Emission &e, Value x) {
  if (!usesSve(e, x))
    return math::SqrtOp::create(e, x);
  Value wide = toScalable(e, x);
  FloatBuilder s(e, wide.getType());
  Value guess = estimate(e, "frsqrte", wide);
  for (int step = 0; step < 2; ++step)
    guess = s.mul(guess, estimate(e, "frsqrts", {s.mul(wide, guess), guess}));
  Value root = fromScalable(e, s.mul(wide, guess), x.getType());
  FloatBuilder b(e, x.getType());
  root = b.choose(b.equal(x, 0), x, root);
  return b.choose(b.equal(x, std::numeric_limits<double>::infinity()), x, root);
}

/// AVX-512 estimates 14 bits, which one step doubles; a division would take 16 cycles.
Value vectorize::emitReciprocal(Emission &e, Value x) {
  FloatBuilder b(e, x.getType());
  bool isAvx512 = e.isX86() && e.machine.vectorBits == 512;
  if (!isAvx512 || !isa<VectorType>(x.getType()) || !getElementTypeOrSelf(x).isF32())
    return emitDivide(e, b.number(1), x);
  Value all = e.constantInt(e.getIntegerType(16), -1);
  Value guess = callIntrinsic(e, "llvm.x86.avx512.rcp14.ps.512", x.getType(), {x, x, all});
  Value error = b.fma(b.neg(x), guess, b.number(1));
  return b.fma(guess, error, guess);
}
