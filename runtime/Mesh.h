// The ranks of a run and their places on the mesh of the layout.
#pragma once

#include "runtime/Manifest.h"

#include <cstdint>
#include <functional>
#include <map>
#include <mpi.h>
#include <string>
#include <string_view>
#include <vector>

namespace kinu::rt {

/// Starts MPI and ends it. A rank's number is the linear index over the mesh's axes, the last fastest.
class Mesh {
public:
  /// Throws Failure (Exit::Mismatch) if other ranks were started than the mesh has.
  explicit Mesh(const std::vector<Axis> &axes);
  /// Plays one rank of the mesh without the others, and without MPI: what it is sent is nothing.
  Mesh(const std::vector<Axis> &axes, int64_t rank);
  /// One rank, without MPI.
  Mesh() = default;
  ~Mesh();
  static const Mesh &alone();
  Mesh(const Mesh &) = delete;
  Mesh &operator=(const Mesh &) = delete;

  int rank() const { return self; }
  int64_t ranks() const { return total; }
  bool first() const { return self == 0; }
  /// Whether there is anybody to talk to.
  bool connected() const { return started; }
  /// This rank's place along an axis, and the ranks along it; 0 and 1 if the mesh has no such axis.
  int64_t coordinate(std::string_view axis) const;
  int64_t degree(std::string_view axis) const;
  /// Which part of an axis of a tensor this rank has, if it is split over these mesh axes, the first outermost.
  int64_t part(const std::vector<std::string> &splitters) const;
  /// Whether this rank is the first of those that have the same part of a buffer.
  bool owns(const Buffer &buffer) const;

  /// The ranks that differ from this one in these axes only, in their order: see KinuCollective::axes. Made at first
  /// use, which must be by all of them at once.
  MPI_Comm group(const std::string &axes) const;
  int64_t groupSize(const std::string &axes) const { return int64_t(members(axes).size()); }
  /// Replaces each value by its sum over a group.
  void sum(std::vector<double> &values, const std::string &axes) const;
  /// All flags that any rank raises.
  int agree(int flags) const;
  /// The first rank's value.
  int64_t fromFirst(int64_t value) const;
  std::string textFromFirst(const std::string &text) const;
  void barrier() const;
  /// From now on, this rank sleeps while it waits for others. Ranks that share cores would else keep each other from
  /// what they do; a wait may be longer by a tenth of a millisecond.
  void waitAsleep() const { asleep = true; }
  /// Before what blocks: sleeps until all of the group are there, or the message is, if this rank is to sleep.
  void awaitAll(MPI_Comm group) const;
  void awaitMessage(int from, int tag, MPI_Comm group) const;
  /// Waits for what was begun.
  void finish(MPI_Request &request) const;
  /// Ends all ranks with this exit code. What every rank finds wrong at once is said by the first one only.
  [[noreturn]] void abort(int code, const std::function<void()> &say) const;

private:
  std::vector<int> members(const std::string &axes) const;

  bool started = false; ///< MPI was
  std::vector<Axis> axes;
  int self = 0;
  int64_t total = 1;
  mutable std::map<std::string, MPI_Comm, std::less<>> groups;
  mutable bool asleep = false;
};

/// The part of a split buffer that this rank has: where it begins in the whole along each of the buffer's axes.
std::vector<int64_t> originOf(const Buffer &buffer, const Mesh &mesh);
/// Parts of a buffer that lie in the whole as they lie in it: of a variable of several chunks one for each. The part,
/// where it begins in the whole along each axis, and in the buffer, in elements.
struct Piece {
  Buffer buffer;
  std::vector<int64_t> origin;
  int64_t begin = 0;
};
std::vector<Piece> piecesOf(const Buffer &buffer, const Mesh &mesh);
/// The lengths of this rank's part along each of the buffer's axes, without padding.
std::vector<int64_t> realLengths(const Buffer &buffer, const std::vector<int64_t> &origin);
/// Calls `visit(whole, local, count)` for each run of elements that lie side by side both in the whole tensor and in
/// this rank's part of it: where the run begins in each, in elements. Padding is left out.
template <typename Visit> void forEachRun(const Buffer &buffer, const std::vector<int64_t> &origin, Visit visit) {
  std::vector<int64_t> lengths = realLengths(buffer, origin);
  for (int64_t length : lengths)
    if (length == 0)
      return;
  // Inner axes that are whole make runs longer; the outermost axis of a run may be a part.
  size_t inner = buffer.axes.size();
  int64_t run = 1, localRun = 1, wholeRun = 1;
  while (inner > 0) {
    const Axis &axis = buffer.axes[--inner];
    int64_t length = buffer.wholeLength(axis.name);
    run *= lengths[inner];
    localRun *= axis.length;
    wholeRun *= length;
    if (axis.length != length)
      break;
  }
  int64_t innerOrigin = 0;
  if (inner < buffer.axes.size()) {
    const Axis &axis = buffer.axes[inner];
    innerOrigin = origin[inner] * (wholeRun / buffer.wholeLength(axis.name));
  }
  std::vector<int64_t> index(inner, 0);
  for (;;) {
    int64_t whole = 0, local = 0;
    for (size_t i = 0; i < inner; ++i) {
      whole = whole * buffer.wholeLength(buffer.axes[i].name) + origin[i] + index[i];
      local = local * buffer.axes[i].length + index[i];
    }
    visit(whole * wholeRun + innerOrigin, local * localRun, run);
    size_t i = inner;
    while (i > 0 && ++index[i - 1] == lengths[i - 1])
      index[--i] = 0;
    if (i == 0)
      return;
  }
}

/// The same for all pieces of a buffer.
template <typename Visit> void forEachRun(const Buffer &buffer, const Mesh &mesh, Visit visit) {
  for (const Piece &piece : piecesOf(buffer, mesh))
    forEachRun(piece.buffer, piece.origin,
               [&](int64_t whole, int64_t local, int64_t count) { visit(whole, piece.begin + local, count); });
}

} // namespace kinu::rt
