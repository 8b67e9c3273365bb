// Lists whose items share the next stated shape and initialiser.
#include "compiler/syntax/Statement.h"

namespace kinu::syntax {

const InputStatement::Item *InputStatement::shapeOf(size_t index) const {
  for (; index < items.size(); ++index)
    if (items[index].axes)
      return &items[index];
  return nullptr;
}

const AxisList *WeightStatement::axesOf(size_t index) const {
  for (; index < items.size(); ++index)
    if (items[index].axes)
      return &*items[index].axes;
  return nullptr;
}

const Expr *WeightStatement::initialiserOf(size_t index) const {
  for (; index < items.size(); ++index)
    if (items[index].initialiser)
      return items[index].initialiser.get();
  return nullptr;
}

} // namespace kinu::syntax
