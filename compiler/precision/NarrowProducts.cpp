// Products of 16-bit operands, and 16-bit storage for what they make and read.
//
// Three steps over a program: results of products are rounded where they are stored, operands are cast, and what is
// cast for a product is read in 16 bits by its other readers. Casts of one value are one, as near to its definition as
// can be, so that `fuse` finds them in the kernel that computes the value. Regions of composite ops, which compute in
// f32, are left alone.
#include "compiler/precision/Precision.h"

#include "llvm/ADT/MapVector.h"

namespace kinu::precision {
#define GEN_PASS_DEF_NARROWPRODUCTS
#include "compiler/precision/Passes.h.inc"
} // namespace kinu::precision

using namespace mlir;
using namespace kinu;

/// The values of a program that depend on a weight.
static DenseSet<Value> findWeightDependent(ProgramOp program) {
  DenseSet<Value> found;
  auto flow = [&](Value from, Value to) {
    if (found.contains(from))
      found.insert(to);
  };
  size_t before;
  do { // a repeat hands its carried values on to itself
    before = found.size();
    program->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (auto read = dyn_cast<ReadOp>(op))
        found.insert(read);
      if (auto repeat = dyn_cast<RepeatOp>(op)) {
        for (auto [init, next, argument] :
             llvm::zip(repeat.getCarried(), repeat.getYield().getValues(), repeat.getCarriedArguments())) {
          flow(init, argument);
          flow(next, argument);
        }
        for (auto [stacked, argument] : llvm::zip(repeat.getStacked(), repeat.getStackedArguments()))
          flow(stacked, argument);
        for (auto [yielded, result] : llvm::zip(repeat.getYield().getValues(), repeat->getResults()))
          flow(yielded, result);
        return;
      }
      for (Value operand : op->getOperands())
        for (Value result : op->getResults())
          flow(operand, result);
    });
  } while (found.size() != before);
  return found;
}

/// The operands of a product that are multiplied; none for other ops.
static SmallVector<OpOperand *> factorsOf(Operation *op) {
  SmallVector<unsigned> numbers;
  if (isa<DotOp, LinearCrossEntropyOp, LinearCrossEntropyBackwardOp>(op))
    numbers = {0, 1};
  else if (isa<AttentionOp>(op))
    numbers = {0, 1, 2};
  else if (isa<AttentionBackwardOp>(op))
    numbers = {0, 1, 2, 3, 5};
  return llvm::map_to_vector(numbers, [&](unsigned number) { return &op->getOpOperand(number); });
}

/// The results of a product that may have 16 bits: not logsumexp, losses, or a gradient that belongs to a weight.
static SmallVector<OpResult> narrowResultsOf(Operation *op) {
  if (isa<LinearCrossEntropyOp>(op))
    return {};
  if (isa<AttentionBackwardOp>(op))
    return SmallVector<OpResult>(op->getResults());
  return {op->getResult(0)};
}

static bool isView(Operation *op) { return op && isa<RenameOp, SplitOp, JoinOp>(op); }

/// Whether the writer asked for fp32: `fp32(x)`, perhaps under another name.
static bool isFp32(Value value) {
  while (isView(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value.getDefiningOp<Fp32Op>();
}

/// Whether a use stores the value in f32: what leaves, what is accumulated, carried or summed.
static bool storesFp32(OpOperand &use) {
  Operation *op = use.getOwner();
  if (isa<OutputOp, WriteOp, AccumulateOp, Fp32Op>(op))
    return true;
  if (auto repeat = dyn_cast<RepeatOp>(op))
    return use.getOperandNumber() < repeat.getCarried().size();
  auto repeat = isa<YieldOp>(op) ? dyn_cast<RepeatOp>(op->getParentOp()) : RepeatOp();
  return repeat && use.getOperandNumber() < repeat.getResults().size() + repeat.getSums().size();
}

/// Whether a maximum is taken of what elementwise ops make of the value: it is the score of a softmax.
static bool feedsMaximum(Value value, DenseSet<Value> &seen) {
  if (!seen.insert(value).second)
    return false;
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    if (auto reduce = dyn_cast<ReduceOp>(user))
      return reduce.getKind() == ReductionKind::max;
    return (user->hasTrait<Elementwise>() || isView(user)) && feedsMaximum(user->getResult(0), seen);
  });
}

/// Whether all that is made of a value is added to gradients of weights.
static bool leadsToWeightsOnly(Value value, DenseSet<Value> &seen) {
  if (!seen.insert(value).second)
    return true;
  return llvm::all_of(value.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<AccumulateOp, WriteOp>(user))
      return true;
    if (isa<YieldOp>(user))
      return storesFp32(use);
    return user->getNumResults() == 1 && user->getNumRegions() == 0 && factorsOf(user).empty() &&
           leadsToWeightsOnly(user->getResult(0), seen);
  });
}

static bool staysFp32(Value value) {
  DenseSet<Value> seen, reached;
  auto isStored = [&](auto &self, Value of) -> bool {
    return llvm::any_of(of.getUses(), [&](OpOperand &use) {
      return storesFp32(use) || (isView(use.getOwner()) && self(self, use.getOwner()->getResult(0)));
    });
  };
  return isStored(isStored, value) || feedsMaximum(value, seen) || leadsToWeightsOnly(value, reached);
}

/// The product's result with the bias that is added to it, if nobody wants it without.
static Value withBias(Value value) {
  while (value.hasOneUse()) {
    auto add = dyn_cast<AddOp>(*value.getUsers().begin());
    if (!add)
      break;
    Value other = add.getLhs() == value ? add.getRhs() : add.getLhs();
    if (typeOf(other).getAxes().size() >= typeOf(value).getAxes().size())
      break;
    value = add;
  }
  return value;
}

/// A sum of equals: a residual stream, or gradients that meet.
static bool isSumOfEquals(Operation *op) {
  return isa<AddOp>(op) && llvm::all_of(op->getOperands(), [&](Value operand) {
           return typeOf(operand).getAxes().size() == typeOf(op->getResult(0)).getAxes().size();
         });
}

namespace {
class Narrowing {
public:
  Narrowing(ProgramOp program, FloatType format, IntegerAttr promote)
      : program(program), format(format), promote(promote), b(program.getContext()) {}

  void run();
  unsigned narrowed = 0, kept = 0;

private:
  void findProducts();
  void roundResult(OpResult result);
  void setPromote(Operation *product);
  Value narrow(Value value);
  void shareRounded(Value value, Value rounded);
  Value widened(Value value) { return CastOp::create(b, value.getLoc(), value, b.getF32Type()); }

  ProgramOp program;
  FloatType format;
  IntegerAttr promote; ///< null: sums in fp32
  OpBuilder b;
  SmallVector<Operation *> products;
  llvm::MapVector<Value, Value> rounded; ///< values and their 16-bit form
};
} // namespace

void Narrowing::findProducts() {
  DenseSet<Value> weighted = findWeightDependent(program);
  program->walk<WalkOrder::PreOrder>([&](Operation *op) {
    SmallVector<OpOperand *> factors = factorsOf(op);
    bool isFree = llvm::none_of(factors, [&](OpOperand *factor) { return isFp32(factor->get()); }) &&
                  llvm::all_of(factors, [&](OpOperand *factor) { return weighted.contains(factor->get()); });
    if (!factors.empty())
      ++(isFree ? narrowed : kept);
    if (!factors.empty() && isFree)
      products.push_back(op);
    return isa<CompositeOpInterface>(op) ? WalkResult::skip() : WalkResult::advance();
  });
}

void Narrowing::roundResult(OpResult result) {
  Value end = withBias(result);
  if (staysFp32(end))
    return;
  if (end == result) {
    result.setType(typeOf(result).withElement(format));
    b.setInsertionPointAfterValue(result);
    Value wide = widened(result);
    result.replaceAllUsesExcept(wide, wide.getDefiningOp());
    return;
  }
  b.setInsertionPointAfterValue(end);
  auto down = CastOp::create(b, end.getLoc(), end, format);
  end.replaceAllUsesExcept(widened(down), down);
  rounded[end] = down;
}

void Narrowing::setPromote(Operation *product) {
  if (promote)
    product->setAttr("promote", promote);
}

/// The value in 16 bits. A renamed value is rounded under its first name, so that it is stored once.
Value Narrowing::narrow(Value value) {
  if (Value known = rounded.lookup(value))
    return known;
  Operation *op = value.getDefiningOp();
  auto isNarrow = [&](Value of) {
    auto cast = of.getDefiningOp<CastOp>();
    return rounded.contains(of) || (cast && typeOf(cast.getOperand()).getElement() == format);
  };
  if (auto cast = value.getDefiningOp<CastOp>(); cast && isNarrow(value))
    return cast.getOperand();
  bool moves = isView(op) || (op && isa<SliceOp, BroadcastOp>(op) && isNarrow(op->getOperand(0)));
  Value result;
  if (moves) {
    Value inner = narrow(op->getOperand(0));
    b.setInsertionPointAfter(op);
    Operation *again = b.clone(*op);
    again->setOperand(0, inner);
    result = again->getResult(0);
    result.setType(typeOf(value).withElement(format));
  } else {
    b.setInsertionPointAfterValue(value);
    result = CastOp::create(b, value.getLoc(), value, format);
  }
  return rounded[value] = result;
}

/// Lets others read the rounded value, unless it is in memory in f32 anyway.
void Narrowing::shareRounded(Value value, Value narrowValue) {
  Operation *op = value.getDefiningOp();
  bool isComputed = op && (op->hasTrait<Elementwise>() || isa<NormOp, ConcatOp, PadOp, SliceOp>(op));
  if (!isComputed || isa<CastOp, Fp32Op>(op) || llvm::any_of(value.getUses(), storesFp32))
    return;
  SmallVector<OpOperand *> uses;
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (user != narrowValue.getDefiningOp() && !isView(user) && !isSumOfEquals(user) &&
        !isa<NormOp, NormBackwardOp>(user))
      uses.push_back(&use);
  }
  if (uses.empty())
    return;
  b.setInsertionPointAfterValue(narrowValue);
  Value wide = widened(narrowValue);
  for (OpOperand *use : uses)
    use->set(wide);
}

void Narrowing::run() {
  findProducts();
  for (Operation *product : products)
    for (OpResult result : narrowResultsOf(product))
      roundResult(result);
  for (Operation *product : products) {
    for (OpOperand *factor : factorsOf(product))
      factor->set(narrow(factor->get()));
    setPromote(product);
  }
  for (auto [value, narrowValue] : rounded.takeVector())
    if (narrowValue.getDefiningOp<CastOp>())
      shareRounded(value, narrowValue);
}

namespace {
struct NarrowProducts : precision::impl::NarrowProductsBase<NarrowProducts> {
  using NarrowProductsBase::NarrowProductsBase;

  void runOnOperation() override {
    Builder builder(&getContext());
    FloatType type = format == "f16" ? FloatType(builder.getF16Type()) : FloatType(builder.getBF16Type());
    for (ProgramOp program : getOperation().getOps<ProgramOp>()) {
      Narrowing narrowing(program, type, promote ? builder.getI64IntegerAttr(promote) : IntegerAttr());
      narrowing.run();
      narrowed += narrowing.narrowed;
      kept += narrowing.kept;
    }
  }
};
} // namespace
