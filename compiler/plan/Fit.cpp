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

/// The mesh axis that shares the batch, if there is one of several ranks.
static const MeshAxis *dataAxis(const Plan &plan, const typed::Layout &layout) {
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

/// What each level of ZeRO, fewer sequences or fewer ranks would free, by the sizes of this plan. Estimates: only a
/// plan of the changed layout is exact.
static std::vector<Remedy> remedies(const Plan &plan, const Memory &memory, const typed::Layout &layout) {
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

void plan::checkMemory(const Plan &plan, const PlanInputs &inputs, Diagnostics &diagnostics) {
  int64_t room = plan.memoryOfRank();
  for (auto [number, stage] : llvm::enumerate(plan.stages)) {
    int64_t over = stage.memory.arena - room;
    if (room <= 0 || over <= 0)
      continue;
    int64_t groups = plan.machine.memoryGroups;
    std::string whose = plan.ranksPerNode < groups || groups == 1
                            ? (plan.ranksPerNode == 1 ? "its node has " : "its share of the node is ")
                            : "its memory group has ";
    std::string who = plan.stages.size() > 1 ? "a rank of stage " + std::to_string(number) : "a rank";
    auto &error =
        diagnostics.error("does-not-fit", inputs.layout.range,
                          "`" + plan.layout + "` does not fit: " + who + " needs " + size(stage.memory.arena) +
                              " and " + whose + size(room) + ", " + size(over) + " too little");
    std::vector<std::string> enough, partly;
    for (const Remedy &remedy : remedies(plan, stage.memory, inputs.layout))
      if (remedy.saves > 0)
        (remedy.saves >= over ? enough : partly).push_back(remedy.what + " frees about " + size(remedy.saves));
    if (!enough.empty())
      error.suggest(llvm::join(enough, "; "));
    else if (!partly.empty())
      error.suggest(llvm::join(partly, "; ") + "; that is not enough alone: shard axes of the weights over more ranks");
    else
      error.suggest("shard axes of the weights, or `batch`, over more ranks");
    return;
  }
}
