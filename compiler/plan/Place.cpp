// From `place` clauses and messages to a placement, and what is said of one.
#include "compiler/plan/Plan.h"

#include "dialects/tofu/Tofu.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::plan;

/// The job axis behind which all of these physical axes lie, `(y, b)` or `y`; or the ranks of a node.
static std::optional<unsigned> slotOf(const machines::Network &network, StringRef name) {
  if (name == "node")
    return kWithinNode;
  for (auto [j, axes] : llvm::enumerate(network.jobAxes))
    if (!axes.empty() && StringRef(axes[0]).equals_insensitive(name))
      return kX + j;
  return std::nullopt;
}

/// The job axis that an inner physical axis is a part of: jobs do not see it alone.
static std::optional<unsigned> partOf(const machines::Network &network, StringRef name) {
  for (auto [j, axes] : llvm::enumerate(network.jobAxes))
    for (const std::string &axis : llvm::drop_begin(axes))
      if (StringRef(axis).equals_insensitive(name))
        return kX + j;
  return std::nullopt;
}

static std::optional<Wish> wishOf(const typed::LayoutRule &rule, unsigned mesh, const machines::Network &network,
                                  Diagnostics &diagnostics) {
  Wish wish{mesh, {}};
  for (const std::string &name : rule.mesh)
    if (auto slot = slotOf(network, name))
      wish.slots.push_back(*slot);
  for (const std::string &name : rule.mesh) {
    if (slotOf(network, name))
      continue;
    auto outer = partOf(network, name);
    if (!outer) {
      diagnostics
          .error("unknown-network-axis", rule.range, "the network " + network.name + " has no axis `" + name + "`")
          .suggest("a job sees `x`, `y` and `z`, and the ranks of a `node`");
      return std::nullopt;
    }
    if (!llvm::is_contained(wish.slots, *outer)) {
      std::string whole = nameOf(*outer);
      diagnostics.error("place-inner-axis", rule.range, "a job sees `" + name + "` only together with `" + whole + "`")
          .suggest("write `place " + rule.subjects[0] + " on (" + whole + ", " + name + ")`");
      return std::nullopt;
    }
  }
  return wish;
}

/// Messages of a stage as flows between ranks, those over the same axes as one.
static std::vector<Flow> flowsOf(const Plan &plan, const Stage &stage) {
  std::vector<Flow> flows;
  for (const Traffic &traffic : stage.traffic) {
    Flow flow{{}, traffic.sent(), traffic.kind == "all_to_all"};
    for (auto [m, axis] : llvm::enumerate(plan.mesh))
      if (llvm::is_contained(traffic.axes, axis.name) && axis.degree > 1)
        flow.axes.push_back(m);
    auto same = llvm::find_if(
        flows, [&](const Flow &other) { return other.axes == flow.axes && other.pairwise == flow.pairwise; });
    if (same == flows.end())
      flows.push_back(std::move(flow));
    else
      same->bytes += flow.bytes;
  }
  return flows;
}

/// Of all stages: as much as the one sends that sends most.
static std::vector<Flow> flowsOf(const Plan &plan) {
  std::vector<Flow> all;
  for (const Stage &stage : plan.stages)
    for (const Flow &flow : flowsOf(plan, stage)) {
      auto same = llvm::find_if(
          all, [&](const Flow &other) { return other.axes == flow.axes && other.pairwise == flow.pairwise; });
      if (same == all.end())
        all.push_back(flow);
      else
        same->bytes = std::max(same->bytes, flow.bytes);
    }
  return all;
}

static std::string links(double hops) { return llvm::formatv("{0:f1}", hops); }

/// What a clause, or the rule of collectives on cuboids, does not get: an error under `place strict`, else a warning.
static kinu::Diagnostic &complain(Diagnostics &diagnostics, bool strict, StringRef id, SourceRange range,
                                  std::string text) {
  return strict ? diagnostics.error(id, range, std::move(text)) : diagnostics.warning(id, range, std::move(text));
}

/// Placed axes whose ends are not neighbours: a ring over them has a long way back.
static void checkRings(const Plan &plan, const typed::Layout &layout, bool strict, Diagnostics &diagnostics) {
  for (const typed::LayoutRule &rule : layout.rules) {
    if (rule.verb != "place" || rule.detail == "strict")
      continue;
    for (const Digit &digit : plan.placement->digits) {
      int64_t length = plan.placement->lengths[digit.slot];
      bool closes = digit.factor <= 2 || (plan.placement->torus && digit.factor * digit.stride == length);
      if (digit.slot == kWithinNode || plan.mesh[digit.mesh].name != rule.subjects[0] || closes)
        continue;
      int64_t back = (digit.factor - 1) * digit.stride;
      back = plan.placement->torus ? std::min(back, length - back) : back;
      complain(
          diagnostics, strict, "place-open-ring", rule.range,
          llvm::formatv("`{0}` is no ring along `{1}`: {2} of its {3} positions are {0}'s, and the way back is {4} "
                        "links instead of 1",
                        rule.subjects[0], nameOf(digit.slot), digit.factor, length, back))
          .suggest("give `" + rule.subjects[0] + "` the whole axis, or leave the clause out");
    }
  }
}

/// A mesh axis's degree would have to go along these slots, and no job of so many nodes has such lengths.
static void refuse(const Plan &plan, const typed::Layout &layout, Diagnostics &diagnostics) {
  const machines::Network &network = plan.problem.network;
  for (const typed::LayoutRule &rule : layout.rules)
    if (rule.verb == "place" && rule.detail != "strict") {
      std::string units;
      for (auto [j, axes] : llvm::enumerate(network.jobAxes))
        for (auto [name, length] : llvm::zip(network.axisNames, network.axisLengths))
          if (name == axes.back())
            units += (units.empty() ? "" : ", ") + std::string(nameOf(kX + j)) + " of " + std::to_string(length);
      diagnostics
          .error("place-impossible", rule.range,
                 llvm::formatv("no job of {0} nodes has room for `{1}` of {2} there", plan.nodes, rule.subjects[0],
                               [&] {
                                 for (const MeshAxis &axis : plan.mesh)
                                   if (axis.name == rule.subjects[0])
                                     return axis.degree;
                                 return int64_t(1);
                               }()))
          .suggest("jobs come in units of " + std::to_string(network.unitNodes) + " nodes (" + units +
                   "): choose degrees whose product is a multiple of it, name more axes, or leave the clause out");
      return;
    }
}

static void annotate(const Plan &plan, ModuleOp module) {
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  SmallVector<int64_t> digits;
  for (const Digit &digit : plan.placement->digits)
    llvm::append_range(digits, SmallVector<int64_t>{digit.mesh, digit.slot, digit.factor, digit.stride});
  tofu::PlacementOp::create(builder, module.getLoc(), ArrayRef<int64_t>(plan.placement->lengths), digits);
}

void plan::addPlacement(Plan &plan, const PlanInputs &inputs, Diagnostics &diagnostics) {
  const typed::Layout &layout = inputs.layout;
  bool strict = llvm::any_of(
      layout.rules, [](const typed::LayoutRule &rule) { return rule.verb == "place" && rule.detail == "strict"; });
  if (!plan.machine.network) {
    for (const typed::LayoutRule &rule : layout.rules)
      if (rule.verb == "place") {
        diagnostics
            .error("place-without-network", rule.range,
                   "machine `" + plan.machine.name + "` has no network to place ranks on")
            .suggest("leave the clause out");
        return;
      }
    return;
  }
  PlacementProblem &problem = plan.problem;
  problem.nodes = plan.nodes;
  problem.ranksPerNode = plan.ranksPerNode;
  problem.network = *plan.machine.network;
  problem.flows = flowsOf(plan);
  for (const MeshAxis &axis : plan.mesh)
    problem.degrees.push_back(axis.degree);
  if (plan.nodes > problem.network.nodes) {
    diagnostics
        .error("too-many-nodes", layout.range,
               llvm::formatv("`{0}` takes {1} nodes, and {2} has {3}", plan.layout, plan.nodes, plan.machine.name,
                             problem.network.nodes))
        .suggest("choose smaller degrees, or more ranks per node");
    return;
  }
  for (const typed::LayoutRule &rule : layout.rules) {
    if (rule.verb != "place" || rule.detail == "strict")
      continue;
    for (auto [m, axis] : llvm::enumerate(plan.mesh))
      if (axis.name == rule.subjects[0])
        if (auto wish = wishOf(rule, m, problem.network, diagnostics))
          problem.wishes.push_back(std::move(*wish));
  }
  if (diagnostics.hasErrors())
    return;
  plan.placement = place(problem);
  if (!plan.placement)
    return refuse(plan, layout, diagnostics);
  plan.distances = measure(*plan.placement, problem);
  for (ModuleOp module : inputs.stages)
    annotate(plan, module);
  checkRings(plan, layout, strict, diagnostics);
  if (plan.placement->inOrder) {
    double hops = 0;
    for (double here : plan.distances.hops)
      hops = std::max(hops, here);
    complain(diagnostics, strict, "place-not-cuboid", layout.range,
             "the groups of `" + plan.layout + "` are no cuboids of the job: its fast collectives do not serve them, " +
                 "and messages pass " + links(hops) + " links")
        .suggest("choose degrees whose product is a multiple of the ranks per node");
  }
}
