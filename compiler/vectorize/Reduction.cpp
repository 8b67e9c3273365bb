// Sums, maxima and minima.
#include "compiler/vectorize/Reduction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

static constexpr arith::FastMathFlags kAnyOrder = arith::FastMathFlags::reassoc;
static constexpr arith::FastMathFlags kNoSignedZeros = arith::FastMathFlags::nsz;

Value vectorize::emitIdentity(Emission &e, ReductionKind kind, Type type) {
  Type element = getElementTypeOrSelf(type);
  if (kind == ReductionKind::sum)
    return e.constant(type, 0);
  bool isMax = kind == ReductionKind::max;
  if (isa<FloatType>(element))
    return e.constant(type, isMax ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity());
  if (element.isInteger(1))
    return e.constantInt(type, isMax ? 0 : 1);
  return e.constantInt(type, isMax ? INT64_MIN : INT64_MAX);
}

Value vectorize::emitCombine(Emission &e, ReductionKind kind, Value x, Value y) {
  Type element = getElementTypeOrSelf(x);
  if (isa<FloatType>(element)) {
    if (kind == ReductionKind::sum)
      return arith::AddFOp::create(e, x, y, arith::FastMathFlags::contract);
    if (kind == ReductionKind::max)
      return arith::MaximumFOp::create(e, x, y, kNoSignedZeros);
    return arith::MinimumFOp::create(e, x, y, kNoSignedZeros);
  }
  if (kind == ReductionKind::sum)
    return arith::AddIOp::create(e, x, y);
  if (element.isInteger(1))
    return kind == ReductionKind::max ? Value(arith::OrIOp::create(e, x, y)) : Value(arith::AndIOp::create(e, x, y));
  return kind == ReductionKind::max ? Value(arith::MaxSIOp::create(e, x, y)) : Value(arith::MinSIOp::create(e, x, y));
}

Value vectorize::emitAcrossLanes(Emission &e, ReductionKind kind, Value value) {
  Type element = getElementTypeOrSelf(value);
  using vector::CombiningKind;
  CombiningKind combining = CombiningKind::ADD;
  if (isa<FloatType>(element) && kind != ReductionKind::sum)
    combining = kind == ReductionKind::max ? CombiningKind::MAXIMUMF : CombiningKind::MINIMUMF;
  else if (element.isInteger(1))
    combining = kind == ReductionKind::max ? CombiningKind::OR : CombiningKind::AND;
  else if (kind != ReductionKind::sum)
    combining = kind == ReductionKind::max ? CombiningKind::MAXSI : CombiningKind::MINSI;
  auto flags = isa<FloatType>(element) ? kAnyOrder | kNoSignedZeros : arith::FastMathFlags::none;
  return vector::ReductionOp::create(e, combining, value, flags);
}
