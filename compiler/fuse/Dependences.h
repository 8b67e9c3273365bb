// Which cluster or op of a block depends on which: what tells whether two clusters may become one.
#pragma once

#include "compiler/fuse/Clusters.h"

namespace kinu::fuse {

class Dependences {
public:
  Dependences(mlir::Block &block, llvm::ArrayRef<Cluster> clusters);

  /// Whether `later` depends on `earlier`, or `earlier` on `later`, through something that is in neither: then one
  /// kernel for both would have to run before and after that something.
  bool separated(unsigned earlier, unsigned later) const {
    return leadsAround(earlier, later) || leadsAround(later, earlier);
  }

  /// Whether a cluster and an op that is in none depend on each other through something else.
  bool separated(unsigned cluster, mlir::Operation *op) { return separated(cluster, nodeOf(op)); }

  /// Cluster `from` is part of cluster `into` from now on.
  void absorb(unsigned into, unsigned from);

private:
  unsigned nodeOf(mlir::Operation *op);
  void addEdges(unsigned node, mlir::ValueRange operands);
  bool leadsAround(unsigned from, unsigned to) const;

  mlir::Block &block;
  llvm::DenseMap<mlir::Operation *, unsigned> nodes; ///< of cluster roots and of ops outside clusters
  std::vector<llvm::SetVector<unsigned>> users;      ///< clusters come first
};

/// The values a cluster reads from memory.
llvm::SetVector<mlir::Value> operandsOf(const Cluster &cluster);

} // namespace kinu::fuse
