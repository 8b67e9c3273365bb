// Finds the clusters of a block.
//
// Roots grow into clusters by pulling in producers; what cannot join becomes a root itself; clusters over the same
// space that belong together merge; a value that several clusters would compute is put in memory if computing it is
// dear. Each new root starts the search again: blocks have hundreds of ops at most, since a repeat's body is one block.
#include "compiler/fuse/Clusters.h"
#include "compiler/fuse/Dependences.h"
#include "dialects/kinu/OpCosts.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::fuse;

bool fuse::isFusable(Operation *op) {
  return op->hasTrait<Elementwise>() || isa<ConstantOp, IndexOp, RandomOp, RenameOp, SliceOp, PadOp, SplitOp, JoinOp,
                                            ConcatOp, BroadcastOp, LookupOp, ReduceOp>(op);
}

bool fuse::readsElsewhere(OpOperand &operand) {
  Operation *op = operand.getOwner();
  if (isa<LookupOp>(op))
    return operand.getOperandNumber() == 0;
  return isa<RenameOp, SliceOp, PadOp, SplitOp, JoinOp, ConcatOp>(op);
}

bool fuse::isView(Operation *op) {
  if (isa<RenameOp>(op) || isa<SplitOp>(op)) {
    SmallVector<int64_t> before, after;
    // The layout pass keeps the other axes in place; anything else is a copy.
    NamedTensorType from = typeOf(op->getOperand(0)), to = typeOf(op->getResult(0));
    StringAttr old = isa<RenameOp>(op) ? cast<RenameOp>(op).getFromAttr() : cast<SplitOp>(op).getAxisAttr();
    SmallVector<StringAttr> expected;
    for (const Axis &axis : from.getAxes()) {
      if (axis.name != old)
        expected.push_back(axis.name);
      else if (auto rename = dyn_cast<RenameOp>(op))
        expected.push_back(rename.getToAttr());
      else
        llvm::append_range(expected, cast<SplitOp>(op).getFactors().getAsRange<StringAttr>());
    }
    return llvm::equal(expected, to.getAxes(), [](StringAttr name, const Axis &axis) { return name == axis.name; });
  }
  auto join = dyn_cast<JoinOp>(op);
  if (!join)
    return false;
  SmallVector<StringAttr> expected, names;
  for (const Axis &axis : join.getType().getAxes())
    if (axis.name == join.getAxisAttr())
      llvm::append_range(expected, join.getFactors().getAsRange<StringAttr>());
    else
      expected.push_back(axis.name);
  return llvm::equal(expected, typeOf(join.getOperand()).getAxes(),
                     [](StringAttr name, const Axis &axis) { return name == axis.name; });
}

namespace {

/// A cluster may have this many operands and results: more would not be faster, and kernels stay readable.
constexpr unsigned kMostValues = 32;
/// At so many points a value may be computed for one element of a root.
constexpr unsigned kMostPoints = 8;

class Search {
public:
  explicit Search(Block &block) : block(block) {
    findMandatoryRoots();
    mandatory = roots;
  }

  std::vector<Cluster> run() {
    for (;;) {
      if (grow() || share())
        continue;
      dropInnerRoots();
      return std::move(clusters);
    }
  }

private:
  // Roots.

  void addRoot(Operation *op) {
    if (op->getBlock() != &block || !isFusable(op) || !roots.insert(op))
      return;
    if (isView(op))
      if (Operation *source = op->getOperand(0).getDefiningOp())
        addRoot(source);
  }

  void findMandatoryRoots() {
    for (Operation &op : block) {
      if (!isFusable(&op))
        for (Value operand : op.getOperands())
          if (Operation *source = operand.getDefiningOp())
            addRoot(source);
      for (Operation *user : op.getUsers())
        if (user->getBlock() != &block)
          addRoot(&op);
    }
  }

  // Growth.

  /// Makes a cluster for every root. True if a value that cannot join a cluster became a root.
  bool grow() {
    clusters.clear();
    size_t before = roots.size();
    SmallVector<Operation *> inOrder;
    for (Operation &op : block)
      if (roots.contains(&op) && !isView(&op))
        inOrder.push_back(&op);
    for (Operation *root : inOrder) {
      Cluster cluster;
      cluster.roots.push_back(root);
      startSpace(cluster, root);
      pull(cluster, root, false);
      if (Operation *op = askedTooOften(cluster))
        addRoot(op);
      clusters.push_back(std::move(cluster));
    }
    if (roots.size() != before)
      return true;
    merge();
    return false;
  }

  void startSpace(Cluster &cluster, Operation *root) {
    for (const Axis &axis : typeOf(root->getResult(0)).getAxes())
      cluster.space.rows.push_back(axis.name);
    if (auto reduce = dyn_cast<ReduceOp>(root)) {
      for (const Axis &axis : typeOf(reduce.getOperand()).getAxes())
        if (contains(reduce.getOver(), axis.name.getValue()))
          cluster.space.inner.push_back(axis.name);
      cluster.space.hasReductions = true;
    }
  }

  /// Whether axes of one name have one length in a type and in what the cluster makes: of a rank's part and the whole
  /// they have not.
  static bool agree(const Cluster &cluster, NamedTensorType type) {
    return llvm::all_of(cluster.roots, [&](Operation *root) {
      return llvm::all_of(typeOf(root->getResult(0)).getAxes(), [&](const Axis &axis) {
        return !type.has(axis.name) || type.length(axis.name) == axis.length;
      });
    });
  }

  /// Whether a reduction fits the cluster's rows; the first one decides what they are.
  bool accept(Cluster &cluster, ReduceOp reduce) {
    NamedTensorType operand = typeOf(reduce.getOperand());
    Space &space = cluster.space;
    if (operand.getAxes().size() != space.size() || !agree(cluster, operand) ||
        !llvm::all_of(operand.getAxes(), [&](const Axis &axis) { return space.has(axis.name); }))
      return false;
    if (space.hasReductions)
      return space.inner.size() == reduce.getOver().size() &&
             llvm::all_of(space.inner, [&](StringAttr name) { return contains(reduce.getOver(), name.getValue()); });
    // An elementwise root becomes row-wise: only if the rows are its leading axes, so that a row is one run of memory.
    NamedTensorType root = typeOf(cluster.roots[0]->getResult(0));
    unsigned rows = root.getAxes().size() - reduce.getOver().size();
    for (auto [i, axis] : llvm::enumerate(root.getAxes()))
      if (contains(reduce.getOver(), axis.name.getValue()) != (i >= rows))
        return false;
    space.inner.assign(space.rows.begin() + rows, space.rows.end());
    space.rows.resize(rows);
    space.hasReductions = true;
    return true;
  }

  void pull(Cluster &cluster, Operation *op, bool elsewhere) {
    cluster.ops.insert(op);
    for (OpOperand &operand : op->getOpOperands()) {
      Operation *source = operand.get().getDefiningOp();
      if (!source || source->getBlock() != &block || !isFusable(source) || roots.contains(source))
        continue;
      bool away = elsewhere || readsElsewhere(operand);
      if (auto reduce = dyn_cast<ReduceOp>(source)) {
        if (away || (!cluster.ops.contains(source) && !accept(cluster, reduce))) {
          addRoot(source);
          continue;
        }
        if (!cluster.ops.contains(source))
          pull(cluster, source, false);
        continue;
      }
      // An op met a second time away from its point may have a reduction behind it, so it is walked again.
      if (!cluster.ops.contains(source) || (away && walkedAway.insert({cluster.roots[0], source}).second))
        pull(cluster, source, away);
    }
  }

  /// The first op on the way from the root to memory that one element of the root would need at more than kMostPoints
  /// points. Each op that reads elsewhere adds points to what it reads, so a chain of `g + g[seq = ...]` would double
  /// them at every link: without an end to it, code grows exponentially.
  Operation *askedTooOften(const Cluster &cluster) {
    SmallVector<Operation *> usersFirst(cluster.ops.begin(), cluster.ops.end());
    llvm::sort(usersFirst, [](Operation *a, Operation *b) { return b->isBeforeInBlock(a); });
    llvm::DenseMap<Operation *, llvm::SmallSetVector<unsigned, kMostPoints + 1>> pointsOf;
    llvm::DenseMap<std::pair<OpOperand *, unsigned>, unsigned> away; // the point that an operand is read at
    pointsOf[cluster.roots[0]].insert(0);
    for (Operation *op : usersFirst) {
      auto points = pointsOf[op].takeVector();
      // Without operands there is nothing to gain; what a view shows is then in memory, too.
      if (points.size() > kMostPoints && op->getNumOperands() > 0)
        return op;
      for (OpOperand &operand : op->getOpOperands()) {
        Operation *source = operand.get().getDefiningOp();
        if (!source || !cluster.ops.contains(source))
          continue;
        for (unsigned point : points)
          pointsOf[source].insert(
              readsElsewhere(operand) ? away.try_emplace({&operand, point}, away.size() + 1).first->second : point);
      }
    }
    return nullptr;
  }

  // Merging.

  void merge() {
    Dependences dependences(block, clusters);
    for (size_t a = 0; a < clusters.size(); ++a)
      for (size_t b = a + 1; b < clusters.size(); ++b)
        if (!clusters[a].empty() && !clusters[b].empty() && mayMerge(a, b) && !dependences.separated(a, b)) {
          absorb(a, b);
          dependences.absorb(a, b);
        }
    llvm::erase_if(clusters, [](const Cluster &cluster) { return cluster.empty(); });
  }

  bool mayMerge(size_t a, size_t b) {
    Space space;
    return unite(clusters[a], clusters[b], space) && related(clusters[a], clusters[b]);
  }

  /// The common space of two clusters, if there is one.
  static bool unite(const Cluster &a, const Cluster &b, Space &space) {
    if (!llvm::all_of(b.roots, [&](Operation *root) { return agree(a, typeOf(root->getResult(0))); }))
      return false;
    auto same = [](ArrayRef<StringAttr> x, ArrayRef<StringAttr> y) {
      return x.size() == y.size() && llvm::all_of(x, [&](StringAttr name) { return llvm::is_contained(y, name); });
    };
    const Space &x = a.space, &y = b.space;
    if (x.hasReductions == y.hasReductions) {
      space = x;
      return same(x.rows, y.rows) && same(x.inner, y.inner);
    }
    const Cluster &plain = x.hasReductions ? b : a;
    space = x.hasReductions ? x : y;
    if (same(plain.space.rows, space.rows))
      return true;
    if (plain.space.rows.size() != space.size() ||
        !llvm::all_of(plain.space.rows, [&](StringAttr name) { return space.has(name); }))
      return false;
    // Full results must have the rows first.
    return llvm::all_of(plain.roots, [&](Operation *root) {
      return llvm::all_of(llvm::enumerate(typeOf(root->getResult(0)).getAxes()), [&](auto axis) {
        return llvm::is_contained(space.rows, axis.value().name) == (axis.index() < space.rows.size());
      });
    });
  }

  /// Whether one feeds the other, at the same point, or both read or compute the same.
  bool related(const Cluster &a, const Cluster &b) {
    llvm::SetVector<Value> operandsA = operandsOf(a), operandsB = operandsOf(b);
    if (operandsA.size() + operandsB.size() + a.roots.size() + b.roots.size() > kMostValues)
      return false;
    bool feeds = false;
    for (Operation *root : a.roots)
      if (operandsB.contains(root->getResult(0))) {
        if (!readsInPlace(b, root->getResult(0)))
          return false;
        feeds = true;
      }
    for (Operation *root : b.roots)
      if (operandsA.contains(root->getResult(0)))
        return false;
    if (feeds)
      return true;
    int64_t size = 0;
    for (Operation *root : a.roots)
      size = std::max(size, typeOf(root->getResult(0)).getNumElements());
    return llvm::any_of(operandsA, [&](Value value) {
      return operandsB.contains(value) && typeOf(value).getNumElements() * 2 >= std::max<int64_t>(size, 2);
    });
  }

  /// Whether every use of `value` in the cluster reaches the roots at its own point.
  static bool readsInPlace(const Cluster &cluster, Value value) {
    SmallVector<Value> work{value};
    llvm::DenseSet<Value> seen;
    while (!work.empty()) {
      Value next = work.pop_back_val();
      for (OpOperand &use : next.getUses()) {
        if (!cluster.ops.contains(use.getOwner()))
          continue;
        if (readsElsewhere(use))
          return false;
        if (seen.insert(use.getOwner()->getResult(0)).second)
          work.push_back(use.getOwner()->getResult(0));
      }
    }
    return true;
  }

  void absorb(size_t a, size_t b) {
    Space space;
    unite(clusters[a], clusters[b], space);
    llvm::append_range(clusters[a].roots, clusters[b].roots);
    clusters[a].ops.insert_range(clusters[b].ops);
    clusters[a].space = space;
    clusters[b] = Cluster();
  }

  // Sharing.

  /// Puts values that several clusters would compute in memory where that is cheaper. True if there is a new root.
  bool share() {
    llvm::DenseMap<Operation *, SmallVector<size_t>> users;
    for (auto [i, cluster] : llvm::enumerate(clusters))
      for (Operation *op : cluster.ops)
        users[op].push_back(i);
    SmallVector<Operation *> dear;
    for (Operation &op : block) {
      auto found = users.find(&op);
      if (found == users.end() || found->second.size() < 2 || roots.contains(&op) || !isBetterRead(&op))
        continue;
      // Only the last value of a shared chain: the ones before it are then computed once anyway.
      bool last = llvm::any_of(op.getUsers(), [&](Operation *user) {
        auto of = users.find(user);
        return of != users.end() && (roots.contains(user) || of->second != found->second);
      });
      if (last)
        dear.push_back(&op);
    }
    for (Operation *op : dear)
      addRoot(op);
    return !dear.empty();
  }

  /// A root that only its own cluster uses, since clusters merged, need not be written.
  void dropInnerRoots() {
    llvm::DenseMap<Operation *, unsigned> computedBy;
    for (const Cluster &cluster : clusters)
      for (Operation *op : cluster.ops)
        ++computedBy[op];
    for (Cluster &cluster : clusters)
      llvm::erase_if(cluster.roots, [&](Operation *root) {
        return !mandatory.contains(root) && llvm::all_of(root->getUsers(), [&](Operation *user) {
          return cluster.ops.contains(user) && computedBy.lookup(user) == 1;
        });
      });
  }

  /// Whether reading a value is cheaper than computing it: transcendental functions, random numbers, lookups, or more
  /// tensors to read than the one it makes.
  bool isBetterRead(Operation *op) {
    llvm::DenseSet<Operation *> seen;
    llvm::DenseSet<Value> reads;
    int64_t size = typeOf(op->getResult(0)).getNumElements();
    return isBetterRead(op, size, seen, reads) || reads.size() >= 3;
  }

  bool isBetterRead(Operation *op, int64_t size, llvm::DenseSet<Operation *> &seen, llvm::DenseSet<Value> &reads) {
    if (!seen.insert(op).second)
      return false;
    bool large = typeOf(op->getResult(0)).getNumElements() * 2 >= size;
    if (large && (isDear(op) || isa<RandomOp, LookupOp, ReduceOp>(op)))
      return true;
    for (Value operand : op->getOperands()) {
      Operation *source = operand.getDefiningOp();
      if (!source || source->getBlock() != &block || !isFusable(source) || roots.contains(source)) {
        if (typeOf(operand).getNumElements() * 2 >= size && size > 1)
          reads.insert(operand);
      } else if (isBetterRead(source, size, seen, reads)) {
        return true;
      }
    }
    return false;
  }

  Block &block;
  llvm::SetVector<Operation *> roots, mandatory;
  std::vector<Cluster> clusters;
  llvm::DenseSet<std::pair<Operation *, Operation *>> walkedAway;
};

} // namespace

std::vector<Cluster> fuse::findClusters(Block &block) { return Search(block).run(); }
