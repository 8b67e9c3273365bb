#include "compiler/report/Describe.h"

#include "dialects/kinu/Kinu.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace kinu;

/// Ops that are named; the rest is counted.
static constexpr size_t kNamedOps = 5;

static std::string shapeOf(NamedTensorType type) {
  std::vector<std::string> axes;
  for (const Axis &axis : type.getAxes())
    axes.push_back((axis.name.getValue() + "=" + Twine(axis.length)).str());
  return "[" + llvm::join(axes, ", ") + "]";
}

/// rows x sums x columns, with the number of products in front if there are several.
static std::string describeProduct(DotOp dot) {
  NamedTensorType lhs = typeOf(dot.getLhs()), rhs = typeOf(dot.getRhs()), result = dot.getType();
  int64_t batch = 1, rows = 1, columns = 1, sums = 1;
  for (const Axis &axis : result.getAxes()) {
    bool left = lhs.has(axis.name), right = rhs.has(axis.name);
    (left && right ? batch : left ? rows : columns) *= axis.length;
  }
  for (StringAttr axis : dot.getOver().getAsRange<StringAttr>())
    sums *= lhs.length(axis);
  std::string size = llvm::formatv("{0}x{1}x{2} product", rows, sums, columns);
  return batch > 1 ? llvm::formatv("{0} of {1}", batch, size).str() : size;
}

/// Changes of axes, constants and the like compute nothing.
static bool isWork(Operation &op) {
  return !isa<ConstantOp, IndexOp, RenameOp, BroadcastOp, SplitOp, JoinOp, YieldOp, DotOp>(op);
}

static std::string nameOf(Operation &op) {
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return stringifyReductionKind(reduce.getKind()).str();
  std::string name = op.getName().stripDialect().str();
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::string report::describeKernel(step::KernelOp kernel) {
  std::vector<std::string> kinds; // each once
  NamedTensorType largest;
  std::string product;
  for (Operation &op : kernel.getBody().front()) {
    for (Value value : op.getResults())
      if (!largest || typeOf(value).getNumElements() > largest.getNumElements())
        largest = typeOf(value);
    if (auto dot = dyn_cast<DotOp>(op))
      product = describeProduct(dot);
    else if (isWork(op) && !llvm::is_contained(kinds, nameOf(op)))
      kinds.push_back(nameOf(op));
  }
  std::vector<std::string> words;
  if (!product.empty())
    words.push_back(product);
  for (const std::string &kind : llvm::ArrayRef(kinds).take_front(kNamedOps))
    words.push_back(kind);
  if (kinds.size() > kNamedOps)
    words.push_back(llvm::formatv("{0} more", kinds.size() - kNamedOps));
  if (words.empty())
    words.push_back("copy");
  return llvm::join(words, ", ") + (product.empty() && largest ? " of " + shapeOf(largest) : "");
}
