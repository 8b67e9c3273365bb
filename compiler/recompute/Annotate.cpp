// From `recompute` clauses to the repeats of a module.
#include "compiler/recompute/Recompute.h"

#include "mlir/IR/IRMapping.h"
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
  SmallVector<std::pair<int64_t, int64_t>> chunks; ///< begin and end
  llvm::BitVector ran, meant;                      ///< by rounds of the model

  static StageRounds of(RepeatOp repeat, ModuleOp module, int64_t stage) {
    StageRounds rounds;
    auto pipeline = module->getAttrOfType<DictionaryAttr>("kinu.pipeline");
    if (!pipeline || pipeline.getAs<StringAttr>("repeat") != repeat.getAxisAttr()) {
      rounds.chunks.push_back({0, repeat.getCount()});
    } else {
      ArrayRef<int64_t> bounds = pipeline.getAs<DenseI64ArrayAttr>("bounds").asArrayRef();
      auto count = pipeline.getAs<IntegerAttr>("chunks");
      int64_t stages = (static_cast<int64_t>(bounds.size()) - 1) / (count ? count.getInt() : 1);
      for (int64_t place = stage; place + 1 < static_cast<int64_t>(bounds.size()); place += stages)
        rounds.chunks.push_back({bounds[place], bounds[place + 1]});
    }
    rounds.ran.resize(repeat.getCount());
    rounds.meant.resize(repeat.getCount());
    for (auto [begin, end] : rounds.chunks)
      rounds.ran.set(begin, end);
    return rounds;
  }
  void mean(int64_t first, int64_t last) {
    for (int64_t round = first; round < std::min<int64_t>(last, ran.size()); ++round)
      if (ran[round])
        meant.set(round);
  }
  /// `0..2, 8..10`
  std::string text() const {
    std::string all;
    for (auto [begin, end] : chunks)
      all += (all.empty() ? "" : ", ") + std::to_string(begin) + ".." + std::to_string(end);
    return all;
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

/// Adds the rounds that a clause means.
static void addMeant(const typed::LayoutRule &rule, StringRef path, StageRounds &rounds, int64_t stage) {
  for (const std::string &subject : rule.subjects) {
    RoundRange range = RoundRange::parse(subject);
    if (rule.detail != "stages" && path == range.path)
      rounds.mean(range.begin, range.end);
    else if (rule.detail == "stages" && range.begin <= stage && stage < range.end)
      rounds.mean(0, rounds.ran.size());
  }
}

/// For a stage that computes a part of its rounds again: the program a second time, of which these are cut.
static void annotatePart(RepeatOp repeat, const StageRounds &rounds) {
  auto micro = repeat->getParentOfType<ProgramOp>();
  OpBuilder builder(micro->getContext());
  builder.setInsertionPointAfter(micro);
  IRMapping mapping;
  auto again = cast<ProgramOp>(builder.clone(*micro, mapping));
  again.setSymName("micro.again");
  mapping.lookup(repeat.getOperation())->setAttr("kinu.recompute", builder.getUnitAttr());
  SmallVector<int64_t> numbers(rounds.meant.set_bits_begin(), rounds.meant.set_bits_end());
  micro->getParentOp()->setAttr("kinu.again", builder.getDenseI64ArrayAttr(numbers));
}

static bool isPipelines(RepeatOp repeat) {
  auto pipeline = repeat->getParentOfType<ModuleOp>()->getAttrOfType<DictionaryAttr>("kinu.pipeline");
  return pipeline && pipeline.getAs<StringAttr>("repeat") == repeat.getAxisAttr();
}

/// Marks a repeat if it is meant; false, with an error, if a part of it is and there is no pipeline to cut it.
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
  if (rounds.meant == rounds.ran) {
    repeat->setAttr("kinu.recompute", UnitAttr::get(repeat.getContext()));
    return true;
  }
  if (isPipelines(repeat)) {
    annotatePart(repeat, rounds);
    return true;
  }
  std::string all = rounds.text();
  diagnostics
      .error("recompute-part", last->range,
             "of the layers " + all + " only " + std::to_string(rounds.meant.count()) + " are to be computed again")
      .suggest("without a pipeline all layers are computed again, or none: name the range " + all);
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
