// Attaches scatters to the sums that they are added to.
#include "compiler/fuse/Dependences.h"
#include "compiler/fuse/Products.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::fuse;

/// The addition that is all of a cluster and all that a scatter's result is for; null if there is none.
static AddOp soleSum(ScatterOp scatter, const Cluster &cluster) {
  auto add = cluster.ops.size() == 1 ? dyn_cast<AddOp>(cluster.ops.front()) : AddOp();
  if (!add || !scatter->hasOneUse() || *scatter->user_begin() != add)
    return {};
  // The same order of axes, too: the scatter walks the sum as it walks its own result.
  bool alike = llvm::all_of(add->getOperandTypes(), [&](Type type) { return type == add.getType(); });
  return alike ? add : AddOp();
}

void fuse::attachScatters(Block &block, std::vector<Cluster> &clusters) {
  Dependences dependences(block, clusters);
  for (auto [i, cluster] : llvm::enumerate(clusters)) {
    if (cluster.product || cluster.ops.empty())
      continue;
    for (auto scatter : block.getOps<ScatterOp>()) {
      if (!soleSum(scatter, cluster) || dependences.separated(i, scatter))
        continue;
      cluster.product = scatter;
      cluster.ops.insert(scatter);
      break;
    }
  }
}
