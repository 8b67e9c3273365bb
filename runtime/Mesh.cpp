// See Mesh.h.
#include "runtime/Mesh.h"

#include "runtime/Failure.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <thread>

namespace kinu::rt {

static int64_t product(const std::vector<Axis> &axes) {
  int64_t ranks = 1;
  for (const Axis &axis : axes)
    ranks *= axis.length;
  return ranks;
}

/// Whether a launcher started this process: Open MPI's, on which Fujitsu's is based, or one that speaks PMI or PMIx, as
/// Slurm's does.
static bool isLaunched() {
  for (const char *name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"})
    if (std::getenv(name))
      return true;
  return false;
}

Mesh::Mesh(const std::vector<Axis> &axes) : axes(axes), total(product(axes)) {
  // A lone process does without MPI: two of them, started or killed at the same moment, would remove each other's
  // folders of Open MPI's.
  if (total == 1 && !isLaunched())
    return;
  setenv("OMPI_MCA_ess_singleton_isolated", "1", 0); // no daemon beside a process that should have been many
  int provided = 0;                                  // several threads: the watchdog talks, too
  MPI_Init_thread(nullptr, nullptr, total > 1 ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE, &provided);
  int launched = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &launched);
  MPI_Comm_rank(MPI_COMM_WORLD, &self);
  started = launched == total;
  if (started)
    return;
  MPI_Finalize();
  std::string shape;
  for (const Axis &axis : axes)
    shape += (shape.empty() ? "" : " x ") + axis.name + " " + std::to_string(axis.length);
  fail(Exit::Mismatch, self > 0 ? "" // one rank speaks for all
                       : total == 1
                           ? text("this executable trains on one rank, but ", launched,
                                  " were started; start it with `mpirun -n 1` or without mpirun")
                           : text("this executable is for ", total, " ranks (", shape, "), but ", launched,
                                  launched == 1 ? " was" : " were", " started; start it with `mpirun -n ", total, "`"));
}

Mesh::Mesh(const std::vector<Axis> &axes, int64_t rank) : axes(axes), self(int(rank)), total(product(axes)) {
  if (rank >= total)
    fail(Exit::Usage, "there is no rank ", rank, ": this executable is for ", total);
}

Mesh::~Mesh() {
  if (!started)
    return;
  for (auto &[axes, communicator] : groups)
    MPI_Comm_free(&communicator);
  MPI_Finalize();
}

const Mesh &Mesh::alone() {
  static const Mesh mesh;
  return mesh;
}

int64_t Mesh::degree(std::string_view name) const {
  for (const Axis &axis : axes)
    if (axis.name == name)
      return axis.length;
  return 1;
}

int64_t Mesh::coordinate(std::string_view name) const {
  int64_t stride = 1;
  for (size_t m = axes.size(); m-- > 0; stride *= axes[m].length)
    if (axes[m].name == name)
      return self / stride % axes[m].length;
  return 0;
}

int64_t Mesh::part(const std::vector<std::string> &splitters) const {
  int64_t place = 0;
  for (const std::string &axis : splitters)
    place = place * degree(axis) + coordinate(axis);
  return place;
}

bool Mesh::owns(const Buffer &buffer) const {
  if (buffer.keptByOtherStage)
    return false;
  for (const Axis &axis : axes) {
    bool splits = axis.name == buffer.stageAxis; // every stage has something else
    for (const auto &[name, split] : buffer.split)
      splits |= std::find(split.on.begin(), split.on.end(), axis.name) != split.on.end();
    if (!splits && coordinate(axis.name) > 0)
      return false;
  }
  return true;
}

namespace {
/// `data,tensor`, or `pipe:0:3` for the ranks at places 0 and 3 along an axis only.
struct GroupName {
  explicit GroupName(const std::string &name) {
    std::stringstream text(name);
    std::string list, place;
    std::getline(text, list, ':');
    axes = "," + list + ",";
    while (std::getline(text, place, ':'))
      places.push_back(std::stoll(place));
  }
  bool has(const Axis &axis) const { return axes.find("," + axis.name + ",") != std::string::npos; }

  std::string axes;
  std::vector<int64_t> places;
};
} // namespace

std::vector<int> Mesh::members(const std::string &name) const {
  GroupName wanted(name);
  std::vector<int> members{0};
  for (const Axis &axis : axes) {
    std::vector<int> next;
    for (int rank : members)
      for (int64_t place = 0; place < axis.length; ++place) {
        bool is = !wanted.has(axis) ? place == coordinate(axis.name)
                                    : wanted.places.empty() || std::find(wanted.places.begin(), wanted.places.end(),
                                                                         place) != wanted.places.end();
        if (is)
          next.push_back(rank * int(axis.length) + int(place));
      }
    members = std::move(next);
  }
  return members;
}

/// Made by its members alone: stages of a pipeline do not make the same groups in the same order.
MPI_Comm Mesh::group(const std::string &name) const {
  if (auto known = groups.find(name); known != groups.end())
    return known->second;
  std::vector<int> members = this->members(name);
  MPI_Group world, group;
  MPI_Comm communicator;
  MPI_Comm_group(MPI_COMM_WORLD, &world);
  MPI_Group_incl(world, int(members.size()), members.data(), &group);
  // The tag keeps groups apart that are made at the same time.
  MPI_Comm_create_group(MPI_COMM_WORLD, group, int(std::hash<std::string>()(name) % 16384), &communicator);
  MPI_Group_free(&group);
  MPI_Group_free(&world);
  return groups[name] = communicator;
}

/// Sleeps until something is there, with MPI going on meanwhile.
template <typename There> static void sleepUntil(There there) {
  while (!there())
    std::this_thread::sleep_for(std::chrono::microseconds(100));
}

void Mesh::finish(MPI_Request &request) const {
  if (asleep)
    sleepUntil([&] {
      int done = 0;
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      return done != 0;
    });
  MPI_Wait(&request, MPI_STATUS_IGNORE); // at once, if it is done
}

void Mesh::awaitAll(MPI_Comm group) const {
  if (!asleep || !started)
    return;
  MPI_Request request;
  MPI_Ibarrier(group, &request);
  finish(request);
}

void Mesh::awaitMessage(int from, int tag, MPI_Comm group) const {
  if (asleep)
    sleepUntil([&] {
      int there = 0;
      MPI_Iprobe(from, tag, group, &there, MPI_STATUS_IGNORE);
      return there != 0;
    });
}

void Mesh::sum(std::vector<double> &values, const std::string &name) const {
  if (!started)
    return;
  awaitAll(group(name));
  MPI_Allreduce(MPI_IN_PLACE, values.data(), int(values.size()), MPI_DOUBLE, MPI_SUM, group(name));
}

int Mesh::agree(int flags) const {
  awaitAll(MPI_COMM_WORLD);
  if (started)
    MPI_Allreduce(MPI_IN_PLACE, &flags, 1, MPI_INT, MPI_BOR, MPI_COMM_WORLD);
  return flags;
}

int64_t Mesh::fromFirst(int64_t value) const {
  if (started)
    MPI_Bcast(&value, 1, MPI_INT64_T, 0, MPI_COMM_WORLD);
  return value;
}

std::string Mesh::textFromFirst(const std::string &text) const {
  std::string result = text;
  result.resize(size_t(fromFirst(int64_t(text.size()))));
  if (started)
    MPI_Bcast(result.data(), int(result.size()), MPI_CHAR, 0, MPI_COMM_WORLD);
  return result;
}

void Mesh::barrier() const {
  awaitAll(MPI_COMM_WORLD);
  if (started)
    MPI_Barrier(MPI_COMM_WORLD);
}

void Mesh::abort(int code, const std::function<void()> &say) const {
  if (!first()) // if the first rank has the same to say, it has ended this one by then
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  say();
  if (started)
    MPI_Abort(MPI_COMM_WORLD, code);
  std::_Exit(code);
}

std::vector<int64_t> originOf(const Buffer &buffer, const Mesh &mesh) {
  std::vector<int64_t> origin;
  for (const Axis &axis : buffer.axes) {
    auto split = buffer.split.find(axis.name);
    origin.push_back(split == buffer.split.end() ? 0 : mesh.part(split->second.on) * axis.length);
    if (buffer.cut && buffer.cut->axis == axis.name)
      origin.back() += buffer.cut->first;
  }
  return origin;
}

std::vector<Piece> piecesOf(const Buffer &buffer, const Mesh &mesh) {
  std::vector<int64_t> origin = originOf(buffer, mesh);
  if (!buffer.cut || buffer.cut->chunks.empty())
    return {{buffer, origin, 0}};
  // The axis of the rounds is the first; of the chunks' rounds one behind the other, the rank has those from `begin`
  // on.
  std::vector<Piece> pieces;
  const Axis &axis = buffer.axes[0];
  int64_t begin = origin[0] - buffer.cut->first, before = 0;
  for (size_t i = 0; i + 1 < buffer.cut->chunks.size(); i += 2) {
    int64_t first = buffer.cut->chunks[i], rounds = buffer.cut->chunks[i + 1];
    int64_t from = std::max(begin, before), to = std::min(begin + axis.length, before + rounds);
    if (from < to) {
      Piece &piece = pieces.emplace_back(Piece{buffer, origin, (from - begin) * buffer.stride(axis.name)});
      piece.buffer.axes[0].length = to - from;
      piece.origin[0] = first + from - before;
    }
    before += rounds;
  }
  return pieces;
}

std::vector<int64_t> realLengths(const Buffer &buffer, const std::vector<int64_t> &origin) {
  std::vector<int64_t> lengths;
  for (size_t i = 0; i < buffer.axes.size(); ++i) {
    int64_t left = buffer.wholeLength(buffer.axes[i].name) - origin[i];
    lengths.push_back(std::clamp(left, int64_t(0), buffer.axes[i].length));
  }
  return lengths;
}

} // namespace kinu::rt
