// What ranks send one another during a step: the entries of a launch list that are not kernels.
#pragma once

#include "runtime/Abi.h"
#include "runtime/Mesh.h"

namespace kinu::rt {

/// Runs a collective over its group, or waits for what a kKinuReceive is of: operand in buffers[0], result in the last
/// of the buffers. Blocks until both may be used. Sums are made in the order that MPI chooses for the group's size, the
/// same in every run.
void runCollective(const KinuCollective &collective, void *const *buffers, const Mesh &mesh);

/// Begins a collective; its buffers are nobody else's until all the requests that it adds are done.
void startCollective(const KinuCollective &collective, void *const *buffers, const Mesh &mesh,
                     std::vector<MPI_Request> &requests);

/// Of messages around a ring; those of pipelines have smaller ones. CountBytes.cpp knows it.
inline constexpr int kShiftTag = 1 << 14;

/// Bytes of an element.
size_t widthOf(int32_t dtype);

/// Begins a kKinuSend; the buffer must stay as it is until the request is done.
MPI_Request startSend(const KinuCollective &collective, const void *buffer, const Mesh &mesh);

/// Begins a kKinuReceive; the buffer is nobody else's until the request is done.
MPI_Request startReceive(const KinuCollective &collective, void *buffer, const Mesh &mesh);

} // namespace kinu::rt
