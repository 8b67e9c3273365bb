// Counts what a program hands to MPI, from outside: a library of MPI's profiling interface (MPI 4.0, chapter 15).
//
//   KINU_COUNT_BYTES=counts mpirun -x LD_PRELOAD=libKinuCountBytes.so -n 4 ./gpt2
//
// At MPI_Finalize each rank writes to counts.RANK a line for each kind of call: its name, how often it was called, and
// its payload in bytes: of the longer of what goes in and what comes out, as `kinu plan` counts. It links nothing of
// Kinu's and shares no code with it.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mpi.h>
#include <string>

namespace {
enum Kind { AllReduce, ReduceScatter, AllGather, AllToAll, Broadcast, Send, Shift, Kinds };
constexpr const char *kNames[Kinds] = {"all_reduce", "reduce_scatter", "all_gather", "all_to_all",
                                       "broadcast",  "send",           "shift"};
constexpr int kRingTag = 1 << 14; // kShiftTag of Collectives.h
std::atomic<int64_t> calls[Kinds], bytes[Kinds];

/// `parts`: how many of these counts the longer buffer has.
void add(Kind kind, int64_t count, MPI_Datatype type, int64_t parts = 1) {
  int size = 0;
  PMPI_Type_size(type, &size);
  ++calls[kind];
  bytes[kind] += count * size * parts;
}

int sizeOf(MPI_Comm group) {
  int size = 1;
  PMPI_Comm_size(group, &size);
  return size;
}

/// Signs of life come by the clock, not by the step.
bool isWatchdog(MPI_Comm group) {
  char name[MPI_MAX_OBJECT_NAME] = "";
  int length = 0;
  PMPI_Comm_get_name(group, name, &length);
  return std::strcmp(name, "kinu.watchdog") == 0;
}
} // namespace

extern "C" {

int MPI_Allreduce(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm group) {
  add(AllReduce, count, type);
  return PMPI_Allreduce(from, to, count, type, op, group);
}
int MPI_Iallreduce(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm group,
                   MPI_Request *request) {
  add(AllReduce, count, type);
  return PMPI_Iallreduce(from, to, count, type, op, group, request);
}

int MPI_Reduce_scatter_block(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm group) {
  add(ReduceScatter, count, type, sizeOf(group));
  return PMPI_Reduce_scatter_block(from, to, count, type, op, group);
}
int MPI_Ireduce_scatter_block(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm group,
                              MPI_Request *request) {
  add(ReduceScatter, count, type, sizeOf(group));
  return PMPI_Ireduce_scatter_block(from, to, count, type, op, group, request);
}

int MPI_Allgather(const void *from, int count, MPI_Datatype type, void *to, int each, MPI_Datatype of, MPI_Comm group) {
  add(AllGather, each, of, sizeOf(group));
  return PMPI_Allgather(from, count, type, to, each, of, group);
}
int MPI_Iallgather(const void *from, int count, MPI_Datatype type, void *to, int each, MPI_Datatype of, MPI_Comm group,
                   MPI_Request *request) {
  add(AllGather, each, of, sizeOf(group));
  return PMPI_Iallgather(from, count, type, to, each, of, group, request);
}

int MPI_Alltoall(const void *from, int count, MPI_Datatype type, void *to, int each, MPI_Datatype of, MPI_Comm group) {
  add(AllToAll, each, of, sizeOf(group));
  return PMPI_Alltoall(from, count, type, to, each, of, group);
}
int MPI_Ialltoall(const void *from, int count, MPI_Datatype type, void *to, int each, MPI_Datatype of, MPI_Comm group,
                  MPI_Request *request) {
  add(AllToAll, each, of, sizeOf(group));
  return PMPI_Ialltoall(from, count, type, to, each, of, group, request);
}

int MPI_Bcast(void *data, int count, MPI_Datatype type, int root, MPI_Comm group) {
  add(Broadcast, count, type);
  return PMPI_Bcast(data, count, type, root, group);
}

int MPI_Send(const void *data, int count, MPI_Datatype type, int to, int tag, MPI_Comm group) {
  if (!isWatchdog(group))
    add(Send, count, type);
  return PMPI_Send(data, count, type, to, tag, group);
}
int MPI_Isend(const void *data, int count, MPI_Datatype type, int to, int tag, MPI_Comm group, MPI_Request *request) {
  if (!isWatchdog(group))
    add(tag == kRingTag ? Shift : Send, count, type);
  return PMPI_Isend(data, count, type, to, tag, group, request);
}

int MPI_Finalize() {
  int rank = 0;
  PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (const char *prefix = std::getenv("KINU_COUNT_BYTES"))
    if (std::FILE *file = std::fopen((std::string(prefix) + "." + std::to_string(rank)).c_str(), "w")) {
      for (int kind = 0; kind < Kinds; ++kind)
        std::fprintf(file, "%s %lld %lld\n", kNames[kind], static_cast<long long>(calls[kind]),
                     static_cast<long long>(bytes[kind]));
      std::fclose(file);
    }
  return PMPI_Finalize();
}
}
