// Which products and scatters are made in one kernel with what is computed from them.
#pragma once

#include "compiler/fuse/Clusters.h"

namespace kinu::fuse {

/// Lets dots join the clusters that read them, where that saves memory traffic: a dot becomes the `product` of a
/// cluster of elementwise ops with its axes, which is then done block by block as the product is made. Roots that fit
/// leave clusters that have reductions for a cluster of their own. A cluster takes one product, a product has one
/// cluster; the product's value is a root if others read it too.
void attachProducts(mlir::Block &block, std::vector<Cluster> &clusters);

/// Lets a scatter join the cluster that adds it to another value in memory, if that is all that happens to either: it
/// then starts from that value, and where that may be written over, as a gradient that gathers may, touches no more
/// than the places that its indices name.
void attachScatters(mlir::Block &block, std::vector<Cluster> &clusters);

} // namespace kinu::fuse
