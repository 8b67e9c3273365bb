// Where ranks stand on a torus: the shape of the job, and which part of which mesh axis lies along which of its axes.
//
// A rank's place along a mesh axis is written in digits; each digit is a step along one axis of the job, or from one
// rank of a node to the next. So groups of ranks are cuboids, and distances follow from a few numbers, however many
// nodes there are.
#pragma once

#include "compiler/machines/Machine.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace kinu::plan {

/// Where a digit counts: the ranks of a node, or an axis of the job.
enum Slot : unsigned { kWithinNode, kX, kY, kZ };
inline constexpr unsigned kSlots = 4;
/// What a slot is called: node, x, y, z.
const char *nameOf(unsigned slot);

struct Digit {
  unsigned mesh; ///< the mesh axis, by number
  unsigned slot;
  int64_t factor; ///< the digit's values
  int64_t stride; ///< nodes (or ranks of a node) from one value to the next
};

/// What every rank sends in a step within groups over some mesh axes.
struct Flow {
  std::vector<unsigned> axes; ///< the first outermost
  double bytes = 0;           ///< sent by a rank
  bool pairwise = false;      ///< to all of the group alike, else to the next in a ring
};

/// `place`: a mesh axis that may lie along these slots only, innermost there.
struct Wish {
  unsigned mesh;
  std::vector<unsigned> slots;
};

struct PlacementProblem {
  std::vector<int64_t> degrees; ///< of the mesh
  int64_t nodes = 1, ranksPerNode = 1;
  machines::Network network;
  std::vector<Flow> flows;
  std::vector<Wish> wishes;
};

struct Placement {
  std::array<int64_t, kSlots> lengths = {1, 1, 1, 1}; ///< ranks of a node, nodes along x, y, z
  bool torus = false;                                 ///< three axes that close to rings; else one line of nodes
  std::vector<Digit> digits;                          ///< of each mesh axis the fastest first
  bool inOrder = false;                               ///< no digits fit: ranks fill one node after another
};

/// The placement with the least bytes times hops that grants the wishes; none if they cannot be granted.
std::optional<Placement> place(const PlacementProblem &problem);

/// The slots' places of a rank, whose number is the linear index over the mesh, the last axis fastest.
std::array<int64_t, kSlots> coordinates(const Placement &placement, const std::vector<int64_t> &degrees, int64_t rank);

/// How far messages go.
struct Distances {
  /// Of each flow: links that a message passes, on average. Where a group has two digits along one axis they are added
  /// up, which may be more than the way takes.
  std::vector<double> hops;
  std::array<double, kSlots> bytesAlong = {}; ///< sent by a node along each axis, times the links passed
  std::array<double, kSlots> busiest = {};    ///< bytes over the busiest link of each axis and direction
};
Distances measure(const Placement &placement, const PlacementProblem &problem);

} // namespace kinu::plan
