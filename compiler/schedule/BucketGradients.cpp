// Small gradients go over ranks together, as one message. See Passes.td.
#include "compiler/schedule/Overlapped.h"
#include "compiler/schedule/Places.h"
#include "compiler/schedule/Schedule.h"

#include <list>

namespace kinu::schedule {
#define GEN_PASS_DEF_BUCKETGRADIENTS
#include "compiler/schedule/Passes.h.inc"
} // namespace kinu::schedule

using namespace mlir;
using namespace kinu;
using namespace kinu::schedule;

namespace {
/// Lays tensors behind one another and takes them out again: kernels for that, of which equal ones are one.
class Packing {
public:
  explicit Packing(ModuleOp module) : module(module) {}

  /// `parts` behind one another along their last axes. What they have before it is the same.
  Value pack(OpBuilder &builder, Location loc, ArrayRef<Value> parts);
  /// What begins at `offset` of the one axis of `packed`.
  Value unpack(OpBuilder &builder, Location loc, Value packed, int64_t offset, NamedTensorType part);

private:
  StringAttr kernel(StringRef name, ArrayRef<Attribute> key, ArrayRef<Type> operands,
                    llvm::function_ref<Value(OpBuilder &, Block &)> body);
  Value launch(OpBuilder &builder, Location loc, StringAttr kernel, ArrayRef<Value> operands, Type result);

  ModuleOp module;
  llvm::DenseMap<Attribute, StringAttr> known; ///< by name and key
};

/// Reductions that become one: of one kind, over the same ranks.
struct Bucket {
  StringAttr op;
  DictionaryAttr attributes;
  SmallVector<Operation *> reductions; ///< in the order of the program
  SmallVector<Operation *> late;       ///< what is done to their results, in that order
  Touched touched;                     ///< by all these
  int64_t bytes = 0;
};

/// Walks a program with the buckets that are open.
class Filling {
public:
  Filling(Block &block, Packing &packing, const Endings &endings, int64_t smallBytes, int64_t bucketBytes)
      : block(block), packing(packing), endings(endings), smallBytes(smallBytes), bucketBytes(bucketBytes) {}

  /// Bytes of all gradients that a program reduces.
  static int64_t bytesOfAll(Block &block, const Endings &endings);

  /// Returns how many messages are saved.
  unsigned run();

private:
  using Iterator = std::list<Bucket>::iterator;

  bool isSmallGradient(Operation *op) const;
  void visit(Operation *op);
  void add(Operation *reduction);
  bool uses(Operation *op, Iterator bucket) const;
  void close(Iterator bucket);
  void reduceTogether(Bucket &bucket);

  Block &block;
  Packing &packing;
  const Endings &endings;
  int64_t smallBytes, bucketBytes;
  std::list<Bucket> open;
  unsigned saved = 0;
};
} // namespace

/// The axis along which part number `i` lies, or all of them.
static StringAttr axisOf(MLIRContext *context, std::optional<size_t> i = std::nullopt) {
  return StringAttr::get(context, i ? "bucket." + Twine(*i) : Twine("bucket"));
}

StringAttr Packing::kernel(StringRef name, ArrayRef<Attribute> key, ArrayRef<Type> operands,
                           llvm::function_ref<Value(OpBuilder &, Block &)> body) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  SmallVector<Attribute> whole{builder.getStringAttr(name)};
  llvm::append_range(whole, key);
  StringAttr &found = known[builder.getArrayAttr(whole)];
  if (found)
    return found;
  found = builder.getStringAttr(name + Twine(known.size() - 1));
  Location loc = module.getLoc();
  auto made = step::KernelOp::create(builder, loc, found, step::KernelKind::loops, builder.getArrayAttr({}),
                                     builder.getDenseI64ArrayAttr({}));
  Block *block = builder.createBlock(&made.getBody());
  block->addArguments(operands, SmallVector<Location>(operands.size(), loc));
  Value result = body(builder, *block);
  SmallVector<Attribute> rows;
  for (const Axis &axis : typeOf(result).getAxes())
    rows.push_back(axis.name);
  made.setRowsAttr(builder.getArrayAttr(rows));
  YieldOp::create(builder, loc, result);
  return found;
}

Value Packing::launch(OpBuilder &builder, Location loc, StringAttr kernel, ArrayRef<Value> operands, Type result) {
  return step::LaunchOp::create(builder, loc, result, kernel, operands, "bucket", DenseI64ArrayAttr()).getResult(0);
}

Value Packing::pack(OpBuilder &builder, Location loc, ArrayRef<Value> parts) {
  SmallVector<Type> types;
  SmallVector<Attribute> key, along;
  int64_t length = 0;
  for (Value part : parts) {
    types.push_back(part.getType());
    key.push_back(TypeAttr::get(part.getType()));
    along.push_back(typeOf(part).getAxes().back().name);
    length += typeOf(part).getAxes().back().length;
  }
  StringAttr axis = axisOf(builder.getContext());
  SmallVector<Axis> axes(typeOf(parts[0]).getAxes());
  axes.back() = {axis, length};
  NamedTensorType all = typeOf(parts[0]).withAxes(axes);
  StringAttr name = kernel("pack", key, types, [&](OpBuilder &b, Block &body) -> Value {
    return ConcatOp::create(b, loc, all, body.getArguments(), b.getArrayAttr(along), axis);
  });
  return launch(builder, loc, name, parts, all);
}

Value Packing::unpack(OpBuilder &builder, Location loc, Value packed, int64_t offset, NamedTensorType part) {
  Attribute key[] = {TypeAttr::get(packed.getType()), TypeAttr::get(part), builder.getI64IntegerAttr(offset)};
  StringAttr name = kernel("unpack", key, packed.getType(), [&](OpBuilder &b, Block &body) -> Value {
    return SliceOp::create(b, loc, part, body.getArgument(0), axisOf(b.getContext()), offset, part.getAxes()[0].name);
  });
  return launch(builder, loc, name, packed, part);
}

int64_t Filling::bytesOfAll(Block &block, const Endings &endings) {
  int64_t bytes = 0;
  for (Operation &op : block)
    if (classOf(&op, endings) == "gradients")
      bytes += bytesOf(typeOf(op.getOperand(0)));
  return bytes;
}

unsigned Filling::run() {
  SmallVector<Operation *> ops;
  for (Operation &op : block)
    ops.push_back(&op);
  for (Operation *op : ops)
    visit(op);
  while (!open.empty())
    close(open.begin());
  return saved;
}

bool Filling::isSmallGradient(Operation *op) const {
  // The kernel that takes it out of the message is on its way to the variable, too.
  return isa<tofu::AllReduceOp, tofu::ReduceScatterOp>(op) && classOf(op, endings) == "gradients" &&
         endings.isOnlyWritten(op->getResult(0), 1) && typeOf(op->getOperand(0)).getElement().isF32() &&
         bytesOf(typeOf(op->getOperand(0))) <= smallBytes;
}

bool Filling::uses(Operation *op, Iterator bucket) const {
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    Operation *source = operand.getDefiningOp();
    return llvm::is_contained(bucket->reductions, source) || llvm::is_contained(bucket->late, source);
  });
}

/// An op joins the one bucket whose results it uses, if it can wait for these; every other bucket that it uses or that
/// touches what it touches is closed before it.
void Filling::visit(Operation *op) {
  Touched touched = touchedBy(op);
  SmallVector<Iterator> used;
  for (Iterator bucket = open.begin(); bucket != open.end(); ++bucket)
    if (uses(op, bucket))
      used.push_back(bucket);
  bool joins = used.size() == 1 && endings.isOnTheWay(op);
  for (Iterator next = open.begin(); next != open.end();) {
    Iterator bucket = next++;
    bool isOwn = joins && bucket == used[0];
    if (!isOwn && (llvm::is_contained(used, bucket) || bucket->touched.conflicts(touched)))
      close(bucket);
  }
  if (joins) {
    used[0]->late.push_back(op);
    used[0]->touched.add(touched);
  } else if (isSmallGradient(op)) {
    add(op);
  }
}

void Filling::add(Operation *reduction) {
  int64_t bytes = bytesOf(typeOf(reduction->getOperand(0)));
  auto isAlike = [&](const Bucket &bucket) {
    return bucket.op == reduction->getName().getIdentifier() && bucket.attributes == reduction->getAttrDictionary();
  };
  Iterator bucket = llvm::find_if(open, isAlike);
  if (bucket != open.end() && bucket->bytes + bytes > bucketBytes) {
    close(bucket);
    bucket = open.end();
  }
  if (bucket == open.end())
    bucket =
        open.insert(open.end(), {reduction->getName().getIdentifier(), reduction->getAttrDictionary(), {}, {}, {}});
  bucket->reductions.push_back(reduction);
  bucket->touched.add(touchedBy(reduction));
  bucket->bytes += bytes;
}

void Filling::close(Iterator bucket) {
  if (bucket->reductions.size() > 1)
    reduceTogether(*bucket);
  open.erase(bucket);
}

/// At the place of the last reduction; what has stood before it and uses results of others goes behind.
void Filling::reduceTogether(Bucket &bucket) {
  Operation *last = bucket.reductions.back();
  Location loc = last->getLoc();
  OpBuilder builder(last);
  MLIRContext *context = builder.getContext();
  bool scatters = isa<tofu::ReduceScatterOp>(last);
  SmallVector<Value> parts;
  SmallVector<NamedTensorType> results;
  for (auto [i, reduction] : llvm::enumerate(bucket.reductions)) {
    NamedTensorType type = typeOf(reduction->getOperand(0)), result = typeOf(reduction->getResult(0));
    Axis part{axisOf(context, i), result.getNumElements()};
    results.push_back(result.withAxes({part}));
    SmallVector<Axis> axes{part};
    if (scatters)
      axes.insert(axes.begin(), type.getAxes().front());
    parts.push_back(step::ViewOp::create(builder, loc, type.withAxes(axes), reduction->getOperand(0)));
  }
  Value packed = packing.pack(builder, loc, parts);
  NamedTensorType sum = typeOf(packed).withAxes(typeOf(packed).getAxes().take_back());
  OperationState state(loc, last->getName(), packed, sum, llvm::to_vector(last->getAttrs()));
  Value reduced = builder.create(state)->getResult(0);
  int64_t offset = 0;
  for (auto [reduction, part] : llvm::zip(bucket.reductions, results)) {
    Value mine = packing.unpack(builder, loc, reduced, offset, part);
    offset += part.getNumElements();
    Value result = reduction->getResult(0);
    result.replaceAllUsesWith(step::ViewOp::create(builder, loc, result.getType(), mine));
  }
  for (Operation *op : bucket.late)
    if (op->isBeforeInBlock(last))
      op->moveBefore(last);
  for (Operation *reduction : bucket.reductions)
    reduction->erase();
  saved += bucket.reductions.size() - 1;
}

namespace {
struct BucketGradients : schedule::impl::BucketGradientsBase<BucketGradients> {
  using BucketGradientsBase::BucketGradientsBase;

  void runOnOperation() override {
    if (!llvm::is_contained(overlapped(getOperation()), "gradients"))
      return;
    Packing packing(getOperation());
    Endings endings(getOperation());
    for (ProgramOp program : getOperation().getOps<ProgramOp>()) {
      Block &block = program.getBody().front();
      int64_t most = std::min<int64_t>(bucketBytes, Filling::bytesOfAll(block, endings) / leastBuckets);
      saved += Filling(block, packing, endings, smallBytes, most).run();
    }
  }
};
} // namespace
