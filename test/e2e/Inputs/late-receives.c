// Preloaded before MPI: what a pipeline sends back is received late, as by a stage that is slow for a moment. A sender
// that writes to its buffer before the message has left sends something else.
#include <mpi.h>
#include <unistd.h>

int MPI_Recv(void *buffer, int count, MPI_Datatype type, int from, int tag, MPI_Comm group, MPI_Status *status) {
  if (tag > 0)
    usleep(20000);
  return PMPI_Recv(buffer, count, type, from, tag, group, status);
}
