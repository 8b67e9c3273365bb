// Arithmetic on scalars or vectors: floats in f32 (or f64, see Evaluator::real), ints in i32 where they are known to
// fit.
#include "compiler/vectorize/Division.h"
#include "compiler/vectorize/Evaluator.h"
#include "compiler/vectorize/Float16.h"
#include "compiler/vectorize/IntegerDivision.h"
#include "compiler/vectorize/Math.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

// A product and a sum may become one instruction; nothing else may change a result.
static constexpr arith::FastMathFlags kContract = arith::FastMathFlags::contract;
// Whether a maximum of zeros is +0 or -0 does not matter, and asking for +0 costs.
static constexpr arith::FastMathFlags kNoSignedZeros = arith::FastMathFlags::nsz;

/// Makes all values vectors if one is.
static void alignShapes(Emission &e, MutableArrayRef<Value> values) {
  if (llvm::any_of(values, [](Value value) { return isa<VectorType>(value.getType()); }))
    for (Value &value : values)
      value = e.splat(value);
}

/// Gives ints one width: 32 bits if they have them and the result fits.
static void alignWidths(Emission &e, MutableArrayRef<Value> values, bool narrow) {
  unsigned bits = narrow ? 32 : 64;
  for (Value value : values)
    bits = std::max(bits, getElementTypeOrSelf(value).getIntOrFloatBitWidth());
  for (Value &value : values)
    value = resized(e, value, bits);
}

/// The number that all lanes are compared with, limited to 32 bits, if they have so many and none is a limit itself:
/// what is beyond all of them stays so.
static Value limitUniform(Emission &e, Value number, Value lanes, IntRange range) {
  bool isUniform = isa<VectorType>(lanes.getType()) && !isa<VectorType>(number.getType());
  if (!isUniform || !number.getType().isInteger(64) || !getElementTypeOrSelf(lanes).isInteger(32) ||
      range.low <= INT32_MIN || range.high >= INT32_MAX)
    return number;
  Value limited = arith::MaxSIOp::create(e, number, e.i64(INT32_MIN));
  return resized(e, e.smaller(limited, e.i64(INT32_MAX)), 32);
}

static Value evaluateConstant(Emission &e, ConstantOp op, FloatType real) {
  NamedTensorType type = op.getType();
  if (type.isFloat())
    return e.constant(real, cast<FloatAttr>(op.getValue()).getValueAsDouble());
  if (type.isBool())
    return e.i1(cast<BoolAttr>(op.getValue()).getValue());
  int64_t number = cast<IntegerAttr>(op.getValue()).getInt();
  return e.constantInt(e.getIntegerType(llvm::isInt<32>(number) ? 32 : 64), number);
}

Value Evaluator::evaluateElementwise(Operation *op, const Point &point, Value mask) {
  if (auto constant = dyn_cast<ConstantOp>(op))
    return evaluateConstant(e, constant, real);
  SmallVector<Value> x;
  for (Value operand : op->getOperands())
    x.push_back(evaluate(operand, point, mask));
  // One division, and a product in every lane: vector division is slow on every machine.
  if (isa<DivOp>(op) && isa<VectorType>(x[0].getType()) && !isa<VectorType>(x[1].getType())) {
    bool isRoot = isa_and_nonnull<SqrtOp>(op->getOperand(1).getDefiningOp()); // between 2^-75 and 2^64
    return emitDivideByNumber(e, x[0], x[1], /*guarded=*/!isRoot);
  }
  if (isa<CompareOp>(op) && typeOf(op->getOperand(0)).isInt()) {
    x[0] = limitUniform(e, x[0], x[1], ranges.of(op->getOperand(1)));
    x[1] = limitUniform(e, x[1], x[0], ranges.of(op->getOperand(0)));
  }
  // A condition that is the same for all lanes chooses whole vectors.
  auto values = MutableArrayRef<Value>(x);
  bool isSelect = isa<SelectOp>(op);
  if (isSelect && !isa<VectorType>(x[0].getType()))
    values = values.drop_front();
  alignShapes(e, values);
  NamedTensorType type = typeOf(op->getOperand(isSelect ? 1 : 0));
  if (type.isInt()) {
    bool narrow = !typeOf(op->getResult(0)).isInt() || ranges.of(op->getResult(0)).fits32();
    alignWidths(e, MutableArrayRef<Value>(x).drop_front(isSelect ? 1 : 0), narrow);
  }
  if (isSelect)
    return arith::SelectOp::create(e, x[0], x[1], x[2]);
  return type.isFloat() ? evaluateFloat(op, x) : type.isInt() ? evaluateInt(op, x) : evaluateBool(op, x);
}

/// The power: cheap for the exponents that models are written with.
static Value emitPower(Emission &e, PowOp op, Value x, Value y, bool isDouble) {
  auto constant = op.getRhs().getDefiningOp<ConstantOp>();
  double exponent = constant ? cast<FloatAttr>(constant.getValue()).getValueAsDouble() : 0;
  auto times = [&](Value a, Value b) -> Value { return arith::MulFOp::create(e, a, b, kContract); };
  if (exponent == 1)
    return x;
  if (exponent == 2)
    return times(x, x);
  if (exponent == 3)
    return times(times(x, x), x);
  if (exponent == -1)
    return emitDivide(e, e.constant(x.getType(), 1), x);
  return isDouble ? e.callLibm("pow", {x, y}) : emitPow(e, x, y);
}

/// Whether a derivative is a number known while compiling.
static bool isFinite(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  return constant && cast<FloatAttr>(constant.getValue()).getValue().isFinite();
}

static arith::CmpFPredicate floatPredicate(ComparePredicate predicate) {
  switch (predicate) {
  case ComparePredicate::eq: return arith::CmpFPredicate::OEQ;
  case ComparePredicate::ne: return arith::CmpFPredicate::UNE; // as in IEEE 754: a NaN differs from everything
  case ComparePredicate::lt: return arith::CmpFPredicate::OLT;
  case ComparePredicate::le: return arith::CmpFPredicate::OLE;
  case ComparePredicate::gt: return arith::CmpFPredicate::OGT;
  case ComparePredicate::ge: return arith::CmpFPredicate::OGE;
  }
  llvm_unreachable("a predicate");
}

static arith::CmpIPredicate intPredicate(ComparePredicate predicate) {
  switch (predicate) {
  case ComparePredicate::eq: return arith::CmpIPredicate::eq;
  case ComparePredicate::ne: return arith::CmpIPredicate::ne;
  case ComparePredicate::lt: return arith::CmpIPredicate::slt;
  case ComparePredicate::le: return arith::CmpIPredicate::sle;
  case ComparePredicate::gt: return arith::CmpIPredicate::sgt;
  case ComparePredicate::ge: return arith::CmpIPredicate::sge;
  }
  llvm_unreachable("a predicate");
}

Value Evaluator::evaluateFloat(Operation *op, ArrayRef<Value> x) {
  bool isDouble = real.isF64();
  auto function = [&](StringRef libm, Value (*emit)(ImplicitLocOpBuilder &, Value)) {
    return isDouble ? e.callLibm(libm, {x[0]}) : emit(e, x[0]);
  };
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](NegOp) { return arith::NegFOp::create(e, x[0]); })
      .Case([&](AbsOp) { return math::AbsFOp::create(e, x[0]); })
      .Case([&](ExpOp) { return function("exp", emitExp); })
      .Case([&](LogOp) { return function("log", emitLog); })
      .Case([&](SqrtOp) { return emitSqrt(e, x[0]); })
      .Case([&](TanhOp) { return isDouble ? e.callLibm("tanh", {x[0]}) : emitTanh(e, x[0]); })
      .Case([&](ErfOp) { return function("erf", emitErf); })
      .Case([&](SinOp) { return function("sin", emitSin); })
      .Case([&](CosOp) { return function("cos", emitCos); })
      .Case<Fp32Op, ToFloatOp>([&](Operation *) { return x[0]; })
      .Case([&](CastOp cast) {
        Type element = cast.getType().getElement();
        return element.isF32() ? x[0] : emitWiden(e, emitNarrow(e, x[0], element));
      })
      .Case([&](ToIntOp) {
        Value down = math::FloorOp::create(e, x[0]);
        return arith::FPToSIOp::create(e, Emission::shaped(down, e.getI64Type()), down);
      })
      .Case([&](AddOp) { return arith::AddFOp::create(e, x[0], x[1], kContract); })
      .Case([&](SubOp) { return arith::SubFOp::create(e, x[0], x[1], kContract); })
      .Case([&](MulOp) { return arith::MulFOp::create(e, x[0], x[1], kContract); })
      .Case([&](DivOp) { return emitDivide(e, x[0], x[1]); })
      .Case([&](PowOp power) { return emitPower(e, power, x[0], x[1], isDouble); })
      .Case([&](MaxOp) { return arith::MaximumFOp::create(e, x[0], x[1], kNoSignedZeros); })
      .Case([&](MinOp) { return arith::MinimumFOp::create(e, x[0], x[1], kNoSignedZeros); })
      .Case([&](ChainOp chain) {
        if (isFinite(chain.getRhs())) // 0 stays 0 by itself
          return arith::MulFOp::create(e, x[0], x[1], kContract).getResult();
        Value zero = e.constant(x[0].getType(), 0);
        Value isZero = arith::CmpFOp::create(e, arith::CmpFPredicate::OEQ, x[0], zero);
        return arith::SelectOp::create(e, isZero, zero, arith::MulFOp::create(e, x[0], x[1])).getResult();
      })
      .Case([&](CompareOp compare) {
        return arith::CmpFOp::create(e, floatPredicate(compare.getPredicate()), x[0], x[1]);
      })
      .Default([&](Operation *other) { return fail(other); });
}

Value Evaluator::evaluateInt(Operation *op, ArrayRef<Value> x) {
  auto range = [&](unsigned i) { return ranges.of(op->getOperand(i)); };
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](NegOp) { return arith::SubIOp::create(e, e.constantInt(x[0].getType(), 0), x[0]); })
      .Case([&](AbsOp) { return math::AbsIOp::create(e, x[0]); })
      .Case([&](ToFloatOp) { return arith::SIToFPOp::create(e, Emission::shaped(x[0], real), x[0]); })
      .Case([&](ToIntOp) { return x[0]; })
      .Case([&](AddOp) { return arith::AddIOp::create(e, x[0], x[1]); })
      .Case([&](SubOp) { return arith::SubIOp::create(e, x[0], x[1]); })
      .Case([&](MulOp) { return arith::MulIOp::create(e, x[0], x[1]); })
      .Case([&](FloorDivOp) { return emitFloorDivide(e, x[0], x[1], range(0), range(1)); })
      .Case([&](ModOp) { return emitModulo(e, x[0], x[1], range(0), range(1)); })
      .Case([&](MaxOp) { return arith::MaxSIOp::create(e, x[0], x[1]); })
      .Case([&](MinOp) { return arith::MinSIOp::create(e, x[0], x[1]); })
      .Case(
          [&](CompareOp compare) { return arith::CmpIOp::create(e, intPredicate(compare.getPredicate()), x[0], x[1]); })
      .Default([&](Operation *other) { return fail(other); });
}

Value Evaluator::evaluateBool(Operation *op, ArrayRef<Value> x) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](NotOp) { return arith::XOrIOp::create(e, x[0], e.constantInt(x[0].getType(), 1)); })
      .Case([&](ToFloatOp) { return arith::UIToFPOp::create(e, Emission::shaped(x[0], real), x[0]); })
      .Case([&](ToIntOp) { return arith::ExtUIOp::create(e, Emission::shaped(x[0], e.getI32Type()), x[0]); })
      .Case<AndOp, MinOp, MulOp>([&](Operation *) { return arith::AndIOp::create(e, x[0], x[1]); })
      .Case<OrOp, MaxOp>([&](Operation *) { return arith::OrIOp::create(e, x[0], x[1]); })
      .Case(
          [&](CompareOp compare) { return arith::CmpIOp::create(e, intPredicate(compare.getPredicate()), x[0], x[1]); })
      .Default([&](Operation *other) { return fail(other); });
}
