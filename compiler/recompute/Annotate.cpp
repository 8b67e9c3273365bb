// From `recompute` clauses to the repeats of a module.
#include "compiler/recompute/Recompute.h"

using namespace mlir;
using namespace kinu;

namespace {
/// `a..b` or `path a..b` of a clause: b is excluded.
struct RoundRange {
  StringRef path; ///< of the repeat; empty for stages
  int64_t begin = 0, end = 0;

  static RoundRange parse(StringRef text) {
    auto [path, numbers] = text.contains(' ') ? text.split(' ') : std::pair(StringRef(), text);
    RoundRange range;
    range.path = path;
    auto [begin, end] = numbers.split("..");
    begin.getAsInteger(10, range.begin);
    end.getAsInteger(10, range.end);
    return range;
  }
};

/// The rounds of the model that a stage runs of a repeat.
struct StageRounds {
  int64_t begin, end;

  static StageRounds of(RepeatOp repeat, ModuleOp module, int64_t stage) {
    auto pipeline = module->getAttrOfType<DictionaryAttr>("kinu.pipeline");
    if (!pipeline || pipeline.getAs<StringAttr>("repeat") != repeat.getAxisAttr())
      return {0, static_cast<int64_t>(repeat.getCount())};
    ArrayRef<int64_t> bounds = pipeline.getAs<DenseI64ArrayAttr>("bounds").asArrayRef();
    return {bounds[stage], bounds[stage + 1]};
  }
  int64_t count() const { return end - begin; }
  int64_t countIn(const RoundRange &range) const {
    return std::max<int64_t>(0, std::min(end, range.end) - std::max(begin, range.begin));
  }
};
} // namespace

/// `encoder.layer` of a repeat that reads `encoder.layer.norm.scale`, by which layouts name it; its axis, if it has no
/// variables.
static std::string pathOf(RepeatOp repeat) {
  std::string path = repeat.getAxis().str();
  repeat.getBody().walk([&](ReadOp read) {
    if (!llvm::is_contained(read.getRounds(), repeat.getRound()))
      return WalkResult::advance();
    std::string name = ("." + read.getVariable()).str(), part = ("." + repeat.getAxis() + ".").str();
    size_t at = name.find(part);
    if (at == std::string::npos)
      return WalkResult::advance();
    path = name.substr(1, at + part.size() - 2);
    return WalkResult::interrupt();
  });
  return path;
}

/// How many of the rounds a clause means.
static int64_t roundsMeant(const typed::LayoutRule &rule, StringRef path, const StageRounds &rounds, int64_t stage) {
  int64_t meant = 0;
  for (const std::string &subject : rule.subjects) {
    RoundRange range = RoundRange::parse(subject);
    if (rule.detail == "stages" ? range.begin <= stage && stage < range.end : path == range.path)
      meant += rule.detail == "stages" ? rounds.count() : rounds.countIn(range);
  }
  return std::min(meant, rounds.count());
}

void recompute::annotate(ModuleOp module, const typed::Layout &layout, int64_t stage, Diagnostics &diagnostics) {
  auto micro = module.lookupSymbol<ProgramOp>("micro");
  if (!micro)
    return;
  for (RepeatOp repeat : micro.getOps<RepeatOp>()) {
    StageRounds rounds = StageRounds::of(repeat, module, stage);
    std::string path = pathOf(repeat);
    for (const typed::LayoutRule &rule : layout.rules) {
      int64_t meant = rule.verb == "recompute" ? roundsMeant(rule, path, rounds, stage) : 0;
      if (meant == 0)
        continue;
      repeat->setAttr("kinu.recompute", UnitAttr::get(module.getContext()));
      if (meant == rounds.count())
        continue;
      diagnostics
          .error("recompute-part", rule.range,
                 "of the layers " + std::to_string(rounds.begin) + ".." + std::to_string(rounds.end) + " of stage " +
                     std::to_string(stage) + " only " + std::to_string(meant) + " are to be computed again")
          .suggest("a stage computes all of its layers again, or none: name the range " + std::to_string(rounds.begin) +
                   ".." + std::to_string(rounds.end));
      return;
    }
  }
}
