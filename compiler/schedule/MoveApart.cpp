// See MoveApart.h. Both directions keep the order of what touches a variable, and of starts that stay where they are;
// all ranks of a group run the same list, so they start their collectives in one order.
#include "compiler/schedule/MoveApart.h"

#include "compiler/schedule/Places.h"

#include "mlir/IR/IRMapping.h"

#include <list>

using namespace mlir;
using namespace kinu;
using namespace kinu::schedule;

namespace {
/// A collective that was begun, and what waits with it.
struct UnderWay {
  Operation *start;
  SmallVector<Operation *> late; ///< the wait, and what is done to its result
  Touched touched;
  bool sinks = false; ///< past the first reader
  int64_t bytes = 0;  ///< of the arena
};

class Sinking {
public:
  Sinking(Block &block, Bound bound, const Endings &endings) : block(block), bound(bound), endings(endings) {}

  void run() {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto wait = dyn_cast<tofu::WaitOp>(op))
        defer(wait);
      else
        visit(&op);
    }
    while (!open.empty())
      finish(open.begin(), nullptr);
  }

private:
  using Iterator = std::list<UnderWay>::iterator;

  /// Bytes of the arena that are kept until the wait: not those of variables.
  static int64_t kept(tofu::WaitOp wait) {
    int64_t bytes = 0;
    for (Value sent : wait.getSent())
      if (!viewed(sent).getDefiningOp<ReadOp>())
        bytes += bytesOf(typeOf(sent));
    return touchedBy(wait).written.empty() ? bytes + bytesOf(wait.getType()) : bytes;
  }

  void defer(tofu::WaitOp wait) {
    Operation *start = wait.getStarted().getDefiningOp();
    UnderWay next{start, {wait}, touchedBy(start), endings.isOnlyWritten(wait), kept(wait)};
    next.touched.add(touchedBy(wait));
    // Make room before it starts.
    for (Iterator oldest = open.begin(); next.sinks && next.bytes > 0 && oldest != open.end();) {
      Iterator here = oldest++;
      if (here->sinks && here->bytes > 0 && sinking() >= 2 && heldBytes() + next.bytes > bound.bytes)
        finish(here, start);
    }
    open.push_back(next);
    ownerOf[wait] = std::prev(open.end());
    wait->remove();
  }

  int64_t sinking() const {
    return llvm::count_if(open, [](const UnderWay &one) { return one.sinks && one.bytes > 0; });
  }
  int64_t heldBytes() const {
    int64_t bytes = 0;
    for (const UnderWay &one : open)
      bytes += one.sinks ? one.bytes : 0;
    return bytes;
  }

  void visit(Operation *op) {
    SmallVector<Iterator> wanted;
    Touched touched = touchedBy(op);
    for (Iterator one = open.begin(); one != open.end(); ++one)
      if (uses(op, one))
        wanted.push_back(one);
    bool joins =
        wanted.size() == 1 && (isa<step::ViewOp, OutputOp>(op) || (wanted[0]->sinks && endings.isOnTheWay(op)));
    for (Iterator one = open.begin(); one != open.end();) {
      Iterator here = one++;
      bool isOwn = joins && here == wanted[0];
      if (!isOwn && (llvm::is_contained(wanted, here) || here->touched.conflicts(touched)))
        finish(here, op);
    }
    if (!joins)
      return;
    wanted[0]->late.push_back(op);
    wanted[0]->touched.add(touched);
    ownerOf[op] = wanted[0];
    op->remove();
  }

  bool uses(Operation *op, Iterator one) {
    return llvm::any_of(op->getOperands(), [&](Value operand) {
      auto owner = ownerOf.find(operand.getDefiningOp());
      return owner != ownerOf.end() && owner->second == one;
    });
  }

  /// Waits before the op `at`, or at the end.
  void finish(Iterator one, Operation *at) {
    for (Operation *op : one->late) {
      ownerOf.erase(op);
      block.getOperations().insert(at ? at->getIterator() : block.end(), op);
    }
    open.erase(one);
  }

  Block &block;
  Bound bound;
  const Endings &endings;
  std::list<UnderWay> open;                      ///< the oldest first
  llvm::DenseMap<Operation *, Iterator> ownerOf; ///< of ops that are not in the block at the moment
};

/// A start on its way up, and what it needs.
struct Rising {
  SmallVector<Operation *> ops;
  Touched touched;
  int64_t bytes = 0;
};
} // namespace

static bool isProduct(Operation *op) {
  auto launch = dyn_cast<step::LaunchOp>(op);
  return launch && SymbolTable::lookupNearestSymbolFrom<step::KernelOp>(launch, launch.getKernelAttr()).getKind() ==
                       step::KernelKind::contraction;
}

/// Moves an op up, with the views that lead to it, as far as its operands and what it touches allow.
static void raise(Operation *op) {
  for (Value operand : op->getOperands())
    if (auto view = operand.getDefiningOp<step::ViewOp>())
      raise(view);
  Touched touched = touchedBy(op);
  Operation *place = op;
  for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode()) {
    if (llvm::is_contained(before->getUsers(), op) || isProduct(before) || touched.conflicts(touchedBy(before)))
      break;
    place = before;
  }
  if (place != op)
    op->moveBefore(place);
}

void schedule::raiseShifts(Block &block) {
  for (auto shift : llvm::to_vector(block.getOps<tofu::ShiftOp>()))
    if (shift.getAsync())
      raise(shift);
}

void schedule::sinkWaits(Block &block, Bound bound, const Endings &endings) { Sinking(block, bound, endings).run(); }

/// Whether an operand is what a variable holds: then nothing has to be computed before the collective begins.
static bool isOfVariable(Operation *start) {
  return start->getNumOperands() == 1 && viewed(start->getOperand(0)).getDefiningOp<ReadOp>() &&
         !isa<tofu::SendOp>(start);
}

/// The start and copies of what leads to it: a read of a variable under other axes.
static Rising takeOut(Operation *start) {
  Rising rising;
  rising.touched = touchedBy(start);
  rising.bytes = bytesOf(typeOf(start->getResult(0)));
  OpBuilder builder(start);
  IRMapping mapping;
  SmallVector<Operation *> chain;
  auto follow = [&](auto self, Value value) -> void {
    Operation *source = value.getDefiningOp();
    for (Value operand : source->getOperands())
      self(self, operand);
    chain.push_back(source);
  };
  Value operand = start->getOperand(0);
  follow(follow, operand);
  for (Operation *op : chain)
    rising.ops.push_back(builder.clone(*op, mapping));
  auto wait = cast<tofu::WaitOp>(*start->getResult(0).getUsers().begin());
  start->setOperand(0, mapping.lookup(operand));
  wait.getSentMutable()[0].set(mapping.lookup(operand));
  rising.ops.push_back(start);
  for (Operation *op : rising.ops)
    op->remove();
  for (Operation *op : llvm::reverse(chain))
    if (op->use_empty())
      op->erase();
  return rising;
}

namespace {
/// Walks a block from its end, starts to be hoisted in hand.
class Hoisting {
public:
  Hoisting(Block &block, Bound bound, const Endings &endings) : block(block), bound(bound), endings(endings) {}

  void run() {
    takeAll();
    for (Operation *op = block.empty() ? nullptr : &block.back(); op;) {
      Operation *before = op->getPrevNode();
      visit(op);
      op = before;
    }
    while (!open.empty())
      place(open.begin());
  }

private:
  /// Leaves a mark at the place of each start.
  void takeAll() {
    SmallVector<Operation *> starts;
    for (Operation &op : block)
      if (tofu::isAsync(&op) && isOfVariable(&op) && !endings.isOnlyWritten(waitOf(&op)))
        starts.push_back(&op);
    for (Operation *start : starts) {
      OpBuilder builder(start);
      auto mark = ConstantOp::create(builder, start->getLoc(), int64_t(0));
      bytesOfWait[waitOf(start)] = bytesOf(typeOf(start->getResult(0)));
      taken[mark] = takeOut(start);
    }
  }

  static tofu::WaitOp waitOf(Operation *start) { return cast<tofu::WaitOp>(*start->getResult(0).getUsers().begin()); }

  void visit(Operation *op) {
    if (auto found = taken.find(op); found != taken.end()) {
      open.push_back(std::move(found->second));
      op->erase();
      return;
    }
    // Above its wait a collective is under way; the last one is not begun before that is over.
    if (auto found = bytesOfWait.find(op); found != bytesOfWait.end()) {
      bytes += found->second;
      for (++count; count > 2 && bytes > bound.bytes && !open.empty();)
        place(open.begin());
    }
    Touched touched = touchedBy(op);
    for (auto one = open.begin(); one != open.end();) {
      auto here = one++;
      if (here->touched.conflicts(touched))
        place(here);
    }
    next = op;
  }

  /// Here it begins.
  void place(std::list<Rising>::iterator one) {
    for (Operation *op : one->ops)
      block.getOperations().insert(next ? next->getIterator() : block.end(), op);
    next = one->ops.front();
    bytes -= one->bytes;
    --count;
    open.erase(one);
  }

  Block &block;
  Bound bound;
  const Endings &endings;
  llvm::DenseMap<Operation *, Rising> taken; ///< by mark
  llvm::DenseMap<Operation *, int64_t> bytesOfWait;
  std::list<Rising> open;    ///< the last in the program first
  Operation *next = nullptr; ///< what stands behind the place where the walk is
  int64_t bytes = 0, count = 0;
};
} // namespace

void schedule::hoistStarts(Block &block, Bound bound, const Endings &endings) { Hoisting(block, bound, endings).run(); }
