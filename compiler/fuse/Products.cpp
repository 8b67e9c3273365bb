// Attaches dots to the clusters that read them.
//
// For each dot, the last one first, every cluster that reads it is tried, and the one that saves most bytes taken. The
// last first, because a cluster that adds up several products should run when the last of them does: a product that
// waited for its epilogue's other operands would keep its own operands in memory.
#include "compiler/fuse/Products.h"
#include "compiler/fuse/Dependences.h"

#include "llvm/Support/Debug.h"

#define DEBUG_TYPE "kinu-form-kernels"

using namespace mlir;
using namespace kinu;
using namespace kinu::fuse;

namespace {
/// A cluster cut in two: the epilogue of a product, and what remains of it.
struct Cut {
  size_t cluster = 0;
  Cluster epilogue, rest;
  int64_t saved = 0; ///< bytes of memory traffic
};

class Products {
public:
  Products(Block &block, std::vector<Cluster> &clusters) : block(block), clusters(clusters) {
    for (auto [i, op] : llvm::enumerate(block))
      order[&op] = i;
  }

  void run() {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (auto dot = dyn_cast<DotOp>(op))
        attach(dot);
  }

private:
  void attach(DotOp dot) {
    std::optional<Cut> best;
    Dependences dependences(block, clusters);
    for (size_t i = 0; i < clusters.size(); ++i) {
      Cut cut{i, {}, {}, 0};
      if (!clusters[i].product && operandsOf(clusters[i]).contains(dot) && tryCut(dot, cut) &&
          !dependences.separated(i, dot) && !comesLate(cut.epilogue, dot) && (!best || cut.saved > best->saved))
        best = std::move(cut);
    }
    if (!best) {
      LLVM_DEBUG(llvm::dbgs() << "stays alone: " << dot << "\n");
      return;
    }
    clusters[best->cluster] = std::move(best->epilogue);
    if (!best->rest.empty())
      clusters.push_back(std::move(best->rest));
  }

  /// Cuts clusters[cut.cluster] so that `dot` can join one part. False if none fits, or nothing would be saved.
  bool tryCut(DotOp dot, Cut &cut) {
    const Cluster &whole = clusters[cut.cluster];
    SmallVector<Operation *> fitting, others;
    for (Operation *root : whole.roots)
      (fits(whole, root, dot) ? fitting : others).push_back(root);
    if (fitting.empty())
      return false;
    // Roots that fit but do not need the product go with the reductions, if there are any.
    if (!others.empty())
      llvm::erase_if(fitting, [&](Operation *root) {
        bool stays = !reads(whole, root, dot);
        if (stays)
          others.push_back(root);
        return stays;
      });
    if (fitting.empty() || llvm::none_of(fitting, [&](Operation *root) { return reads(whole, root, dot); }))
      return false;
    llvm::sort(others, [&](Operation *x, Operation *y) { return order[x] < order[y]; });
    cut.epilogue = part(whole, fitting, {});
    cut.rest = part(whole, others, fitting);
    cut.epilogue.product = dot;
    llvm::SetVector<Operation *> ops;
    ops.insert(dot); // first, so that its operands come first in the kernel
    ops.insert_range(cut.epilogue.ops);
    cut.epilogue.ops = std::move(ops);
    cut.epilogue.space = {};
    for (const Axis &axis : typeOf(fitting[0]->getResult(0)).getAxes())
      cut.epilogue.space.rows.push_back(axis.name);
    if (usedOutside(cut, dot))
      cut.epilogue.roots.insert(cut.epilogue.roots.begin(), dot);
    int64_t alone = trafficOf(whole) + bytesOf(dot) + bytesOf(dot.getLhs()) + bytesOf(dot.getRhs());
    cut.saved = alone - trafficOf(cut.epilogue) - trafficOf(cut.rest);
    return cut.saved > 0;
  }

  /// The part of a cluster that computes `roots`, reading `given` from memory.
  Cluster part(const Cluster &whole, ArrayRef<Operation *> roots, ArrayRef<Operation *> given) {
    Cluster result;
    result.roots.assign(roots.begin(), roots.end());
    result.space = whole.space;
    SmallVector<Operation *> work(roots);
    while (!work.empty()) {
      Operation *op = work.pop_back_val();
      if (!result.ops.insert(op))
        continue;
      for (Value operand : op->getOperands())
        if (Operation *source = operand.getDefiningOp();
            source && whole.ops.contains(source) && !llvm::is_contained(given, source))
          work.push_back(source);
    }
    return result;
  }

  /// Whether a root can be computed in the product's epilogue: from ops at its own point, on the product's axes.
  bool fits(const Cluster &whole, Operation *root, DotOp dot) {
    std::optional<SmallVector<StringAttr>> names = namesInside(whole, dot);
    NamedTensorType type = typeOf(root->getResult(0));
    if (!names ||
        !llvm::equal(*names, type.getAxes(), [](StringAttr name, const Axis &axis) { return name == axis.name; }))
      return false;
    return llvm::all_of(part(whole, {root}, {}).ops, [&](Operation *op) {
      return op->hasTrait<Elementwise>() || isa<ConstantOp, IndexOp, RandomOp, BroadcastOp>(op) ||
             (isa<RenameOp>(op) && isView(op));
    });
  }

  /// What a cluster calls the product's axes: it may rename them, all uses alike.
  std::optional<SmallVector<StringAttr>> namesInside(const Cluster &whole, DotOp dot) {
    std::optional<SmallVector<StringAttr>> names;
    SmallVector<Value> work{dot.getResult()};
    while (!work.empty()) {
      Value value = work.pop_back_val();
      for (Operation *user : value.getUsers()) {
        if (!whole.ops.contains(user))
          continue;
        if (isa<RenameOp>(user) && isView(user)) {
          work.push_back(user->getResult(0));
          continue;
        }
        auto here = llvm::map_to_vector(typeOf(value).getAxes(), [](const Axis &axis) { return axis.name; });
        if (names && *names != here)
          return std::nullopt;
        names = here;
      }
    }
    return names;
  }

  bool reads(const Cluster &whole, Operation *root, DotOp dot) {
    return operandsOf(part(whole, {root}, {})).contains(dot);
  }

  /// Whether anything but the epilogue reads the product.
  bool usedOutside(const Cut &cut, DotOp dot) {
    return llvm::any_of(dot->getUsers(), [&](Operation *user) {
      if (!cut.epilogue.ops.contains(user) || cut.rest.ops.contains(user))
        return true;
      return llvm::any_of(llvm::enumerate(clusters),
                          [&](auto other) { return other.index() != cut.cluster && other.value().ops.contains(user); });
    });
  }

  /// Whether something that the epilogue reads is made after the product could be: it would have to wait.
  bool comesLate(const Cluster &epilogue, DotOp dot) {
    return llvm::any_of(operandsOf(epilogue), [&](Value operand) { return readyAfter(operand) > order[dot]; });
  }

  /// The place in the block of the last op by itself that a value depends on. Reads and inputs are ready at once.
  int64_t readyAfter(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || op->getBlock() != &block || isa<ReadOp, InputOp>(op))
      return -1;
    if (!isFusable(op))
      return order[op];
    if (auto known = ready.find(op); known != ready.end())
      return known->second;
    int64_t last = -1;
    for (Value operand : op->getOperands())
      last = std::max(last, readyAfter(operand));
    return ready[op] = last;
  }

  static int64_t bytesOf(Value value) {
    NamedTensorType type = typeOf(value);
    unsigned bits = type.isBool() ? 8 : type.getElement().getIntOrFloatBitWidth();
    return type.getNumElements() * bits / 8;
  }

  static int64_t trafficOf(const Cluster &cluster) {
    int64_t bytes = 0;
    for (Value operand : operandsOf(cluster))
      bytes += bytesOf(operand);
    for (Operation *root : cluster.roots)
      bytes += bytesOf(root->getResult(0));
    return bytes;
  }

  Block &block;
  std::vector<Cluster> &clusters;
  llvm::DenseMap<Operation *, int64_t> order, ready;
};
} // namespace

void fuse::attachProducts(Block &block, std::vector<Cluster> &clusters) { Products(block, clusters).run(); }
