// Axes of an attention.
#include "compiler/vectorize/attention/AttentionShape.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

Point AttentionShape::outerPoint(Emission &e, Value outerIndex) const {
  Point point;
  for (const Axis &axis : llvm::reverse(outer)) {
    point[axis.name] = Index::at(e.rem(outerIndex, axis.length));
    outerIndex = e.div(outerIndex, axis.length);
  }
  return point;
}

AttentionShape::Matrix AttentionShape::matrix(NamedTensorType type, const Axis &row, ArrayRef<Axis> columns) const {
  return {walkOver(type, outer), strideOf(type, row.name), walkOver(type, columns)};
}

AttentionShape kinu::vectorize::analyseAttention(NamedTensorType q, NamedTensorType k, NamedTensorType v,
                                                 NamedTensorType result, ArrayAttr sum, StringAttr query,
                                                 StringAttr key) {
  AttentionShape shape;
  shape.query = {query, q.length(query)};
  shape.key = {key, k.length(key)};
  SmallVector<Axis> own;
  for (NamedTensorType type : {q, k})
    for (const Axis &axis : type.getAxes()) {
      if (contains(sum, axis.name))
        continue;
      bool shared = k.has(axis.name) && v.has(axis.name);
      SmallVector<Axis> &kind = shared ? shape.outer : own;
      if (axis.name != query && axis.name != key && !llvm::is_contained(kind, axis))
        kind.push_back(axis);
    }
  for (const Axis &axis : q.getAxes())
    if (contains(sum, axis.name))
      shape.sumAxes.push_back(axis);
  for (const Axis &axis : shape.outer)
    shape.groups *= axis.length;
  llvm::append_range(shape.outer, own);
  for (const Axis &axis : v.getAxes())
    if (axis.name != key && !llvm::is_contained(shape.outer, axis))
      shape.valueAxes.push_back(axis);

  shape.q = shape.matrix(q, shape.query, shape.sumAxes);
  shape.k = shape.matrix(k, shape.key, shape.sumAxes);
  shape.v = shape.matrix(v, shape.key, shape.valueAxes);
  shape.result = shape.matrix(result, shape.query, shape.valueAxes);
  return shape;
}

bool kinu::vectorize::groupsAreIndependent(const AttentionShape &shape, NamedTensorType q, NamedTensorType k,
                                           NamedTensorType v) {
  return llvm::all_of(shape.outer,
                      [&](const Axis &axis) { return q.has(axis.name) && k.has(axis.name) == v.has(axis.name); });
}
