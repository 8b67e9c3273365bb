// From `recompute` clauses to the repeats of a module.
#include "compiler/recompute/Recompute.h"

#include "llvm/ADT/BitVector.h"

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

/// The rounds of the model that a stage runs of a repeat, and which of them clauses mean.
struct StageRounds {
  int64_t begin;
  llvm::BitVector meant;

  static StageRounds of(RepeatOp repeat, ModuleOp module, int64_t stage) {
    auto pipeline = module->getAttrOfType<DictionaryAttr>("kinu.pipeline");
    if (!pipeline || pipeline.getAs<StringAttr>("repeat") != repeat.getAxisAttr())
      return {0, llvm::BitVector(repeat.getCount())};
    ArrayRef<int64_t> bounds = pipeline.getAs<DenseI64ArrayAttr>("bounds").asArrayRef();
    return {bounds[stage], llvm::BitVector(bounds[stage + 1] - bounds[stage])};
  }
  void mean(int64_t first, int64_t last) {
    int64_t size = meant.size();
    first = std::clamp<int64_t>(first - begin, 0, size);
    last = std::clamp<int64_t>(last - begin, 0, size);
    if (first < last)
      meant.set(first, last);
  }
  int64_t end() const { return begin + static_cast<int64_t>(meant.size()); }
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

/// Adds the rounds that a clause means.
static void addMeant(const typed::LayoutRule &rule, StringRef path, StageRounds &rounds, int64_t stage) {
  for (const std::string &subject : rule.subjects) {
    RoundRange range = RoundRange::parse(subject);
    if (rule.detail != "stages" && path == range.path)
      rounds.mean(range.begin, range.end);
    else if (rule.detail == "stages" && range.begin <= stage && stage < range.end)
      rounds.mean(rounds.begin, rounds.end());
  }
}

/// Marks a repeat if it is meant; false, with an error, if a part of it is.
static bool annotateRepeat(RepeatOp repeat, StageRounds rounds, const typed::Layout &layout, int64_t stage,
                           Diagnostics &diagnostics) {
  std::string path = pathOf(repeat);
  const typed::LayoutRule *last = nullptr;
  for (const typed::LayoutRule &rule : layout.rules)
    if (rule.verb == "recompute") {
      addMeant(rule, path, rounds, stage);
      last = &rule;
    }
  if (rounds.meant.none())
    return true;
  if (rounds.meant.all()) {
    repeat->setAttr("kinu.recompute", UnitAttr::get(repeat.getContext()));
    return true;
  }
  std::string all = std::to_string(rounds.begin) + ".." + std::to_string(rounds.end());
  diagnostics
      .error("recompute-part", last->range,
             "of the layers " + all + " of stage " + std::to_string(stage) + " only " +
                 std::to_string(rounds.meant.count()) + " are to be computed again")
      .suggest("a stage computes all of its layers again, or none: name the range " + all);
  return false;
}

void recompute::annotate(ModuleOp module, const typed::Layout &layout, int64_t stage, Diagnostics &diagnostics) {
  auto micro = module.lookupSymbol<ProgramOp>("micro");
  if (!micro)
    return;
  for (RepeatOp repeat : micro.getOps<RepeatOp>())
    if (!repeat.getReverse() &&
        !annotateRepeat(repeat, StageRounds::of(repeat, module, stage), layout, stage, diagnostics))
      return;
}
