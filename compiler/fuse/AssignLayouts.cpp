// The order of axes in memory.
//
// Until here a type's order of axes meant nothing, so any order may be chosen for any value. Forward, each op proposes
// the order that costs it least; then what is written to a variable, and what leaves or enters a repeat, is made to
// agree.
#include "compiler/fuse/Fuse.h"

#include "dialects/tofu/Tofu.h"

namespace kinu::fuse {
#define GEN_PASS_DEF_ASSIGNLAYOUTS
#include "compiler/fuse/Passes.h.inc"
} // namespace kinu::fuse

using namespace mlir;
using namespace kinu;

/// `type` with its axes in the order in which they stand in `order`, those that do not stand there last.
static NamedTensorType reorder(NamedTensorType type, ArrayRef<StringAttr> order) {
  SmallVector<Axis> axes;
  for (StringAttr name : order)
    if (type.has(name) && llvm::none_of(axes, [&](const Axis &axis) { return axis.name == name; }))
      axes.push_back(type.getAxes()[type.find(name)]);
  for (const Axis &axis : type.getAxes())
    if (!llvm::is_contained(order, axis.name))
      axes.push_back(axis);
  return type.withAxes(axes);
}

static SmallVector<StringAttr> namesOf(NamedTensorType type) {
  return llvm::map_to_vector(type.getAxes(), [](const Axis &axis) { return axis.name; });
}

/// The names of `type`, each name in `from` replaced by the list `to` at the place of the first of them.
static SmallVector<StringAttr> replaceNames(NamedTensorType type, ArrayRef<StringAttr> from, ArrayRef<StringAttr> to) {
  SmallVector<StringAttr> names;
  bool done = false;
  for (const Axis &axis : type.getAxes()) {
    if (!llvm::is_contained(from, axis.name)) {
      names.push_back(axis.name);
    } else if (!done) {
      names.append(to.begin(), to.end());
      done = true;
    }
  }
  return names;
}

static SmallVector<StringAttr> list(ArrayAttr names) {
  return llvm::map_to_vector(names.getAsRange<StringAttr>(), [](StringAttr name) { return name; });
}

/// Shared axes, then those of the left side alone, then those of the right side alone.
static SmallVector<StringAttr> productOrder(DotOp op) {
  NamedTensorType lhs = typeOf(op.getLhs()), rhs = typeOf(op.getRhs());
  SmallVector<StringAttr> shared, left, right;
  for (const Axis &axis : lhs.getAxes())
    (rhs.has(axis.name) ? shared : left).push_back(axis.name);
  for (const Axis &axis : rhs.getAxes())
    if (!lhs.has(axis.name))
      right.push_back(axis.name);
  // The side with `batch` is the one whose rows the next layer reads.
  if (llvm::any_of(right, [](StringAttr name) { return name == "batch"; }))
    std::swap(left, right);
  shared.append(left);
  shared.append(right);
  return shared;
}

/// The operand with the most axes decides; of equals one that is in memory anyway, then the one with the most elements.
static SmallVector<StringAttr> leadingOperand(Operation *op) {
  auto rank = [](Value value) {
    Operation *source = value.getDefiningOp();
    bool inMemory = !source || tofu::isCollective(source) ||
                    isa<DotOp, ReadOp, InputOp, AttentionOp, AttentionBackwardOp, RepeatOp>(source);
    return std::tuple(typeOf(value).getAxes().size(), inMemory, typeOf(value).getNumElements());
  };
  Value best = op->getOperand(0);
  for (Value operand : op->getOperands())
    if (rank(operand) > rank(best))
      best = operand;
  return namesOf(typeOf(best));
}

static bool isRankAxis(StringAttr name) { return name.getValue().starts_with("rank."); }

/// What goes to each rank is in one piece: the axis of ranks comes first.
static SmallVector<StringAttr> splitOrder(SplitOp op) {
  SmallVector<StringAttr> order = replaceNames(typeOf(op.getOperand()), {op.getAxisAttr()}, list(op.getFactors()));
  std::stable_partition(order.begin(), order.end(), isRankAxis);
  return order;
}

/// What comes from each rank goes to the place of the part that a rank has.
static SmallVector<StringAttr> joinOrder(JoinOp op) {
  SmallVector<StringAttr> factors = list(op.getFactors());
  NamedTensorType operand = typeOf(op.getOperand());
  if (!isRankAxis(factors[0]))
    return replaceNames(operand, factors, {op.getAxisAttr()});
  SmallVector<StringAttr> order = replaceNames(operand, {factors[0]}, {});
  llvm::replace(order, factors[1], op.getAxisAttr());
  return order;
}

/// The order that costs the op least, for its first result.
static SmallVector<StringAttr> proposal(Operation *op) {
  return TypeSwitch<Operation *, SmallVector<StringAttr>>(op)
      .Case([](DotOp dot) { return productOrder(dot); })
      .Case([](AttentionOp attention) {
        SmallVector<StringAttr> values;
        for (const Axis &axis : typeOf(attention.getV()).getAxes())
          if (!typeOf(attention.getQ()).has(axis.name) && axis.name != attention.getKeyAttr())
            values.push_back(axis.name);
        SmallVector<StringAttr> sum = list(attention.getSum());
        if (values.empty())
          values = sum;
        return replaceNames(typeOf(attention.getQ()), sum, values);
      })
      .Case([](LookupOp lookup) {
        SmallVector<StringAttr> axes;
        for (Value index : lookup.getIndices())
          for (StringAttr name : namesOf(typeOf(index)))
            if (!llvm::is_contained(axes, name))
              axes.push_back(name);
        SmallVector<StringAttr> order(axes);
        order.append(replaceNames(typeOf(lookup.getSource()), list(lookup.getAxes()), {}));
        return order;
      })
      .Case([](RenameOp op) { return replaceNames(typeOf(op.getOperand()), {op.getFromAttr()}, {op.getToAttr()}); })
      .Case<SliceOp, PadOp>(
          [](auto op) { return replaceNames(typeOf(op.getOperand()), {op.getAxisAttr()}, {op.getAsAttr()}); })
      .Case([](SplitOp op) { return splitOrder(op); })
      .Case([](JoinOp op) { return joinOrder(op); })
      .Case([](tofu::AllGatherOp op) { // each rank's part in one piece
        SmallVector<StringAttr> order{tofu::rankAxis(op.getOnAttr())};
        order.append(namesOf(typeOf(op.getOperand())));
        return order;
      })
      .Case([](TopOp op) { return replaceNames(typeOf(op.getOperand()), {op.getOverAttr()}, {op.getAsAttr()}); })
      .Case([](ConcatOp op) {
        return replaceNames(typeOf(op.getOperands()[0]), {cast<StringAttr>(op.getAxes()[0])}, {op.getAsAttr()});
      })
      .Case([](ScatterOp op) {
        SmallVector<StringAttr> order;
        for (StringAttr name : namesOf(typeOf(op.getOperand())))
          if (name == "batch" && op.getType().has(name))
            order.push_back(name);
        order.append(list(op.getAxes()));
        order.append(namesOf(typeOf(op.getOperand())));
        return order;
      })
      .Default([](Operation *other) {
        if (other->getNumOperands() == 0)
          return SmallVector<StringAttr>();
        return leadingOperand(other);
      });
}

namespace {
struct AssignLayouts : fuse::impl::AssignLayoutsBase<AssignLayouts> {
  void runOnOperation() override {
    for (ProgramOp program : getOperation().getOps<ProgramOp>())
      assignBlock(program.getBody().front());
  }

private:
  void assignBlock(Block &block) {
    for (Operation &op : block) {
      if (auto repeat = dyn_cast<RepeatOp>(op))
        assignRepeat(repeat);
      else if (auto write = dyn_cast<WriteOp>(op))
        follow(write);
      else if (auto read = dyn_cast<ReadOp>(op))
        readStash(read);
      else if (op.getNumResults() && !isa<ReadOp, InputOp, IndexOp, ConstantOp>(op))
        assign(&op);
    }
  }

  void assign(Operation *op) {
    if (auto backward = dyn_cast<AttentionBackwardOp>(op)) {
      backward.getDq().setType(backward.getQ().getType());
      backward.getDk().setType(backward.getK().getType());
      backward.getDv().setType(backward.getV().getType());
      return;
    }
    if (isa<tofu::ReduceScatterOp, tofu::AllToAllOp>(op))
      ranksFirst(op);
    if (auto scatter = dyn_cast<tofu::ReduceScatterOp>(op))
      return op->getResult(0).setType(
          typeOf(scatter.getOperand())
              .without(namesAttr(&getContext(), {tofu::rankAxis(scatter.getOnAttr()).getValue()})));
    // The operand of these has the result's type.
    if (isa<CumSumOp, tofu::AllReduceOp, tofu::AllToAllOp>(op))
      return op->getResult(0).setType(op->getOperand(0).getType());
    for (Value result : op->getResults())
      result.setType(reorder(typeOf(result), proposal(op)));
  }

  /// Copies the operand, unless the axis of ranks is its first.
  void ranksFirst(Operation *op) {
    NamedTensorType type = typeOf(op->getOperand(0));
    StringAttr ranks = tofu::rankAxis(op->getAttrOfType<StringAttr>("on"));
    if (type.getAxes()[0].name == ranks)
      return;
    OpBuilder b(op);
    SmallVector<StringAttr> order{ranks};
    op->setOperand(0, BroadcastOp::create(b, op->getLoc(), reorder(type, order), op->getOperand(0)));
  }

  /// A written value takes the order of its variable, unless that would only move the copying elsewhere.
  void follow(WriteOp write) {
    auto variable = SymbolTable::lookupNearestSymbolFrom<VariableOp>(write, write.getVariableAttr());
    if (variable.getRole() == "stash" && stashed.insert(variable).second)
      return stashAs(variable, typeOf(write.getValue()));
    SmallVector<StringAttr> order = namesOf(cast<NamedTensorType>(variable.getType()));
    Operation *op = write.getValue().getDefiningOp();
    NamedTensorType wanted = reorder(typeOf(write.getValue()), order);
    if (wanted == write.getValue().getType())
      return;
    bool free = op && op->getBlock() == write->getBlock() &&
                (op->hasTrait<Elementwise>() || isa<DotOp, ReduceOp, ScatterOp, BroadcastOp, LookupOp>(op));
    if (free && write.getValue().hasOneUse()) {
      spread(op, order);
      return;
    }
    OpBuilder b(write);
    write.getValueMutable().assign(BroadcastOp::create(b, write.getLoc(), wanted, write.getValue()));
  }

  /// What one program keeps for another lies as it is computed, by the first of several.
  static void stashAs(VariableOp variable, NamedTensorType slice) {
    variable.setType(reorder(cast<NamedTensorType>(variable.getType()), roundsThen(variable, slice)));
  }

  static SmallVector<StringAttr> roundsThen(VariableOp variable, NamedTensorType slice) {
    SmallVector<StringAttr> order;
    for (const Axis &axis : cast<NamedTensorType>(variable.getType()).getAxes())
      if (!slice.has(axis.name))
        order.push_back(axis.name);
    order.append(namesOf(slice));
    return order;
  }

  static void readStash(ReadOp read) {
    auto variable = SymbolTable::lookupNearestSymbolFrom<VariableOp>(read, read.getVariableAttr());
    if (variable.getRole() == "stash")
      read.getResult().setType(reorder(read.getType(), namesOf(cast<NamedTensorType>(variable.getType()))));
  }

  /// Gives an op's result an order, and with it the products that it is computed from at the same point.
  void spread(Operation *op, ArrayRef<StringAttr> order) {
    op->getResult(0).setType(reorder(typeOf(op->getResult(0)), order));
    if (!op->hasTrait<Elementwise>())
      return;
    for (Value operand : op->getOperands()) {
      Operation *source = operand.getDefiningOp();
      if (source && source->getBlock() == op->getBlock() && operand.hasOneUse() &&
          (isa<DotOp>(source) || source->hasTrait<Elementwise>()))
        spread(source, order);
    }
  }

  /// Carried values keep the order they come in with; what a repeat keeps of its rounds has the round's axis first.
  void assignRepeat(RepeatOp repeat) {
    for (auto [argument, init, result] :
         llvm::zip(repeat.getCarriedArguments(), repeat.getCarried(), repeat.getResults())) {
      Value(argument).setType(init.getType());
      result.setType(init.getType());
    }
    ArrayAttr axis = ArrayAttr::get(&getContext(), {repeat.getAxisAttr()});
    for (auto [argument, stacked] : llvm::zip(repeat.getStackedArguments(), repeat.getStacked()))
      Value(argument).setType(typeOf(stacked).without(axis));
    Block &body = repeat.getBody().front();
    assignBlock(body);
    YieldOp yield = repeat.getYield();
    OpBuilder b(yield);
    unsigned carried = repeat.getResults().size(), sums = repeat.getSums().size();
    for (auto [i, operand] : llvm::enumerate(yield->getOpOperands())) {
      Value value = operand.get();
      if (i < carried && value.getType() != repeat.getCarried()[i].getType())
        operand.set(BroadcastOp::create(b, yield.getLoc(), repeat.getCarried()[i].getType(), value));
      else if (i >= carried && i < carried + sums)
        repeat.getSums()[i - carried].setType(value.getType());
      else if (i >= carried + sums)
        setStacked(repeat.getSaved()[i - carried - sums], typeOf(value));
    }
  }

  void setStacked(Value saved, NamedTensorType slice) {
    SmallVector<Axis> axes;
    for (const Axis &axis : typeOf(saved).getAxes())
      if (!slice.has(axis.name))
        axes.push_back(axis);
    llvm::append_range(axes, slice.getAxes());
    saved.setType(slice.withAxes(axes));
  }

  llvm::DenseSet<Operation *> stashed; ///< variables that have their order by then
};
} // namespace
