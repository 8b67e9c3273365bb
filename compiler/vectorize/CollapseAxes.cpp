// Neighbouring axes that a kernel treats alike become one.
//
// AdamW over wq[embed, head, dim] is one axis of 589,824 elements; the biased activation x[batch, seq, ffn] + b[ffn]
// keeps ffn and joins batch with seq.
#include "compiler/vectorize/CollapseAxes.h"

using namespace mlir;
using namespace kinu;

/// Every value of the kernel: arguments and results of ops.
static void forEachValue(step::KernelOp kernel, llvm::function_ref<void(Value)> visit) {
  for (Value argument : kernel.getBody().getArguments())
    visit(argument);
  for (Operation &op : kernel.getBody().front())
    for (Value result : op.getResults())
      visit(result);
}

static bool mentions(Attribute attribute, StringRef name) {
  if (auto text = dyn_cast<StringAttr>(attribute))
    return text.getValue() == name;
  if (auto list = dyn_cast<ArrayAttr>(attribute))
    return llvm::any_of(list, [&](Attribute element) { return mentions(element, name); });
  return false;
}

/// Whether `op` cannot tell the product of the axes from either of them; its types have both axes or neither.
static bool treatsAlike(Operation &op, StringRef first, StringRef second) {
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return contains(reduce.getOver(), first) == contains(reduce.getOver(), second);
  if (auto random = dyn_cast<RandomOp>(op)) // numbers its elements by the axes' names
    return !random.getType().has(first);
  return llvm::none_of(op.getAttrs(), [&](NamedAttribute attribute) {
    return mentions(attribute.getValue(), first) || mentions(attribute.getValue(), second);
  });
}

static bool canJoin(step::KernelOp kernel, StringRef first, StringRef second) {
  if (contains(kernel.getRows(), first) != contains(kernel.getRows(), second))
    return false;
  bool possible = true;
  forEachValue(kernel, [&](Value value) { possible &= typeOf(value).has(first) == typeOf(value).has(second); });
  auto areNeighbours = [&](Value buffer) {
    return !typeOf(buffer).has(first) || typeOf(buffer).find(second) == typeOf(buffer).find(first) + 1;
  };
  Block &block = kernel.getBody().front();
  return possible && llvm::all_of(block.getArguments(), areNeighbours) &&
         llvm::all_of(block.getTerminator()->getOperands(), areNeighbours) &&
         llvm::all_of(block, [&](Operation &op) { return treatsAlike(op, first, second); });
}

static ArrayAttr without(ArrayAttr names, StringRef name) {
  SmallVector<Attribute> kept;
  for (Attribute other : names)
    if (cast<StringAttr>(other).getValue() != name)
      kept.push_back(other);
  return ArrayAttr::get(names.getContext(), kept);
}

static void join(step::KernelOp kernel, StringAttr first, StringAttr second) {
  forEachValue(kernel, [&](Value value) {
    NamedTensorType type = typeOf(value);
    if (!type.has(first))
      return;
    SmallVector<Axis> axes;
    for (Axis axis : type.getAxes())
      if (axis.name == first)
        axes.push_back({first, axis.length * type.length(second)});
      else if (axis.name != second)
        axes.push_back(axis);
    value.setType(type.withAxes(axes));
  });
  kernel.setRowsAttr(without(kernel.getRows(), second));
  for (auto reduce : kernel.getBody().front().getOps<ReduceOp>())
    reduce.setOverAttr(without(reduce.getOver(), second));
}

/// Joins one pair of neighbours of one of the buffers, if there is one to join.
static bool joinSome(step::KernelOp kernel) {
  Block &block = kernel.getBody().front();
  SmallVector<Value> buffers(block.getArguments());
  llvm::append_range(buffers, block.getTerminator()->getOperands());
  for (Value buffer : buffers) {
    ArrayRef<Axis> axes = typeOf(buffer).getAxes();
    for (size_t i = 0; i + 1 < axes.size(); ++i)
      if (canJoin(kernel, axes[i].name, axes[i + 1].name)) {
        join(kernel, axes[i].name, axes[i + 1].name);
        return true;
      }
  }
  return false;
}

void vectorize::collapseAxes(step::KernelOp kernel) {
  while (joinSome(kernel)) {
  }
}
