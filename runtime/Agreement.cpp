// See Agreement.h.
#include "runtime/Agreement.h"

#include "runtime/Failure.h"

#include <chrono>
#include <climits>
#include <sstream>
#include <thread>

namespace kinu::rt {

static std::string write(const std::vector<Fact> &facts) {
  std::string all;
  for (const Fact &fact : facts)
    all += fact.name + '\t' + fact.value + '\n';
  return all;
}

/// The first rank's value of a fact; nothing if it has none of that name.
static std::string valueOf(const std::string &name, const std::string &facts) {
  std::istringstream lines(facts);
  for (std::string line; std::getline(lines, line);)
    if (line.compare(0, name.size() + 1, name + '\t') == 0)
      return line.substr(name.size() + 1);
  return "nothing";
}

void agreeOn(const std::vector<Fact> &facts, const Mesh &mesh) {
  if (!mesh.connected())
    return;
  std::string own = write(facts), first = mesh.textFromFirst(own);
  int mine = own == first ? INT_MAX : mesh.rank(), differs = INT_MAX;
  MPI_Allreduce(&mine, &differs, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  if (differs == INT_MAX)
    return;
  if (mesh.rank() != differs) // that rank ends this one when it has spoken
    std::this_thread::sleep_for(std::chrono::seconds(10));
  std::string difference;
  for (const Fact &fact : facts)
    if (std::string other = valueOf(fact.name, first); fact.value != other)
      difference +=
          text(difference.empty() ? "" : "; ", fact.name, " is ", fact.value, " here and ", other, " on rank 0");
  fail(Exit::Mismatch, "ranks do not agree: ", difference, "; start all ranks with the same files and options");
}

} // namespace kinu::rt
