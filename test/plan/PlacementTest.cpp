// Placements: every rank has a place of its own, distances are those of the places, and the search finds the best.
#include "compiler/plan/Placement.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>
#include <set>

using namespace kinu;
using namespace kinu::plan;

namespace {

machines::Network tofu() { return *llvm::cantFail(machines::find("fugaku")).network; }

int64_t product(const std::vector<int64_t> &factors) {
  return std::accumulate(factors.begin(), factors.end(), int64_t(1), std::multiplies<>());
}

PlacementProblem problemOf(std::vector<int64_t> degrees, std::vector<Flow> flows, int64_t perNode = 1) {
  PlacementProblem problem;
  problem.degrees = degrees;
  problem.ranksPerNode = perNode;
  problem.nodes = (product(degrees) + perNode - 1) / perNode;
  problem.network = tofu();
  problem.flows = std::move(flows);
  return problem;
}

int64_t linksBetween(const Placement &placement, const std::array<int64_t, kSlots> &a,
                     const std::array<int64_t, kSlots> &b) {
  int64_t sum = 0;
  for (unsigned slot = kX; slot < kSlots; ++slot) {
    int64_t apart = std::abs(a[slot] - b[slot]);
    sum += placement.torus ? std::min(apart, placement.lengths[slot] - apart) : apart;
  }
  return sum;
}

/// The next rank of a ring over the flow's axes, by stepping the places along the mesh.
int64_t nextInRing(const PlacementProblem &problem, const Flow &flow, int64_t rank) {
  std::vector<int64_t> along(problem.degrees.size());
  for (size_t m = along.size(); m-- > 0; rank /= problem.degrees[m])
    along[m] = rank % problem.degrees[m];
  for (size_t i = flow.axes.size(); i-- > 0;) {
    int64_t &here = along[flow.axes[i]];
    here = (here + 1) % problem.degrees[flow.axes[i]];
    if (here != 0)
      break;
  }
  int64_t number = 0;
  for (size_t m = 0; m < along.size(); ++m)
    number = number * problem.degrees[m] + along[m];
  return number;
}

void expectSound(const PlacementProblem &problem, const Placement &placement) {
  std::set<std::array<int64_t, kSlots>> places;
  int64_t ranks = product(problem.degrees);
  for (int64_t rank = 0; rank < ranks; ++rank) {
    auto place = coordinates(placement, problem.degrees, rank);
    for (unsigned slot = 0; slot < kSlots; ++slot)
      EXPECT_LT(place[slot], placement.lengths[slot]);
    EXPECT_TRUE(places.insert(place).second) << "rank " << rank << " stands where another does";
  }
  Distances distances = measure(placement, problem);
  for (size_t f = 0; f < problem.flows.size(); ++f) {
    double sum = 0;
    for (int64_t rank = 0; rank < ranks && !problem.flows[f].pairwise; ++rank)
      sum += double(linksBetween(placement, coordinates(placement, problem.degrees, rank),
                                 coordinates(placement, problem.degrees, nextInRing(problem, problem.flows[f], rank))));
    if (problem.flows[f].pairwise)
      continue;
    std::array<int, kSlots> digits = {};
    for (const Digit &digit : placement.digits)
      digits[digit.slot] += int(std::count(problem.flows[f].axes.begin(), problem.flows[f].axes.end(), digit.mesh));
    if (*std::max_element(digits.begin(), digits.end()) <= 1)
      EXPECT_NEAR(distances.hops[f], sum / double(ranks), 1e-9);
    else
      EXPECT_GE(distances.hops[f], sum / double(ranks) - 1e-9);
  }
}

TEST(Placement, TheTensorAxisOfFugakuLlmIsARingOfNeighbours) {
  // Mesh data 288 x tensor 6 x pipe 8; what goes over `tensor` outweighs all else.
  PlacementProblem problem = problemOf({288, 6, 8}, {{{0}, 1e9}, {{1}, 2e10}, {{2}, 1e8}});
  auto placement = place(problem);
  ASSERT_TRUE(placement);
  EXPECT_TRUE(placement->torus);
  EXPECT_EQ(placement->lengths[kX] * placement->lengths[kY] * placement->lengths[kZ], 13824);
  expectSound(problem, *placement);
  EXPECT_DOUBLE_EQ(measure(*placement, problem).hops[1], 1);
}

TEST(Placement, PlaceKeepsAnAxisWhereItIsAskedFor) {
  PlacementProblem problem = problemOf({288, 6, 8}, {{{0}, 1e9}, {{1}, 2e10}, {{2}, 1e8}});
  problem.wishes = {{1, {kY}}};
  auto placement = place(problem);
  ASSERT_TRUE(placement);
  for (const Digit &digit : placement->digits)
    if (digit.mesh == 1) {
      EXPECT_EQ(digit.slot, unsigned(kY));
      EXPECT_EQ(digit.stride, 1);
      EXPECT_EQ(digit.factor, 6);
    }
  EXPECT_EQ(placement->lengths[kY], 6) << "the ring closes";
  expectSound(problem, *placement);
}

TEST(Placement, AWishThatNoJobGrantsGivesNone) {
  PlacementProblem problem = problemOf({4, 4}, {{{0}, 1.0}}); // 16 nodes are no multiple of 12: a line
  problem.wishes = {{1, {kY}}};
  EXPECT_FALSE(place(problem));
  problem.wishes = {{1, {kX}}};
  ASSERT_TRUE(place(problem));
  EXPECT_FALSE(place(problem)->torus);
}

TEST(Placement, RanksOfANodeTakeTheHeaviestAxis) {
  PlacementProblem problem = problemOf({12, 4}, {{{0}, 1.0}, {{1}, 100.0}}, 4);
  auto placement = place(problem);
  ASSERT_TRUE(placement);
  expectSound(problem, *placement);
  EXPECT_DOUBLE_EQ(measure(*placement, problem).hops[1], 0);
}

TEST(Placement, WithoutDigitsRanksFillNodesInOrder) {
  PlacementProblem problem = problemOf({2, 3}, {{{0}, 1.0}, {{1}, 1.0}}, 4); // 6 ranks on 2 nodes of 4
  auto placement = place(problem);
  ASSERT_TRUE(placement);
  EXPECT_TRUE(placement->inOrder);
  expectSound(problem, *placement);
}

/// What a ring of a line leaves on links, counted message by message, is never more than the busiest link says.
TEST(Placement, TheBusiestLinkIsTheBusiest) {
  PlacementProblem problem = problemOf({24}, {{{0}, 100.0}});
  auto placement = place(problem);
  ASSERT_TRUE(placement);
  Distances distances = measure(*placement, problem);
  double most = *std::max_element(distances.busiest.begin(), distances.busiest.end());
  EXPECT_GE(most, 100.0); // somebody's bytes pass each link that is used
  EXPECT_LE(most, 300.0);
  // One axis, one ring that closes: each link forwards carries one rank's bytes.
  PlacementProblem line = problemOf({6, 2, 2}, {{{0}, 7.0}});
  line.wishes = {{0, {kY}}};
  auto ring = place(line);
  ASSERT_TRUE(ring);
  EXPECT_DOUBLE_EQ(measure(*ring, line).busiest[kY], 7.0);
}

/// Random meshes: sound, and no worse than in-order placement on the same shape.
TEST(Placement, RandomMeshesAreSound) {
  unsigned seed = 20261122;
  if (const char *set = std::getenv("KINU_SEED"))
    seed = unsigned(std::stoul(set));
  std::mt19937 random(seed);
  SCOPED_TRACE("KINU_SEED=" + std::to_string(seed));
  const int64_t choices[] = {1, 2, 3, 4, 6, 8, 12};
  for (int round = 0; round < 60; ++round) {
    std::vector<int64_t> degrees;
    std::vector<Flow> flows;
    for (unsigned m = 0; m < 1 + random() % 4; ++m) {
      degrees.push_back(choices[random() % std::size(choices)]);
      flows.push_back({{m}, double(1 + random() % 100), random() % 4 == 0});
    }
    if (degrees.size() > 1)
      flows.push_back({{0, 1}, 3.0});
    const int64_t nodes[] = {1, 2, 4};
    PlacementProblem problem = problemOf(degrees, flows, nodes[random() % 3]);
    auto placement = place(problem);
    ASSERT_TRUE(placement);
    expectSound(problem, *placement);
  }
}

/// 158,976 nodes take no longer than a few: the search knows no ranks.
TEST(Placement, TheWholeMachineIsPlaced) {
  PlacementProblem problem = problemOf({48, 69, 48}, {{{0}, 1.0}, {{1}, 1.0}, {{2}, 1.0}});
  auto placement = place(problem);
  ASSERT_TRUE(placement);
  EXPECT_TRUE(placement->torus);
  for (double hops : measure(*placement, problem).hops)
    EXPECT_DOUBLE_EQ(hops, 1);
}

} // namespace
