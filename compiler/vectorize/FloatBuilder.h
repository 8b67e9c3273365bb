// Short names for arithmetic on floats of one shape, for polynomials.
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace kinu::vectorize {

/// Builds ops on values of type `real`: a float or a vector of floats. `bits` is the int type of the same shape and
/// width.
struct FloatBuilder {
  mlir::ImplicitLocOpBuilder &b;
  mlir::Type real, bits;

  FloatBuilder(mlir::ImplicitLocOpBuilder &b, mlir::Type real)
      : b(b), real(real), bits(b.getIntegerType(mlir::getElementTypeOrSelf(real).getIntOrFloatBitWidth())) {
    if (auto vector = llvm::dyn_cast<mlir::VectorType>(real))
      bits = vector.clone(bits);
  }

  mlir::Value number(double value) {
    mlir::TypedAttr attr = b.getFloatAttr(mlir::getElementTypeOrSelf(real), value);
    if (auto vector = llvm::dyn_cast<mlir::VectorType>(real))
      attr = mlir::DenseElementsAttr::get(vector, mlir::Attribute(attr));
    return mlir::arith::ConstantOp::create(b, attr);
  }
  mlir::Value whole(int64_t value) {
    mlir::TypedAttr attr = b.getIntegerAttr(mlir::getElementTypeOrSelf(bits), value);
    if (auto vector = llvm::dyn_cast<mlir::VectorType>(bits))
      attr = mlir::DenseElementsAttr::get(vector, mlir::Attribute(attr));
    return mlir::arith::ConstantOp::create(b, attr);
  }

  mlir::Value add(mlir::Value x, mlir::Value y) { return mlir::arith::AddFOp::create(b, x, y); }
  mlir::Value sub(mlir::Value x, mlir::Value y) { return mlir::arith::SubFOp::create(b, x, y); }
  mlir::Value mul(mlir::Value x, mlir::Value y) { return mlir::arith::MulFOp::create(b, x, y); }
  mlir::Value mul(mlir::Value x, double y) { return mul(x, number(y)); }
  mlir::Value div(mlir::Value x, mlir::Value y) { return mlir::arith::DivFOp::create(b, x, y); }
  mlir::Value neg(mlir::Value x) { return mlir::arith::NegFOp::create(b, x); }
  mlir::Value abs(mlir::Value x) { return mlir::math::AbsFOp::create(b, x); }
  /// x y + z, rounded once.
  mlir::Value fma(mlir::Value x, mlir::Value y, mlir::Value z) { return mlir::math::FmaOp::create(b, x, y, z); }
  mlir::Value fma(mlir::Value x, double y, mlir::Value z) { return fma(x, number(y), z); }
  /// Horner's rule, the highest coefficient first.
  mlir::Value polynomial(mlir::Value x, llvm::ArrayRef<double> coefficients) {
    mlir::Value sum = number(coefficients.front());
    for (double coefficient : coefficients.drop_front())
      sum = fma(sum, x, number(coefficient));
    return sum;
  }

  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value x, mlir::Value y) {
    return mlir::arith::CmpFOp::create(b, predicate, x, y);
  }
  mlir::Value less(mlir::Value x, double y) { return compare(mlir::arith::CmpFPredicate::OLT, x, number(y)); }
  mlir::Value equal(mlir::Value x, double y) { return compare(mlir::arith::CmpFPredicate::OEQ, x, number(y)); }
  mlir::Value choose(mlir::Value condition, mlir::Value yes, mlir::Value no) {
    return mlir::arith::SelectOp::create(b, condition, yes, no);
  }
  /// x limited to [low, high]; NaN stays NaN.
  mlir::Value clamp(mlir::Value x, double low, double high) {
    x = choose(less(x, low), number(low), x);
    return choose(compare(mlir::arith::CmpFPredicate::OGT, x, number(high)), number(high), x);
  }
  mlir::Value copySign(mlir::Value magnitude, mlir::Value sign) {
    return mlir::math::CopySignOp::create(b, magnitude, sign);
  }

  mlir::Value toBits(mlir::Value x) { return mlir::arith::BitcastOp::create(b, bits, x); }
  mlir::Value fromBits(mlir::Value x) { return mlir::arith::BitcastOp::create(b, real, x); }
  mlir::Value addInt(mlir::Value x, mlir::Value y) { return mlir::arith::AddIOp::create(b, x, y); }
  mlir::Value subInt(mlir::Value x, mlir::Value y) { return mlir::arith::SubIOp::create(b, x, y); }
  mlir::Value andInt(mlir::Value x, int64_t y) { return mlir::arith::AndIOp::create(b, x, whole(y)); }
  mlir::Value shiftLeft(mlir::Value x, int64_t by) { return mlir::arith::ShLIOp::create(b, x, whole(by)); }
  mlir::Value shiftRight(mlir::Value x, int64_t by) { return mlir::arith::ShRSIOp::create(b, x, whole(by)); }
  mlir::Value toReal(mlir::Value x) { return mlir::arith::SIToFPOp::create(b, real, x); }
};

} // namespace kinu::vectorize
