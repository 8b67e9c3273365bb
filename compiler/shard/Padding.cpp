// Which axes are padded, and what stands against it.
#include "compiler/shard/Padding.h"

#include "dialects/tofu/Tofu.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

Padding::Padding(ModuleOp module) {
  auto layout = module->getAttrOfType<DictionaryAttr>("kinu.layout");
  auto pad = layout ? layout.getAs<DictionaryAttr>("pad") : DictionaryAttr();
  if (!pad)
    return;
  for (NamedAttribute axis : pad) {
    ArrayRef<int64_t> both = cast<DenseI64ArrayAttr>(axis.getValue()).asArrayRef();
    lengths[axis.getName()] = {both[0], both[1]};
  }
  for (bool more = true; more;) {
    more = false;
    module.walk([&](RenameOp op) {
      for (auto [from, to] : {std::pair(op.getFromAttr(), op.getToAttr()), std::pair(op.getToAttr(), op.getFromAttr())})
        if (has(from) && !has(to)) {
          Lengths both = lengths[from];
          lengths[to] = both;
          more = true;
        }
    });
  }
}

bool Padding::has(ArrayAttr names) const {
  return llvm::any_of(names.getAsRange<StringAttr>(), [&](StringAttr name) { return has(name); });
}

bool Padding::touches(Value value) const {
  return llvm::any_of(typeOf(value).getAxes(), [&](const Axis &axis) {
    auto found = lengths.find(axis.name);
    return found != lengths.end() && (axis.length == found->second.real || axis.length == found->second.padded);
  });
}

bool Padding::touches(Operation *op) const {
  auto isTouched = [&](Value value) { return touches(value); };
  return llvm::any_of(op->getOperands(), isTouched) || llvm::any_of(op->getResults(), isTouched);
}

NamedTensorType Padding::padded(NamedTensorType real) const {
  SmallVector<Axis> axes(real.getAxes());
  for (Axis &axis : axes)
    if (auto found = lengths.find(axis.name); found != lengths.end() && axis.length == found->second.real)
      axis.length = found->second.padded;
  return real.withAxes(axes);
}

SmallVector<Axis> Padding::paddedAxes(NamedTensorType type) const {
  return llvm::filter_to_vector(type.getAxes(), [&](const Axis &axis) {
    auto found = lengths.find(axis.name);
    return found != lengths.end() && axis.length == found->second.padded;
  });
}

template <typename Attention> static std::string objectionToAttention(Attention op, const Padding &padding) {
  return padding.has(op.getSum()) || padding.has(op.getKeyAttr()) || padding.has(op.getQueryAttr())
             ? "attention goes over it"
             : "";
}

/// An axis that an op has on one side only is one that it takes apart, puts together or moves along.
static std::string objectionToMove(Operation *op, const Padding &padding) {
  auto onOneSide = [&](Value value, auto others) {
    return llvm::any_of(typeOf(value).getAxes(), [&](const Axis &axis) {
      return padding.has(axis.name) && llvm::any_of(others, [&](Value other) { return !typeOf(other).has(axis.name); });
    });
  };
  bool objects = llvm::any_of(op->getOperands(), [&](Value value) { return onOneSide(value, op->getResults()); }) ||
                 llvm::any_of(op->getResults(), [&](Value value) { return onOneSide(value, op->getOperands()); });
  return objects ? "`" + op->getName().stripDialect().str() + "` changes it" : "";
}

std::string shard::objectionTo(Operation *op, const Padding &padding) {
  auto touches = [&](Value value) { return padding.touches(value); };
  if (!padding.touches(op))
    return "";
  if (op->hasTrait<Elementwise>())
    return "";
  return llvm::TypeSwitch<Operation *, std::string>(op)
      // A composite's definition is looked at instead.
      .Case<LinearCrossEntropyOp, LinearCrossEntropyBackwardOp, NormOp, NormBackwardOp>([](auto) { return ""; })
      .Case<AttentionOp, AttentionBackwardOp>([&](auto op) { return objectionToAttention(op, padding); })
      .Case<DotOp, BroadcastOp, RenameOp, ReadOp, WriteOp, AccumulateOp, OutputOp, IndexOp, RepeatOp, YieldOp>(
          [](auto) { return ""; })
      .Case<tofu::SendOp, tofu::ReceiveOp, tofu::AllReduceOp>([](auto) { return ""; })
      .Case([](RandomOp random) {
        return random->getParentOfType<AttentionOp>() || random->getParentOfType<AttentionBackwardOp>()
                   ? "attention draws random numbers along it"
                   : "";
      })
      .Case([](ReduceOp reduce) { return typeOf(reduce.getOperand()).isBool() ? "bools are reduced along it" : ""; })
      .Case([&](LookupOp lookup) { return llvm::any_of(lookup.getIndices(), touches) ? "indices stand along it" : ""; })
      .Case([&](ScatterOp scatter) {
        return llvm::any_of(scatter.getIndices(), touches) || padding.has(scatter.getOver()) ? "indices stand along it"
                                                                                             : "";
      })
      .Case([&](CumSumOp sum) { return padding.has(sum.getOverAttr()) ? "a running sum goes along it" : ""; })
      .Case<InputOp>([](auto) { return "an input has it"; })
      .Case<SliceOp, PadOp, SplitOp, JoinOp, ConcatOp>([&](auto op) { return objectionToMove(op, padding); })
      .Default([](Operation *other) { return "`" + other->getName().stripDialect().str() + "` works on it"; });
}

/// The lengths that weights have along an axis.
static llvm::SmallSetVector<int64_t, 2> lengthsInWeights(ModuleOp module, StringRef axis) {
  llvm::SmallSetVector<int64_t, 2> lengths;
  for (VariableOp variable : module.getOps<VariableOp>())
    if (auto type = cast<NamedTensorType>(variable.getType()); type.has(axis))
      lengths.insert(type.length(axis));
  return lengths;
}

static std::string objectionIn(ModuleOp module) {
  Padding padding(module);
  std::string objection;
  module.walk([&](Operation *op) {
    objection = objectionTo(op, padding);
    for (Value result : op->getResults())
      if (!padding.paddedAxes(typeOf(result)).empty())
        objection = "another axis of that name has the padded length";
    return objection.empty() ? WalkResult::advance() : WalkResult::interrupt();
  });
  return objection;
}

static void setPad(ModuleOp module, const NamedAttrList &pad) {
  NamedAttrList all(module->getAttrOfType<DictionaryAttr>("kinu.layout"));
  all.set("pad", pad.getDictionary(module.getContext()));
  module->setAttr("kinu.layout", all.getDictionary(module.getContext()));
}

/// Pads one axis, with others or without; what stands against it, if anything does.
static std::string tryOut(ModuleOp module, StringRef axis, ArrayRef<int64_t> lengths, int64_t parts,
                          NamedAttrList &pad) {
  if (lengths.size() > 1)
    return "weights have it in several lengths";
  NamedAttrList one;
  one.set(axis, Builder(module.getContext())
                    .getDenseI64ArrayAttr({lengths[0], static_cast<int64_t>(llvm::alignTo(lengths[0], parts))}));
  setPad(module, one);
  pad.set(axis, one.get(axis));
  return objectionIn(module);
}

void shard::annotatePadding(ModuleOp module, const typed::Layout &layout, Diagnostics &diagnostics) {
  NamedAttrList pad;
  for (const typed::LayoutRule &rule : layout.rules) {
    if (rule.verb != "shard" || rule.detail == "between blocks")
      continue;
    int64_t parts = 1;
    for (const std::string &axis : rule.mesh)
      parts *= tofu::meshOf(module).degree(axis);
    for (const std::string &axis : rule.subjects) {
      auto lengths = lengthsInWeights(module, axis);
      auto *odd = llvm::find_if(lengths, [&](int64_t length) { return length % parts != 0; });
      if (odd == lengths.end() || pad.get(axis))
        continue;
      std::string objection = tryOut(module, axis, lengths.getArrayRef(), parts, pad);
      if (objection.empty())
        continue;
      int64_t below = *odd / parts * parts;
      diagnostics
          .error("shard-not-divisible", rule.range,
                 "`" + axis + "` of " + std::to_string(*odd) + " does not divide into " + std::to_string(parts) +
                     " and cannot be padded: " + objection)
          .suggest("the nearest lengths that work are " + (below ? std::to_string(below) + " and " : "") +
                   std::to_string(below + parts));
    }
  }
  if (!pad.empty())
    setPad(module, pad);
}
