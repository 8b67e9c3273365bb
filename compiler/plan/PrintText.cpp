// The plan for people.
#include "compiler/plan/Plan.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace kinu;
using namespace kinu::plan;

/// 124439808 as 124,439,808.
static std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (int64_t place = int64_t(digits.size()) - 3; place > (number < 0); place -= 3)
    digits.insert(size_t(place), ",");
  return digits;
}

static std::string blanks(size_t used, unsigned width) { return std::string(used < width ? width - used : 0, ' '); }
static std::string right(const std::string &text, unsigned width) { return blanks(text.size(), width) + text; }
static std::string left(const std::string &text, unsigned width) { return text + blanks(text.size(), width); }

/// `A64FX on Tofu-D (Fugaku)`, or the name where there is nothing better.
static std::string title(const machines::Machine &machine) {
  return machine.title.empty() ? machine.name : machine.title;
}

static void printHead(const Plan &plan, llvm::raw_ostream &os) {
  os << "model " << plan.model << ", " << grouped(plan.parameters) << " weights; layout " << plan.layout << " for "
     << title(plan.machine) << "\n\n";
  std::string shape;
  for (const MeshAxis &axis : plan.mesh)
    shape += (shape.empty() ? "" : " x ") + axis.name + " " + std::to_string(axis.degree);
  os << "mesh    " << (shape.empty() ? "one rank" : shape) << ": " << grouped(plan.ranks) << " ranks, "
     << plan.ranksPerNode << " on each of " << grouped(plan.nodes) << " nodes\n";
  for (const MeshAxis &axis : plan.mesh)
    if (!axis.does.empty())
      os << "        " << axis.name << ": " << axis.does << '\n';
  os << "step    " << grouped(plan.batch) << " sequences in " << grouped(plan.microBatches) << " micro-batches, "
     << grouped(plan.sequencesOfRank) << " of a rank at a time\n";
  if (plan.alternatives.size() > 1) {
    os << "also    ";
    for (auto [i, other] : llvm::enumerate(llvm::drop_begin(plan.alternatives))) {
      std::string degrees;
      for (auto [axis, degree] : llvm::zip(plan.mesh, other.degrees))
        degrees += (degrees.empty() ? "" : " x ") + axis.name + " " + std::to_string(degree);
      os << (i ? "; " : "") << "--nodes " << other.nodes << ": " << degrees << ", " << grouped(other.microBatches)
         << " micro-batches";
    }
    os << '\n';
  }
}

static void printMemory(const Plan &plan, const Memory &memory, llvm::raw_ostream &os) {
  os << "\nmemory of a rank, bytes\n";
  auto row = [&](const char *name, int64_t bytes) {
    if (bytes)
      os << "  " << left(name, 22) << right(grouped(bytes), 20) << '\n';
  };
  row("weights", memory.weights);
  row("16-bit copies", memory.copies);
  row("gradients", memory.gradients);
  row("optimizer", memory.optimizer);
  row("tables", memory.tables);
  row("activations", memory.activations);
  row("  kept for backward", memory.kept);
  row("communication", memory.communication);
  row("between buffers", memory.unused);
  row("arena", memory.arena);
  if (int64_t room = plan.memoryOfRank(); room > 0)
    os << "  " << left("there are", 22) << right(grouped(room), 20)
       << llvm::formatv("  {0:f1}% used\n", 100 * double(memory.arena) / double(room));
}

static void printWork(const Stage &stage, llvm::raw_ostream &os) {
  os << "\nwork of a rank in a step\n";
  double all = 0;
  for (const Work &work : stage.work) {
    os << "  " << left(work.program, 14) << right(grouped(work.runs), 6) << " x "
       << llvm::formatv("{0,12:f3} Gflop in {1} launches\n", work.operations * 1e-9, work.launches);
    all += double(work.runs) * work.operations;
  }
  os << "  " << left("all", 14) << llvm::formatv("{0,21:f3} Gflop\n", all * 1e-9);
}

/// Hops of the flow that a message belongs to.
static std::optional<double> hopsOf(const Plan &plan, const Traffic &traffic) {
  if (!plan.placement)
    return std::nullopt;
  std::vector<unsigned> axes;
  for (auto [m, axis] : llvm::enumerate(plan.mesh))
    if (llvm::is_contained(traffic.axes, axis.name) && axis.degree > 1)
      axes.push_back(m);
  for (auto [flow, hops] : llvm::zip(plan.problem.flows, plan.distances.hops))
    if (flow.axes == axes && flow.pairwise == (traffic.kind == "all_to_all"))
      return hops;
  return std::nullopt;
}

static void printTraffic(const Plan &plan, const Stage &stage, llvm::raw_ostream &os) {
  if (stage.traffic.empty())
    return;
  os << "\nmessages of a rank in a step, bytes (sent: if groups are rings)\n  " << left("", 14) << left("", 16)
     << left("over", 18) << right("ranks", 7) << right("calls", 7) << right("payload", 20) << right("sent", 20)
     << (plan.placement ? right("hops", 7) + right("seconds", 10) + right("hidden", 10) : "") << '\n';
  for (const Traffic &traffic : stage.traffic) {
    os << "  " << left(traffic.program, 14) << left(traffic.kind, 16) << left(llvm::join(traffic.axes, ", "), 18)
       << right(grouped(traffic.ranks), 7) << right(grouped(traffic.calls), 7) << right(grouped(traffic.payload), 20)
       << right(grouped(int64_t(traffic.sent())), 20);
    if (auto hops = hopsOf(plan, traffic))
      os << llvm::formatv("{0,7:f2}{1,10:f3}{2,10:f3}", *hops, traffic.seconds, std::max(0.0, traffic.hidden));
    os << '\n';
  }
}

/// The first few of many names.
static std::string firstOf(llvm::ArrayRef<std::string> names) {
  return llvm::join(names.take_front(6), ", ") + (names.size() > 6 ? ", ..." : "");
}

static void printReplicated(const Stage &stage, llvm::raw_ostream &os) {
  if (stage.replicated.empty())
    return;
  struct Group {
    int64_t bytes = 0;
    std::vector<std::string> names;
  };
  llvm::MapVector<std::string, Group, std::map<std::string, unsigned>> groups;
  for (const Replicated &entry : stage.replicated) {
    Group &group = groups[llvm::join(entry.over, ", ")];
    group.bytes += entry.bytes;
    group.names.push_back(entry.name);
  }
  os << "\nthe same on all ranks of\n";
  for (const auto &[over, group] : groups) {
    os << "  " << over << ": " << grouped(group.bytes) << " bytes in " << group.names.size() << " variables: ";
    os << firstOf(group.names) << '\n';
  }
}

static void printPadded(const Stage &stage, llvm::raw_ostream &os) {
  if (stage.padded.empty())
    return;
  os << "\npadded, so that ranks have equal parts; bytes on the last rank\n";
  for (const Padded &entry : stage.padded) {
    os << "  " << entry.axis << " of " << grouped(entry.length) << " to " << grouped(entry.padded);
    if (entry.variables.empty())
      os << ", between blocks\n";
    else
      os << ": " << grouped(entry.bytes) << " bytes in " << entry.variables.size()
         << " variables: " << firstOf(entry.variables) << '\n';
  }
}

static void printPlacement(const Plan &plan, llvm::raw_ostream &os) {
  if (!plan.placement)
    return;
  const Placement &placement = *plan.placement;
  os << "\nplacement on " << plan.problem.network.name << ": ";
  if (placement.torus)
    os << "a torus of " << placement.lengths[kX] << " x " << placement.lengths[kY] << " x " << placement.lengths[kZ]
       << " nodes";
  else
    os << "a line of " << placement.lengths[kX] << " nodes";
  os << '\n';
  for (unsigned slot = 0; slot < kSlots; ++slot) {
    if (placement.lengths[slot] == 1)
      continue;
    std::vector<const Digit *> digits;
    for (const Digit &digit : placement.digits)
      if (digit.slot == slot)
        digits.push_back(&digit);
    llvm::sort(digits, [](const Digit *x, const Digit *y) { return x->stride < y->stride; });
    std::string along;
    for (const Digit *digit : digits) {
      along += (along.empty() ? "" : ", then ") + plan.mesh[digit->mesh].name + " " + std::to_string(digit->factor);
      if (digit->factor != plan.mesh[digit->mesh].degree)
        along += " of " + std::to_string(plan.mesh[digit->mesh].degree);
    }
    os << "  " << left(nameOf(slot), 5) << right(std::to_string(placement.lengths[slot]), 5) << "  "
       << (placement.inOrder ? "ranks in their order" : along);
    if (slot != kWithinNode)
      os << llvm::formatv("; a node's bytes times links {0}, busiest link {1}",
                          grouped(int64_t(plan.distances.bytesAlong[slot])),
                          grouped(int64_t(plan.distances.busiest[slot])));
    os << '\n';
  }
  if (placement.torus && plan.problem.network.jobAxesAssumed)
    os << "  (that x, y, z of a job are (X, A), (Y, B), (Z, C) is an assumption)\n";
}

static std::string chunksOf(const Plan &plan) {
  return plan.schedule.chunks == 1 ? "" : " of " + std::to_string(plan.schedule.chunks) + " chunks";
}

void plan::printText(const Plan &plan, llvm::raw_ostream &os) {
  printHead(plan, os);
  for (auto [number, stage] : llvm::enumerate(plan.stages)) {
    if (plan.stages.size() > 1)
      os << "\n== stage " << number << " ==\n";
    printMemory(plan, stage.memory, os);
    printWork(stage, os);
    printTraffic(plan, stage, os);
    printReplicated(stage, os);
    printPadded(stage, os);
  }
  printPlacement(plan, os);
  if (!plan.timeline.stages.empty())
    os << llvm::formatv(
        "\npipeline of {0} stages{1}, {2} micro-batches, {3}: idle {4:f1}% of the work of the busiest stage\n",
        plan.timeline.stages.size(), chunksOf(plan), plan.microBatches, plan.scheduleWord,
        100 * plan.timeline.bubble());
  if (plan.time)
    os << llvm::formatv(
        "\nmodelled time of a step: {0:f3} s, of it kernels {1:f3}, messages {2:f3}, waiting for other stages "
        "{3:f3}\n",
        plan.time->total, plan.time->kernels, plan.time->messages, plan.time->idle);
  if (plan.time && plan.time->hidden > 0)
    os << llvm::formatv("messages while kernels run: {0:f3} s more\n", plan.time->hidden);
}
