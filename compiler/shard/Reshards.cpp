// See Reshards.h.
#include "compiler/shard/Reshards.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

template <typename Attention> static bool isKey(Attention op, StringAttr axis) { return op.getKeyAttr() == axis; }

bool shard::isImplied(const Rules &rules, NamedTensorType whole, StringAttr from, const OnMeshAxis &to,
                      unsigned meshAxis, Operation *op) {
  OnMeshAxis split = OnMeshAxis::splitAlong(from);
  bool isNatural = rules.natural(whole)[meshAxis] == split;
  if (!isNatural && (rules.hasRuleBetween(from, meshAxis) || rules.isSharedOver(meshAxis)))
    return true;
  if (to.state == OnMeshAxis::Split && rules.hasRule(from, meshAxis) && rules.hasRule(to.axis, meshAxis))
    return true;
  if (auto attention = dyn_cast_if_present<AttentionOp>(op))
    return isKey(attention, from);
  if (auto attention = dyn_cast_if_present<AttentionBackwardOp>(op))
    return isKey(attention, from);
  if (auto dot = dyn_cast_if_present<DotOp>(op)) {
    OnMeshAxis result = rules.natural(dot.getType())[meshAxis];
    return result.state == OnMeshAxis::Split && result != split && rules.hasRule(from, meshAxis);
  }
  return isa_and_present<TopOp, OutputOp>(op);
}

namespace {
/// What is put together at one place of the spec over one axis of the mesh.
struct Gathered {
  StringRef axis;
  int64_t bytes = 0; ///< of a step
};
} // namespace

/// How often a step runs an op; 0 for what is no part of it.
static int64_t runsOf(Operation *op, int64_t microBatches) {
  StringRef program = op->getParentOfType<ProgramOp>().getSymName();
  int64_t runs = llvm::is_contained({"micro", "count", "forward", "backward", "weights"}, program) ? microBatches
                 : program == "update"                                                             ? 1
                                                                                                   : 0;
  for (auto repeat = op->getParentOfType<RepeatOp>(); repeat; repeat = repeat->getParentOfType<RepeatOp>())
    runs *= repeat.getCount();
  return runs;
}

/// The character at a place of a file; nothing if the place is not known.
static std::optional<SourceRange> rangeOf(Location loc, const SourceMap &sources) {
  auto place = loc->findInstanceOf<FileLineColLoc>();
  if (!place)
    return std::nullopt;
  for (FileId file = 0; file < sources.size(); ++file)
    if (sources.name(file) == place.getFilename().getValue() && place.getLine() <= sources.lineCount(file)) {
      uint32_t begin = sources.lineStart(file, place.getLine()) + place.getColumn() - 1;
      return SourceRange{file, begin, begin + 1};
    }
  return std::nullopt;
}

static const typed::LayoutRule *ruleFor(const typed::Layout &layout, StringRef axis) {
  for (const typed::LayoutRule &rule : layout.rules)
    if (rule.verb == "shard" && llvm::is_contained(rule.subjects, axis))
      return &rule;
  return nullptr;
}

void shard::warnOfReshards(ArrayRef<ModuleOp> stages, const TypedModel &model, const typed::Layout &layout,
                           const SourceMap &sources, Diagnostics &diagnostics) {
  using Place = std::tuple<FileId, uint32_t, StringRef>; // and the axis of the mesh
  llvm::MapVector<Place, Gathered, std::map<Place, unsigned>> found;
  for (ModuleOp module : stages)
    module.walk([&](Operation *op) {
      auto axis = op->getAttrOfType<StringAttr>(kNotImplied);
      if (!axis)
        return;
      op->removeAttr(kNotImplied);
      SourceRange place = rangeOf(op->getLoc(), sources).value_or(layout.range);
      NamedTensorType type = typeOf(op->getResult(0));
      int64_t width = type.isBool() ? 1 : type.getElement().getIntOrFloatBitWidth() / 8;
      int64_t bytes = runsOf(op, model.train ? model.train->accumulate : 1) * type.getNumElements() * width;
      if (bytes == 0)
        return;
      Gathered &here = found[{place.file, place.begin, op->getAttrOfType<StringAttr>("on").getValue()}];
      here.axis = axis.getValue();
      here.bytes += bytes;
    });
  for (auto &[place, gathered] : found) {
    auto [file, begin, on] = place;
    SourceRange range{file, begin, begin + 1};
    auto &warning = diagnostics.warning("unasked-gather", range,
                                        ("the layout `" + layout.name + "` splits `" + gathered.axis + "` over `" + on +
                                         "`, but it is needed whole here: " + Twine(gathered.bytes) +
                                         " bytes are gathered in every step")
                                            .str());
    if (const typed::LayoutRule *rule = ruleFor(layout, gathered.axis))
      warning.note(rule->range, "the rule that splits it");
    warning.suggest("shard another axis, or leave it if the bytes are few");
  }
}
