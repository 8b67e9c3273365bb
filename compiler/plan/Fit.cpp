// Whether ranks have the memory that they need; if not, by how much, and what would help.
#include "compiler/plan/Plan.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace kinu;
using namespace kinu::plan;

static std::string size(int64_t bytes) {
  return bytes < 1000000000 ? llvm::formatv("{0:f1} MB", double(bytes) * 1e-6).str()
                            : llvm::formatv("{0:f1} GB", double(bytes) * 1e-9).str();
}

namespace {
struct Remedy {
  int64_t saves;
  std::string what;
};
} // namespace

/// The mesh axis that ZeRO shares state over, or else one that shares the batch, if there is one of several ranks.
static const MeshAxis *dataAxis(const Plan &plan, const typed::Layout &layout) {
  for (const typed::LayoutRule &rule : layout.rules)
    for (const MeshAxis &axis : plan.mesh)
      if (rule.verb == "zero" && rule.mesh[0] == axis.name)
        return &axis;
  for (const typed::LayoutRule &rule : layout.rules)
    for (const MeshAxis &axis : plan.mesh)
      if (rule.verb == "shard" && llvm::is_contained(rule.subjects, "batch") &&
          llvm::is_contained(rule.mesh, axis.name) && axis.degree > 1)
        return &axis;
  return nullptr;
}

static int64_t ruleNumber(const typed::Layout &layout, llvm::StringRef verb) {
  for (const typed::LayoutRule &rule : layout.rules)
    if (rule.verb == verb)
      return std::stoll(rule.subjects[0]);
  return 0;
}

/// Micro-batches that a stage would have under way under the schedule that keeps fewest.
static int64_t storesOf1F1B(const Plan &plan, int64_t stage) {
  auto kind = tofu::ScheduleKind::OneForwardOneBackward;
  return tofu::scheduleMicroBatches(kind, int64_t(plan.stages.size()), plan.microBatches).buffers(stage);
}

/// What each level of ZeRO, fewer sequences or fewer ranks would free, by the sizes of this plan. Estimates: only a
/// plan of the changed layout is exact.
static std::vector<Remedy> remedies(const Plan &plan, int64_t stage, const typed::Layout &layout) {
  const Memory &memory = plan.stages[stage].memory;
  std::vector<Remedy> all;
  if (const MeshAxis *data = dataAxis(plan, layout)) {
    auto shared = [&](int64_t bytes) { return bytes - bytes / data->degree; };
    int64_t level = ruleNumber(layout, "zero"), saves = 0;
    int64_t parts[] = {memory.optimizer, memory.gradients, memory.weights + memory.copies};
    for (int64_t next = level; next < 3; ++next) {
      saves += shared(parts[next]);
      all.push_back({saves, "`zero " + std::to_string(next + 1) + " on " + data->name + "`"});
    }
  }
  if (!plan.schedule.stages.empty() &&
      plan.scheduleWord != "1f1b") // a store of the interleaved schedule is one chunk's
    if (int64_t fewer = plan.schedule.chunks * storesOf1F1B(plan, stage), stores = plan.schedule.buffers(stage);
        fewer < stores)
      all.push_back({memory.kept / stores * (stores - fewer), "`schedule: 1f1b`"});
  if (int64_t size = ruleNumber(layout, "microbatch"); size > 1) // activations are those of the sequences at once
    all.push_back({memory.activations - memory.activations / size, "`microbatch 1`"});
  if (int64_t fewer = plan.ranksPerNode / 2; fewer > 0) {
    Plan other = plan;
    other.ranksPerNode = fewer;
    all.push_back({other.memoryOfRank() - plan.memoryOfRank(), "`ranks " + std::to_string(fewer) + " per node`"});
  }
  llvm::sort(all, [](const Remedy &x, const Remedy &y) { return x.saves > y.saves; });
  return all;
}

/// What most of it is: `weights 1.9 GB, activations 9.1 GB`, down to a twentieth of the whole.
static std::string largestParts(const Memory &memory) {
  std::pair<const char *, int64_t> parts[] = {{"weights", memory.weights + memory.copies},
                                              {"gradients", memory.gradients},
                                              {"optimizer", memory.optimizer},
                                              {"tables", memory.tables},
                                              {"activations", memory.activations},
                                              {"communication", memory.communication}};
  llvm::sort(parts, [](auto &x, auto &y) { return x.second > y.second; });
  std::vector<std::string> words;
  for (auto [what, bytes] : parts)
    if (bytes > memory.arena / 20)
      words.push_back(what + (" " + size(bytes)));
  return llvm::join(words, ", ");
}

void plan::checkMemory(const Plan &plan, const PlanInputs &inputs, Diagnostics &diagnostics) {
  const Stage &stage =
      *llvm::max_element(plan.stages, [](const Stage &x, const Stage &y) { return x.memory.arena < y.memory.arena; });
  int64_t room = plan.memoryOfRank(), over = stage.memory.arena - room, groups = plan.machine.memoryGroups;
  if (room <= 0 || over <= 0)
    return;
  std::string whose = plan.ranksPerNode < groups || groups == 1
                          ? (plan.ranksPerNode == 1 ? "its node has " : "its share of the node is ")
                          : "its memory group has ";
  int64_t number = &stage - plan.stages.data();
  std::string who = plan.stages.size() > 1 ? "a rank of stage " + std::to_string(number) : "a rank";
  auto &error = diagnostics.error("does-not-fit", inputs.layout.range,
                                  "`" + plan.layout + "` does not fit: " + who + " needs " + size(stage.memory.arena) +
                                      " (" + largestParts(stage.memory) + ") and " + whose + size(room) + ", " +
                                      size(over) + " too little");
  std::vector<std::string> enough, partly;
  for (const Remedy &remedy : remedies(plan, number, inputs.layout))
    if (remedy.saves > 0)
      (remedy.saves >= over ? enough : partly).push_back(remedy.what + " frees about " + size(remedy.saves));
  if (!enough.empty())
    error.suggest(llvm::join(enough, "; "));
  else if (!partly.empty())
    error.suggest(llvm::join(partly, "; ") + "; that is not enough alone: shard axes of the weights over more ranks");
  else
    error.suggest("shard axes of the weights, or `batch`, over more ranks");
}
