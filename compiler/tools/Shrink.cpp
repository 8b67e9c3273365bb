// Sizes are tried from small to large, one after another, until each is as small as check lets it be.
#include "compiler/tools/Shrink.h"

#include "compiler/parse/Parse.h"

#include "llvm/ADT/STLExtras.h"

using namespace kinu;
using namespace kinu::tools;

namespace {
/// A name that `-D` takes, and the least value worth trying: sizes that are large stay larger than those that count.
struct Size {
  std::string name;
  int64_t least;
};
} // namespace

/// The sizes that models of a file declare, in their order.
static std::vector<Size> sizesOf(const syntax::File &file) {
  std::vector<Size> sizes;
  for (const syntax::Item &item : file.items)
    if (auto *model = std::get_if<syntax::ModelDecl>(&item))
      for (const auto &statement : model->body.statements)
        if (auto *declared = llvm::dyn_cast<syntax::SizeStatement>(statement.get()))
          for (const auto &one : declared->items) {
            auto *number = llvm::dyn_cast<syntax::NumberExpr>(one.value.get());
            sizes.push_back({one.name.text, !number || number->integer >= 256 ? 16 : number->integer >= 16 ? 4 : 2});
          }
  return sizes;
}

/// The axes of weights that a layout shares out unevenly over a mesh of these degrees.
static std::vector<std::string> paddedAxes(const TypedModel &model, const std::string &name,
                                           const std::map<std::string, int64_t> &degrees) {
  std::vector<std::string> padded;
  auto layout = llvm::find_if(model.layouts, [&](const typed::Layout &one) { return one.name == name; });
  if (layout == model.layouts.end())
    return padded;
  for (const typed::LayoutRule &rule : layout->rules) {
    if (rule.verb != "shard" || rule.detail == "between blocks")
      continue;
    int64_t parts = 1;
    for (const typed::MeshAxis &axis : layout->mesh)
      if (llvm::is_contained(rule.mesh, axis.name))
        parts *= degrees.at(axis.name);
    for (const typed::Variable &variable : model.variables)
      for (const typed::Axis &axis : variable.axes)
        if (axis.length % parts && llvm::is_contained(rule.subjects, axis.name) &&
            !llvm::is_contained(padded, axis.name))
          padded.push_back(axis.name);
  }
  return padded;
}

/// The model with these sizes, if it checks and its ids suffice for a text.
static std::optional<TypedModel> tryOut(PipelineOptions options, const Shrunken &shrunken) {
  options.defines = shrunken.defines;
  options.degrees = shrunken.degrees;
  SourceMap sources;
  Diagnostics unheard;
  std::optional<TypedModel> model = checkSpec(options, sources, unheard);
  if (!model || !model->train || unheard.hasErrors())
    return std::nullopt;
  for (const typed::Input &input : model->inputs)
    if (input.below && *input.below < kLeastIds)
      return std::nullopt;
  if (!shrunken.padded.empty() && paddedAxes(*model, options.layout, shrunken.degrees) != shrunken.padded)
    return std::nullopt;
  return model;
}

/// The layout's own degrees, if they are for so many ranks. Else every axis of several ranks gets the least factor of
/// what is left, the innermost first, then they share the rest.
static void chooseDegrees(const typed::Layout &layout, int64_t ranks, Shrunken &shrunken) {
  auto leastFactor = [](int64_t number) {
    for (int64_t factor = 2; factor * factor <= number; ++factor)
      if (number % factor == 0)
        return factor;
    return number;
  };
  int64_t own = 1;
  for (const typed::MeshAxis &axis : layout.mesh) {
    shrunken.degrees[axis.name] = axis.degrees.empty() ? 1 : axis.degrees[0];
    own *= shrunken.degrees[axis.name];
  }
  if (own == ranks)
    return;
  std::vector<const typed::MeshAxis *> several;
  for (const typed::MeshAxis &axis : layout.mesh) {
    shrunken.degrees[axis.name] = 1;
    if (!axis.degrees.empty() && axis.degrees[0] > 1)
      several.push_back(&axis);
  }
  for (size_t i = several.size(); ranks > 1 && !several.empty();) {
    i = (i == 0 ? several.size() : i) - 1;
    int64_t factor = leastFactor(ranks);
    shrunken.degrees[several[i]->name] *= factor;
    ranks /= factor;
  }
  for (const typed::MeshAxis *axis : several)
    if (shrunken.degrees[axis->name] == 1)
      shrunken.whole.push_back(axis->name);
}

/// Makes a size as small as it can be; false if no value but the spec's own does.
static bool reduce(const PipelineOptions &options, const Size &size, Shrunken &shrunken) {
  auto before = shrunken.defines;
  for (int64_t value : {2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512})
    for (int64_t odd : {0, 1}) {
      if (value < size.least || (odd && shrunken.padded.empty()))
        continue;
      shrunken.defines[size.name] = value + odd;
      if (auto model = tryOut(options, shrunken)) {
        shrunken.model = std::move(model);
        return true;
      }
    }
  shrunken.defines = before;
  return false;
}

llvm::Expected<Shrunken> tools::shrink(const PipelineOptions &options, int64_t ranks) {
  SourceMap sources;
  Diagnostics diagnostics;
  std::optional<TypedModel> original = checkSpec(options, sources, diagnostics);
  auto id = sources.addFile(options.spec);
  if (!original || !id) {
    llvm::consumeError(id.takeError());
    return llvm::createStringError("the spec has errors; `kinu check` shows them");
  }
  auto layout = llvm::find_if(original->layouts, [&](const typed::Layout &one) { return one.name == options.layout; });
  if (layout == original->layouts.end())
    return llvm::createStringError("the spec has no layout `" + options.layout + "`");
  if (!original->train)
    return llvm::createStringError("the spec has no `train` block: there is no step to verify");
  Diagnostics unheard;
  auto file = parse::parseFile(sources, *id, unheard);
  Shrunken shrunken;
  shrunken.defines = options.defines;
  chooseDegrees(*layout, ranks, shrunken);
  shrunken.padded = paddedAxes(*original, options.layout, shrunken.degrees);
  // Two micro-batches, if the layout says how large they are; where they go round stages, a whole round.
  int64_t sequences = 2, sharing = 1, round = 1;
  for (const typed::LayoutRule &rule : layout->rules)
    if (rule.verb == "pipeline" && llvm::StringRef(rule.detail).contains("schedule: interleaved"))
      round = shrunken.degrees[rule.mesh[0]];
  for (const typed::LayoutRule &rule : layout->rules) {
    if (rule.verb == "microbatch")
      sequences = (round > 1 ? round : 2) * std::stoll(rule.subjects[0]);
    if (rule.verb == "shard" && llvm::is_contained(rule.subjects, "batch"))
      for (const std::string &axis : rule.mesh)
        sharing *= shrunken.degrees[axis];
  }
  shrunken.defines.insert({"batch", std::max(sequences, round) * sharing});
  shrunken.defines.insert({"accumulate", round});
  std::vector<Size> sizes = sizesOf(*file);
  for (const typed::Axis &axis : original->train->lengths)
    sizes.push_back({axis.name, 16});
  // A size may wait for another: heads before width, width before heads.
  std::vector<Size> open = sizes;
  for (size_t before = open.size() + 1; !open.empty() && open.size() < before;) {
    before = open.size();
    llvm::erase_if(
        open, [&](const Size &size) { return options.defines.count(size.name) || reduce(options, size, shrunken); });
  }
  if (!shrunken.model)
    shrunken.model = tryOut(options, shrunken);
  if (!shrunken.model)
    return llvm::createStringError("no small sizes were found with which the layout checks; give some with -D");
  return shrunken;
}
