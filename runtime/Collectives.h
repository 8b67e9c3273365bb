// What ranks send one another during a step: the entries of a launch list that are not kernels.
#pragma once

#include "runtime/Abi.h"
#include "runtime/Mesh.h"

namespace kinu::rt {

/// Runs a collective over its group: operand in buffers[0], result in buffers[1]. Blocks until both may be used.
/// Sums are made in the order that MPI chooses for the group's size, the same in every run.
void runCollective(const KinuCollective &collective, void *const *buffers, const Mesh &mesh);

} // namespace kinu::rt
