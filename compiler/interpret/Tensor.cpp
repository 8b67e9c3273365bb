// Construction of tensors, and finding elements by the names of axes.
#include "compiler/interpret/Tensor.h"

#include <cmath>

using namespace mlir;
using namespace kinu;
using namespace kinu::interpret;

Tensor::Tensor(NamedTensorType type) : type(type) {
  if (type.isFloat())
    floats.assign(type.getNumElements(), 0.0);
  else
    ints.assign(type.getNumElements(), 0);
}

Tensor::Tensor(NamedTensorType type, std::vector<double> values) : type(type), floats(std::move(values)) {
  assert(type.isFloat() && static_cast<int64_t>(floats.size()) == type.getNumElements());
}

Tensor::Tensor(NamedTensorType type, std::vector<int64_t> values) : type(type), ints(std::move(values)) {
  assert(!type.isFloat() && static_cast<int64_t>(ints.size()) == type.getNumElements());
}

Tensor Tensor::reordered(NamedTensorType like) const {
  if (like == type)
    return *this;
  Tensor result(like.withElement(type.getElement()));
  int64_t next = 0;
  walk(like.getAxes(), {stridesIn(like.getAxes(), type)}, [&](ArrayRef<int64_t> at) {
    if (type.isFloat())
      result.floats[next++] = floats[at[0]];
    else
      result.ints[next++] = ints[at[0]];
  });
  return result;
}

int64_t interpret::strideOf(NamedTensorType type, StringRef axis) {
  int64_t stride = 1;
  for (const Axis &inner : type.getAxes().drop_front(type.find(axis) + 1))
    stride *= inner.length;
  return stride;
}

Strides interpret::stridesIn(ArrayRef<Axis> space, NamedTensorType type, ArrayAttr except) {
  Strides strides;
  for (const Axis &axis : space) {
    bool moves = type.has(axis.name) && !(except && contains(except, axis.name.getValue()));
    strides.push_back(moves ? strideOf(type, axis.name) : 0);
  }
  return strides;
}

double interpret::roundTo(FloatType format, double x) {
  if (x == 0 || !std::isfinite(x))
    return x;
  const llvm::fltSemantics &semantics = format.getFloatSemantics();
  int digits = llvm::APFloat::semanticsPrecision(semantics);
  int exponent = std::max(std::ilogb(x), llvm::APFloat::semanticsMinExponent(semantics));
  // A unit in the last place is a power of two, so dividing by it and multiplying are exact.
  double unit = std::ldexp(1.0, exponent - digits + 1), rounded = std::nearbyint(x / unit) * unit;
  double largest = llvm::APFloat::getLargest(semantics).convertToDouble();
  return std::fabs(rounded) <= largest ? rounded : std::copysign(std::numeric_limits<double>::infinity(), x);
}
