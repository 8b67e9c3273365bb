// See Collectives.h.
#include "runtime/Collectives.h"

#include "runtime/Failure.h"

#include <algorithm>
#include <cstring>

namespace kinu::rt {

static MPI_Datatype typeOf(int32_t dtype) {
  switch (dtype) {
  case kKinuF32: return MPI_FLOAT;
  case kKinuI64: return MPI_INT64_T;
  case kKinuI1: return MPI_UINT8_T;
  default: return MPI_UINT16_T; // 16-bit floats are moved, never added
  }
}

size_t widthOf(int32_t dtype) { return dtype == kKinuF32 ? 4 : dtype == kKinuI64 ? 8 : dtype == kKinuI1 ? 1 : 2; }

static MPI_Op operationOf(int32_t reduction) {
  return reduction == kKinuSum ? MPI_SUM : reduction == kKinuMax ? MPI_MAX : MPI_MIN;
}

/// MPI counts in ints.
static int checkedCount(int64_t count) {
  if (count > INT32_MAX)
    fail(Exit::Internal, "a collective of ", count, " elements is more than MPI counts");
  return int(count);
}

static void check(int status) {
  if (status != MPI_SUCCESS)
    fail(Exit::Internal, "MPI fails with code ", status);
}

/// Calls `reduce(source, target, count)` for pieces that MPI can count: elements are independent.
template <typename Reduce>
static void inPieces(const KinuCollective &collective, const char *from, char *to, Reduce reduce) {
  int64_t width = int64_t(widthOf(collective.dtype));
  constexpr int64_t most = int64_t(1) << 28;
  for (int64_t done = 0; done < collective.count; done += most) {
    int count = int(std::min(most, collective.count - done));
    reduce(from == to ? MPI_IN_PLACE : static_cast<const void *>(from + done * width), to + done * width, count);
  }
}

MPI_Request startSend(const KinuCollective &collective, const void *buffer, const Mesh &mesh) {
  MPI_Request request;
  check(MPI_Isend(buffer, checkedCount(collective.count), typeOf(collective.dtype), collective.peer, collective.tag,
                  mesh.group(collective.axes), &request));
  return request;
}

MPI_Request startReceive(const KinuCollective &collective, void *buffer, const Mesh &mesh) {
  MPI_Request request;
  check(MPI_Irecv(buffer, checkedCount(collective.count), typeOf(collective.dtype), collective.peer, collective.tag,
                  mesh.group(collective.axes), &request));
  return request;
}

static void receive(const KinuCollective &collective, void *buffer, const Mesh &mesh) {
  if (!mesh.connected()) {
    std::memset(buffer, 0, size_t(collective.count) * widthOf(collective.dtype));
    return;
  }
  mesh.awaitMessage(collective.peer, collective.tag, mesh.group(collective.axes));
  check(MPI_Recv(buffer, checkedCount(collective.count), typeOf(collective.dtype), collective.peer, collective.tag,
                 mesh.group(collective.axes), MPI_STATUS_IGNORE));
}

static void startShift(const KinuCollective &collective, const char *from, char *to, MPI_Comm group,
                       std::vector<MPI_Request> &requests) {
  int self = 0, ranks = 1;
  check(MPI_Comm_rank(group, &self));
  check(MPI_Comm_size(group, &ranks));
  int count = checkedCount(collective.count);
  MPI_Datatype type = typeOf(collective.dtype);
  check(MPI_Irecv(to, count, type, (self + ranks - 1) % ranks, kShiftTag, group, &requests.emplace_back()));
  check(MPI_Isend(from, count, type, (self + 1) % ranks, kShiftTag, group, &requests.emplace_back()));
}

static void shift(const KinuCollective &collective, const char *from, char *to, MPI_Comm group) {
  std::vector<MPI_Request> requests;
  startShift(collective, from, to, group, requests);
  check(MPI_Waitall(int(requests.size()), requests.data(), MPI_STATUSES_IGNORE));
}

/// Of a rank that is played alone: the result is written as if all had what this one has.
static void standIn(const KinuCollective &collective, const char *from, char *to, int64_t ranks) {
  size_t bytes = size_t(collective.count) * widthOf(collective.dtype);
  switch (collective.kind) {
  case kKinuAllGather:
    for (int64_t rank = 0; rank < ranks; ++rank)
      std::memcpy(to + size_t(rank) * bytes, from, bytes);
    break;
  case kKinuAllToAll: std::memcpy(to, from, size_t(ranks) * bytes); break;
  default: std::memmove(to, from, bytes);
  }
}

void startCollective(const KinuCollective &collective, void *const *buffers, const Mesh &mesh,
                     std::vector<MPI_Request> &requests) {
  const char *from = static_cast<const char *>(buffers[0]);
  char *to = static_cast<char *>(buffers[1]);
  MPI_Comm group = mesh.group(collective.axes);
  MPI_Datatype type = typeOf(collective.dtype);
  MPI_Op reduction = operationOf(collective.reduction);
  if (collective.kind == kKinuAllReduce)
    return inPieces(collective, from, to, [&](const void *source, char *target, int count) {
      check(MPI_Iallreduce(source, target, count, type, reduction, group, &requests.emplace_back()));
    });
  if (collective.kind == kKinuShift)
    return startShift(collective, from, to, group, requests);
  int count = checkedCount(collective.count);
  MPI_Request *request = &requests.emplace_back();
  switch (collective.kind) {
  case kKinuReduceScatter: return check(MPI_Ireduce_scatter_block(from, to, count, type, reduction, group, request));
  case kKinuAllGather: return check(MPI_Iallgather(from, count, type, to, count, type, group, request));
  case kKinuAllToAll: return check(MPI_Ialltoall(from, count, type, to, count, type, group, request));
  default: fail(Exit::Internal, "the executable begins a collective of unknown kind ", collective.kind);
  }
}

void runCollective(const KinuCollective &collective, void *const *buffers, const Mesh &mesh) {
  if (collective.kind == kKinuReceive)
    return receive(collective, buffers[0], mesh);
  const char *from = static_cast<const char *>(buffers[0]);
  char *to = static_cast<char *>(buffers[1]);
  if (!mesh.connected())
    return standIn(collective, from, to, mesh.groupSize(collective.axes));
  MPI_Comm group = mesh.group(collective.axes);
  MPI_Datatype type = typeOf(collective.dtype);
  mesh.awaitAll(group);
  switch (collective.kind) {
  case kKinuAllReduce:
    inPieces(collective, from, to, [&](const void *source, char *target, int count) {
      check(MPI_Allreduce(source, target, count, type, operationOf(collective.reduction), group));
    });
    break;
  case kKinuReduceScatter:
    check(MPI_Reduce_scatter_block(from, to, checkedCount(collective.count), type, operationOf(collective.reduction),
                                   group));
    break;
  case kKinuAllGather:
    check(MPI_Allgather(from, checkedCount(collective.count), type, to, checkedCount(collective.count), type, group));
    break;
  case kKinuAllToAll:
    check(MPI_Alltoall(from, checkedCount(collective.count), type, to, checkedCount(collective.count), type, group));
    break;
  case kKinuShift: shift(collective, from, to, group); break;
  default: fail(Exit::Internal, "the executable has a collective of unknown kind ", collective.kind);
  }
}

} // namespace kinu::rt
