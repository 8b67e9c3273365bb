// A graph whose nodes are clusters and the ops that belong to none.
#include "compiler/fuse/Dependences.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::fuse;

llvm::SetVector<Value> fuse::operandsOf(const Cluster &cluster) {
  llvm::SetVector<Value> operands;
  for (Operation *op : cluster.ops)
    for (Value operand : op->getOperands())
      if (!operand.getDefiningOp() || !cluster.ops.contains(operand.getDefiningOp()))
        operands.insert(operand);
  // A root of another cluster is read, even where this cluster could compute it.
  return operands;
}

Dependences::Dependences(Block &block, ArrayRef<Cluster> clusters) : block(block), users(clusters.size()) {
  for (auto [i, cluster] : llvm::enumerate(clusters)) {
    for (Operation *root : cluster.roots)
      nodes[root] = i;
    if (cluster.product)
      nodes[cluster.product] = i;
  }
  for (auto [i, cluster] : llvm::enumerate(clusters))
    addEdges(i, operandsOf(cluster).getArrayRef());
  for (Operation &op : block) {
    if (isFusable(&op) && !isView(&op))
      continue;
    unsigned node = nodeOf(&op);
    addEdges(node, op.getOperands());
    op.walk([&](Operation *inner) {
      if (inner != &op)
        addEdges(node, inner->getOperands());
    });
  }
}

unsigned Dependences::nodeOf(Operation *op) {
  auto [found, inserted] = nodes.insert({op, users.size()});
  if (inserted)
    users.emplace_back();
  return found->second;
}

void Dependences::addEdges(unsigned node, ValueRange operands) {
  for (Value operand : operands)
    if (Operation *source = operand.getDefiningOp(); source && source->getBlock() == &block)
      users[nodeOf(source)].insert(node);
}

bool Dependences::leadsAround(unsigned from, unsigned to) const {
  SmallVector<unsigned> work;
  llvm::DenseSet<unsigned> seen{from};
  for (unsigned user : users[from])
    if (user != to && seen.insert(user).second)
      work.push_back(user);
  while (!work.empty()) {
    unsigned node = work.pop_back_val();
    for (unsigned user : users[node]) {
      if (user == to)
        return true;
      if (seen.insert(user).second)
        work.push_back(user);
    }
  }
  return false;
}

void Dependences::absorb(unsigned into, unsigned from) {
  for (auto &[op, node] : nodes)
    if (node == from)
      node = into;
  for (unsigned user : users[from])
    users[into].insert(user);
  users[from].clear();
  for (auto &list : users)
    if (list.remove(from))
      list.insert(into);
  users[into].remove(into);
}
