// The search for a placement: all ways to cut the mesh's degrees into digits, for all shapes of the job.
#include "compiler/plan/Placement.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <tuple>

using namespace kinu;
using namespace kinu::plan;

const char *plan::nameOf(unsigned slot) {
  static constexpr const char *names[kSlots] = {"node", "x", "y", "z"};
  return names[slot];
}

/// Links between two positions of an axis that are `distance` apart.
static int64_t links(int64_t distance, int64_t length, bool torus) {
  distance = std::abs(distance);
  return torus ? std::min(distance, length - distance) : distance;
}

/// Links that a step of a ring passes in this digit, on average over the digit's values: a step up, or back to 0.
static double ringHops(int64_t factor, int64_t stride, int64_t length, bool torus) {
  double up = double(links(stride, length, torus)), back = double(links((factor - 1) * stride, length, torus));
  return (double(factor - 1) * up + back) / double(factor);
}

/// The mean over all pairs of values.
static double pairHops(int64_t factor, int64_t stride, int64_t length, bool torus) {
  double sum = 0;
  for (int64_t apart = 1; apart < factor; ++apart)
    sum += 2 * double(factor - apart) * double(links(apart * stride, length, torus));
  return sum / (double(factor) * double(factor));
}

namespace {
/// Factors of one mesh axis by slot.
using Factors = std::array<int64_t, kSlots>;

class Search {
public:
  explicit Search(const PlacementProblem &problem) : problem(problem), factors(problem.degrees.size()) {}

  std::optional<Placement> run();

private:
  void shape(std::array<int64_t, kSlots> lengths, bool torus);
  void assign(size_t mesh, unsigned slot, int64_t rest);
  void evaluate();
  std::vector<unsigned> orderedSlots(unsigned mesh) const;
  void weigh();
  double orderOn(unsigned slot, std::vector<unsigned> &order) const;
  bool allowed(unsigned mesh, unsigned slot) const;

  const PlacementProblem &problem;
  std::vector<Factors> factors;
  std::array<int64_t, kSlots> lengths = {1, 1, 1, 1}, room = {1, 1, 1, 1};
  bool torus = false;
  std::vector<std::array<double, kSlots>> ring, pair; ///< bytes that a digit moves, by mesh axis and slot
  double best = INFINITY;
  std::optional<Placement> found;
  int64_t left = 400000; ///< placements that may be tried; what is found after so many will do
};
} // namespace

/// Nodes along a job axis come in units: the last of its physical axes.
static int64_t lengthOf(const machines::Network &network, const std::string &axis) {
  auto at = std::find(network.axisNames.begin(), network.axisNames.end(), axis);
  return at == network.axisNames.end() ? 1 : network.axisLengths[at - network.axisNames.begin()];
}

std::optional<Placement> Search::run() {
  const machines::Network &network = problem.network;
  if (network.jobAxes.size() == 3 && problem.nodes % network.unitNodes == 0) {
    std::array<int64_t, 3> unit, most;
    for (size_t j = 0; j < 3; ++j) {
      unit[j] = lengthOf(network, network.jobAxes[j].back());
      most[j] = 1;
      for (const std::string &axis : network.jobAxes[j])
        most[j] *= lengthOf(network, axis);
    }
    for (int64_t x = unit[0]; x <= most[0]; x += unit[0])
      for (int64_t y = unit[1]; y <= most[1] && problem.nodes % x == 0; y += unit[1])
        if (int64_t z = problem.nodes / x / y; x * y * z == problem.nodes && z <= most[2] && z % unit[2] == 0)
          shape({problem.ranksPerNode, x, y, z}, true);
  }
  if (!found) // a line of nodes, of any number
    shape({problem.ranksPerNode, problem.nodes, 1, 1}, false);
  if (!found && problem.wishes.empty()) {
    found.emplace();
    found->inOrder = true;
    found->lengths = {problem.ranksPerNode, problem.nodes, 1, 1};
  }
  return found;
}

void Search::shape(std::array<int64_t, kSlots> wanted, bool closes) {
  lengths = room = wanted;
  torus = closes;
  for (Factors &axis : factors)
    axis = {1, 1, 1, 1};
  assign(0, 0, problem.degrees.empty() ? 1 : problem.degrees[0]);
}

bool Search::allowed(unsigned mesh, unsigned slot) const {
  auto wish = std::find_if(problem.wishes.begin(), problem.wishes.end(), [&](const Wish &w) { return w.mesh == mesh; });
  return wish == problem.wishes.end() || std::count(wish->slots.begin(), wish->slots.end(), slot) > 0;
}

/// Gives each slot a divisor of what is left of the mesh axis's degree, as far as there is room in it.
void Search::assign(size_t mesh, unsigned slot, int64_t rest) {
  if (left <= 0)
    return;
  if (mesh == factors.size())
    return evaluate();
  if (slot == kSlots) {
    if (rest == 1)
      assign(mesh + 1, 0, mesh + 1 < factors.size() ? problem.degrees[mesh + 1] : 1);
    return;
  }
  int64_t most = allowed(mesh, slot) ? std::gcd(rest, room[slot]) : 1;
  for (int64_t factor = most; factor >= 1; --factor) {
    if (most % factor != 0 || (slot + 1 == kSlots && factor != rest))
      continue;
    room[slot] /= factor;
    factors[mesh][slot] = factor;
    assign(mesh, slot + 1, rest / factor);
    room[slot] *= factor;
    factors[mesh][slot] = 1;
  }
}

/// The digits of a mesh axis, fastest first: within the node, then by size, so that few steps carry.
std::vector<unsigned> Search::orderedSlots(unsigned mesh) const {
  std::vector<unsigned> slots;
  for (unsigned slot = 0; slot < kSlots; ++slot)
    if (factors[mesh][slot] > 1)
      slots.push_back(slot);
  std::sort(slots.begin(), slots.end(), [&](unsigned a, unsigned b) {
    return std::tuple(a != kWithinNode, -factors[mesh][a], a) < std::tuple(b != kWithinNode, -factors[mesh][b], b);
  });
  return slots;
}

/// The bytes that every digit moves: of a ring's steps those that reach it, by carry.
void Search::weigh() {
  ring.assign(factors.size(), {});
  pair.assign(factors.size(), {});
  for (const Flow &flow : problem.flows) {
    double reached = flow.bytes;
    for (size_t i = flow.axes.size(); i-- > 0;)
      for (unsigned slot : orderedSlots(flow.axes[i])) {
        (flow.pairwise ? pair : ring)[flow.axes[i]][slot] += flow.pairwise ? flow.bytes : reached;
        reached /= double(factors[flow.axes[i]][slot]);
      }
  }
}

/// The best order of the mesh axes along a slot, the first with stride 1, and its bytes times hops. Axes that a `place`
/// speaks of come first, in its order.
double Search::orderOn(unsigned slot, std::vector<unsigned> &order) const {
  std::vector<unsigned> on;
  size_t placed = 0;
  for (const Wish &wish : problem.wishes)
    if (factors[wish.mesh][slot] > 1)
      on.push_back(wish.mesh), ++placed;
  for (unsigned mesh = 0; mesh < factors.size(); ++mesh)
    if (factors[mesh][slot] > 1 && std::find(on.begin(), on.end(), mesh) == on.end())
      on.push_back(mesh);
  double least = INFINITY;
  do {
    double cost = 0;
    int64_t stride = 1;
    for (unsigned mesh : on) {
      int64_t factor = factors[mesh][slot];
      cost += ring[mesh][slot] * ringHops(factor, stride, lengths[slot], torus);
      if (pair[mesh][slot] > 0)
        cost += pair[mesh][slot] * pairHops(factor, stride, lengths[slot], torus);
      stride *= factor;
    }
    if (cost < least) {
      least = cost;
      order = on;
    }
  } while (std::next_permutation(on.begin() + placed, on.end()));
  return least;
}

void Search::evaluate() {
  --left;
  weigh();
  double cost = 0;
  std::array<std::vector<unsigned>, kSlots> orders;
  orders[kWithinNode].resize(factors.size());
  std::iota(orders[kWithinNode].rbegin(), orders[kWithinNode].rend(), 0); // messages within a node pass no link
  for (unsigned slot = kX; slot < kSlots; ++slot)
    cost += orderOn(slot, orders[slot]);
  if (found && cost >= best * (1 - 1e-9))
    return;
  best = cost;
  found.emplace();
  found->lengths = lengths;
  found->torus = torus;
  for (unsigned mesh = 0; mesh < factors.size(); ++mesh)
    for (unsigned slot : orderedSlots(mesh)) {
      int64_t stride = 1;
      for (unsigned before : orders[slot]) {
        if (before == mesh)
          break;
        stride *= factors[before][slot];
      }
      found->digits.push_back({mesh, slot, factors[mesh][slot], stride});
    }
}

std::optional<Placement> plan::place(const PlacementProblem &problem) { return Search(problem).run(); }

std::array<int64_t, kSlots> plan::coordinates(const Placement &placement, const std::vector<int64_t> &degrees,
                                              int64_t rank) {
  std::array<int64_t, kSlots> place = {0, 0, 0, 0};
  if (placement.inOrder) {
    place[kWithinNode] = rank % placement.lengths[kWithinNode];
    place[kX] = rank / placement.lengths[kWithinNode];
    return place;
  }
  std::vector<int64_t> along(degrees.size());
  for (size_t m = degrees.size(); m-- > 0; rank /= degrees[m])
    along[m] = rank % degrees[m];
  for (const Digit &digit : placement.digits) {
    place[digit.slot] += along[digit.mesh] % digit.factor * digit.stride;
    along[digit.mesh] /= digit.factor;
  }
  return place;
}

/// Adds what a message leaves on the links of one line, going the shorter way.
static void addPath(std::vector<double> &up, std::vector<double> &down, int64_t from, int64_t to, bool torus,
                    double bytes) {
  int64_t length = int64_t(up.size()), ahead = (to - from + length) % length;
  bool forwards = torus ? 2 * ahead <= length : to > from;
  for (int64_t at = from; at != to;) {
    int64_t next = forwards ? (at + 1) % length : (at - 1 + length) % length;
    (forwards ? up[at] : down[next]) += bytes;
    at = next;
  }
}

/// One line of nodes along the slot: every node of it sends as its digit says.
static double busiestLink(const Placement &placement, const PlacementProblem &problem, unsigned slot,
                          const std::vector<std::vector<Digit>> &digitsOf) {
  int64_t length = placement.lengths[slot];
  std::vector<double> up(length), down(length);
  for (size_t f = 0; f < problem.flows.size(); ++f) {
    double senders = double(placement.lengths[kWithinNode]);
    for (const Digit &digit : digitsOf[f]) {
      if (digit.slot == kWithinNode && !problem.flows[f].pairwise)
        senders /= double(digit.factor); // only the last of a ring's ranks in a node sends out of it
      if (digit.slot != slot)
        continue;
      for (int64_t from = 0; from < length; ++from) {
        int64_t value = from / digit.stride % digit.factor, base = from - value * digit.stride;
        double bytes = problem.flows[f].bytes * senders;
        if (!problem.flows[f].pairwise) {
          addPath(up, down, from, base + (value + 1) % digit.factor * digit.stride, placement.torus, bytes);
          continue;
        }
        for (int64_t other = 0; other < digit.factor; ++other)
          if (other != value)
            addPath(up, down, from, base + other * digit.stride, placement.torus, bytes / double(digit.factor));
      }
    }
  }
  return std::max(*std::max_element(up.begin(), up.end()), *std::max_element(down.begin(), down.end()));
}

/// Without digits: the ranks themselves, on a line of nodes.
static double hopsInOrder(const Placement &placement, const PlacementProblem &problem, const Flow &flow) {
  int64_t ranks = 1, perNode = placement.lengths[kWithinNode];
  for (int64_t degree : problem.degrees)
    ranks *= degree;
  std::vector<int64_t> strides(problem.degrees.size(), 1);
  for (size_t m = problem.degrees.size() - 1; m-- > 0;)
    strides[m] = strides[m + 1] * problem.degrees[m + 1];
  double sum = 0;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    int64_t next = rank;
    for (size_t i = flow.axes.size(); i-- > 0;) { // one step up, with carry
      unsigned m = flow.axes[i];
      bool carries = rank / strides[m] % problem.degrees[m] == problem.degrees[m] - 1;
      next += carries ? -(problem.degrees[m] - 1) * strides[m] : strides[m];
      if (!carries)
        break;
    }
    sum += double(std::abs(next / perNode - rank / perNode));
  }
  return sum / double(ranks);
}

Distances plan::measure(const Placement &placement, const PlacementProblem &problem) {
  Distances result;
  std::vector<std::vector<Digit>> digitsOf;
  double perNode = double(placement.lengths[kWithinNode]);
  for (const Flow &flow : problem.flows) {
    std::vector<Digit> &digits = digitsOf.emplace_back();
    for (size_t i = flow.axes.size(); i-- > 0;)
      for (const Digit &digit : placement.digits)
        if (digit.mesh == flow.axes[i])
          digits.push_back(digit);
    double hops = 0, reached = 1;
    for (const Digit &digit : digits) {
      if (digit.slot != kWithinNode) {
        auto mean = flow.pairwise ? pairHops : ringHops;
        double here = mean(digit.factor, digit.stride, placement.lengths[digit.slot], placement.torus) *
                      (flow.pairwise ? 1 : reached);
        result.bytesAlong[digit.slot] += flow.bytes * perNode * here;
        hops += here;
      }
      reached /= double(digit.factor);
    }
    if (placement.inOrder) {
      hops = hopsInOrder(placement, problem, flow);
      result.bytesAlong[kX] += flow.bytes * perNode * hops;
    }
    result.hops.push_back(hops);
  }
  for (unsigned slot = kX; slot < kSlots; ++slot)
    if (placement.lengths[slot] > 1)
      result.busiest[slot] = placement.inOrder ? result.bytesAlong[slot] // at least: an even spread is the best case
                                               : busiestLink(placement, problem, slot, digitsOf);
  return result;
}
