// Walks of a matrix index through a tensor.
#include "compiler/vectorize/gemm/Walk.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

Walk::Walk(ArrayRef<Step> all) {
  for (const Step &step : all) {
    if (step.length == 1)
      continue;
    if (!steps.empty() && steps.back().stride == step.stride * step.length)
      steps.back() = {steps.back().length * step.length, step.stride};
    else
      steps.push_back(step);
  }
}

int64_t Walk::length() const {
  int64_t length = 1;
  for (const Step &step : steps)
    length *= step.length;
  return length;
}

bool Walk::vectors(int64_t lanes) const {
  return steps.empty() || (steps.back().stride == 1 && (uniform() || steps.back().length % lanes == 0));
}

Value Walk::offset(Emission &e, Value index) const {
  Value offset = e.i64(0);
  for (auto [i, step] : llvm::enumerate(llvm::reverse(steps))) {
    bool outermost = i + 1 == steps.size();
    Value here = outermost ? index : e.rem(index, step.length);
    offset = e.add(offset, e.mul(here, step.stride));
    if (!outermost)
      index = e.div(index, step.length);
  }
  return offset;
}

int64_t kinu::vectorize::strideOf(NamedTensorType type, StringAttr axis) {
  int64_t stride = 1;
  for (const Axis &inner : llvm::reverse(type.getAxes())) {
    if (inner.name == axis)
      return stride;
    stride *= inner.length;
  }
  return 0;
}

Walk kinu::vectorize::walkOver(NamedTensorType type, ArrayRef<Axis> axes) {
  SmallVector<Walk::Step> steps;
  for (const Axis &axis : axes)
    steps.push_back({axis.length, strideOf(type, axis.name)});
  return Walk(steps);
}
