// Layouts, as far as one rank can tell: names exist, numbers are possible, lengths divide.
#include "compiler/check/Runs.h"
#include "compiler/machines/Machine.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace kinu::syntax;

namespace kinu::check {

namespace {
/// One layout being read.
struct LayoutReader {
  const RunContext &context;
  typed::Layout &layout;
  int64_t microbatch = 1;
  std::set<std::string> sharded;      ///< axes with a shard rule that holds everywhere
  std::vector<std::string> pipelined; ///< paths

  Diagnostic &error(llvm::StringRef id, SourceRange range, std::string message) {
    return context.diagnostics.error(id, range, std::move(message));
  }

  typed::LayoutRule &rule(llvm::StringRef verb, SourceRange range) {
    layout.rules.push_back({verb.str(), {}, {}, "", range});
    return layout.rules.back();
  }

  const typed::MeshAxis *mesh(const Name &name);
  const AxisInfo *modelAxis(const Name &name);
  bool isPaddable(const AxisInfo &axis, int64_t parts);
  void warnIfIdle(const AxisInfo &axis, llvm::ArrayRef<const typed::MeshAxis *> over, SourceRange range);
  void divides(const AxisInfo &axis, llvm::ArrayRef<const typed::MeshAxis *> over, SourceRange range);
  void ranges(const RangeList &list, typed::LayoutRule &into);

  void read(const NodesClause &clause);
  void read(const RanksClause &clause);
  void read(const MeshClause &clause);
  void read(const MicrobatchClause &clause);
  void read(const ShardClause &clause);
  void read(const PipelineClause &clause);
  void checkOptions(llvm::ArrayRef<Option> options);
  std::string describe(const Option &option, int64_t layers, int64_t parts);
  int64_t chunks(const PipelineClause &clause);
  void read(const ZeroClause &clause);
  void read(const RecomputeClause &clause);
  void read(const PrecisionClause &clause);
  void read(const PlaceClause &clause);
  void read(const OverlapClause &clause);
};
} // namespace

const typed::MeshAxis *LayoutReader::mesh(const Name &name) {
  std::vector<std::string> names;
  for (const typed::MeshAxis &axis : layout.mesh) {
    if (axis.name == name.text)
      return &axis;
    names.push_back(axis.name);
  }
  auto &diagnostic = error("unknown-mesh-axis", name.range, "the mesh has no axis `" + name.text + "`");
  std::string closest = closestWord(name.text, names);
  if (!closest.empty())
    diagnostic.suggest("did you mean `" + closest + "`?");
  else
    diagnostic.suggest("add it: `mesh " + name.text + " = 2`");
  return nullptr;
}

const AxisInfo *LayoutReader::modelAxis(const Name &name) {
  Entity *entity = context.scope.find(name.text);
  if (entity && entity->kind == Entity::Kind::Axis)
    return entity->axis;
  auto &diagnostic = error("unknown-axis", name.range, "the model has no axis `" + name.text + "`");
  std::string closest = closestWord(name.text, context.scope.names(Entity::Kind::Axis));
  if (!closest.empty())
    diagnostic.suggest("did you mean `" + closest + "`?");
  return nullptr;
}

/// Whether an axis may be made longer, if it does not divide: one of weights, by a quarter at most. Whether all that is
/// computed along it can do with that is seen when it is done.
bool LayoutReader::isPaddable(const AxisInfo &axis, int64_t parts) {
  bool ofWeights = llvm::any_of(context.model.variables, [&](const typed::Variable &variable) {
    return llvm::is_contained(variable.axes, typed::Axis{axis.name, axis.length});
  });
  return ofWeights && parts - axis.length % parts <= axis.length / 4;
}

/// Into how many parts the mesh axes divide what is sharded over them, by their alternatives.
static std::vector<int64_t> partsOver(llvm::ArrayRef<const typed::MeshAxis *> over) {
  std::vector<int64_t> products{1};
  for (const typed::MeshAxis *mesh : over) {
    std::vector<int64_t> next;
    for (int64_t product : products)
      for (int64_t degree : mesh->degrees)
        if (int64_t both; !__builtin_mul_overflow(product, degree, &both))
          next.push_back(both);
    products = std::move(next);
  }
  return products;
}

static std::string nearestLengths(int64_t length, int64_t parts) {
  int64_t below = length / parts * parts;
  return "the nearest lengths that work are " + (below ? std::to_string(below) + " and " : "") +
         std::to_string(below + parts);
}

/// Between blocks an axis that does not divide is padded, by a quarter at most, or stays whole.
void LayoutReader::warnIfIdle(const AxisInfo &axis, llvm::ArrayRef<const typed::MeshAxis *> over, SourceRange range) {
  for (int64_t parts : partsOver(over))
    if (int64_t over = axis.length % parts; over != 0 && parts - over > axis.length / 4) {
      context.diagnostics
          .warning("idle-rule", range,
                   "`" + axis.name + "` of " + std::to_string(axis.length) + " does not divide into " +
                       std::to_string(parts) + ", so it stays whole between blocks")
          .suggest(nearestLengths(axis.length, parts));
      return;
    }
}

/// Every alternative of the mesh must divide the axis, or nearly; of `batch`, the whole batch in micro-batches.
void LayoutReader::divides(const AxisInfo &axis, llvm::ArrayRef<const typed::MeshAxis *> over, SourceRange range) {
  bool isBatch = axis.isBatch() && context.model.train;
  int64_t length = isBatch ? context.model.train->batch : axis.length;
  for (int64_t product : partsOver(over)) {
    int64_t part = product;
    if (isBatch && __builtin_mul_overflow(product, microbatch, &part))
      part = product;
    if (length % part == 0 || (!isBatch && isPaddable(axis, part)))
      continue;
    int64_t below = length / part * part;
    error("shard-not-divisible", range,
          "`" + axis.name + "` of " + std::to_string(length) + " does not divide into " + std::to_string(part) +
              (isBatch && microbatch > 1
                   ? " (" + std::to_string(product) + " ranks with micro-batches of " + std::to_string(microbatch) + ")"
                   : "") +
              ": " + std::to_string(length - below) + " are left over")
        .suggest(nearestLengths(length, part));
    return;
  }
}

void LayoutReader::ranges(const RangeList &list, typed::LayoutRule &into) {
  bool stages = list.kind == RangeList::Kind::Stages;
  into.detail += stages ? "stages" : "layers";
  for (const RangeList::Item &item : list.items) {
    auto begin = context.sizeFrom(*item.begin, 0, "the start of a range");
    auto end = item.end ? context.size(*item.end) : begin ? std::optional(*begin + 1) : std::nullopt;
    if (!begin || !end)
      continue;
    std::string path = llvm::join(llvm::map_range(item.path, [](const Name &name) { return name.text; }), ".");
    int64_t most = std::numeric_limits<int64_t>::max();
    if (!stages && path.empty() && context.repeatCounts.size() == 1)
      path = context.repeatCounts.begin()->first;
    if (!stages) {
      auto count = context.repeatCounts.find(path);
      if (count == context.repeatCounts.end()) {
        error("unknown-repeat", item.range,
              path.empty() ? "the model has several repeats: say which" : "the model has no repeat `" + path + "`");
        continue;
      }
      most = count->second;
    }
    if (*begin >= *end || *end > most)
      error("range-bounds", item.range,
            "the range " + std::to_string(*begin) + ".." + std::to_string(*end) + " is empty or goes past the last" +
                (stages ? "" : ": there are " + std::to_string(most)));
    into.subjects.push_back(path + (path.empty() ? "" : " ") + std::to_string(*begin) + ".." + std::to_string(*end));
  }
}

void LayoutReader::read(const NodesClause &clause) {
  auto count = context.sizeFrom(*clause.count, 1, "the number of nodes");
  rule("nodes", clause.range).subjects = {std::to_string(count.value_or(1))};
}

void LayoutReader::read(const RanksClause &clause) {
  auto count = context.sizeFrom(*clause.count, 1, "the number of ranks");
  typed::LayoutRule &made = rule("ranks", clause.range);
  made.subjects = {std::to_string(count.value_or(1))};
  made.detail = clause.perGroup ? "per group" : "per node";
}

/// Read before the rules; see checkLayout.
void LayoutReader::read(const MeshClause &clause) {
  for (const MeshClause::Axis &axis : clause.axes) {
    if (llvm::any_of(layout.mesh, [&](const typed::MeshAxis &other) { return other.name == axis.name.text; })) {
      error("name-taken", axis.name.range, "the mesh has an axis `" + axis.name.text + "` already");
      continue;
    }
    typed::MeshAxis made{axis.name.text, {}};
    auto given = context.options.degrees.find(made.name);
    if (given != context.options.degrees.end())
      made.degrees = {given->second};
    else
      for (const ExprPtr &size : axis.sizes)
        made.degrees.push_back(context.sizeFrom(*size, 1, "the degree of a mesh axis").value_or(1));
    layout.mesh.push_back(std::move(made));
  }
}

void LayoutReader::read(const MicrobatchClause &clause) {
  rule("microbatch", clause.range).subjects = {std::to_string(microbatch)};
}

void LayoutReader::read(const ShardClause &clause) {
  std::vector<const typed::MeshAxis *> over;
  typed::LayoutRule &made = rule("shard", clause.range);
  for (const Name &name : clause.mesh) {
    over.push_back(mesh(name));
    if (!over.back())
      return;
    if (llvm::is_contained(made.mesh, name.text))
      error("sharded-twice", name.range, "`" + name.text + "` is named twice");
    made.mesh.push_back(name.text);
  }
  made.detail = clause.betweenBlocks ? "between blocks" : "";
  for (const Name &name : clause.axes) {
    const AxisInfo *axis = modelAxis(name);
    if (!axis)
      continue;
    made.subjects.push_back(name.text);
    if (clause.betweenBlocks) {
      warnIfIdle(*axis, over, name.range);
      continue;
    }
    divides(*axis, over, name.range);
    if (!sharded.insert(name.text).second)
      error("sharded-twice", name.range, "`" + name.text + "` is sharded by an earlier rule, which wins");
  }
}

/// Options of a pipeline mean something and are given once; numbers of layers and chunks are read where they are used.
void LayoutReader::checkOptions(llvm::ArrayRef<Option> options) {
  std::set<std::string> seen;
  for (const Option &option : options) {
    const std::string &word = option.name.text;
    bool isKnown = llvm::is_contained({"schedule", "layers", "chunks"}, word);
    bool lacksWord = word == "schedule" && !llvm::isa_and_present<NameExpr>(option.value.get());
    if (!isKnown || lacksWord || !seen.insert(word).second)
      error("pipeline-option", option.name.range,
            "`" + word + "` " +
                (!isKnown    ? "is nothing that `pipeline` knows"
                 : lacksWord ? "is a word"
                             : "is given twice"))
          .suggest("it knows `schedule: 1f1b`, `layers: (3, 4, 4, 3)` and, of interleaved stages, `chunks: 2`");
  }
}

/// Into how many chunks the layers of each stage are cut: 1, or what the interleaved schedule is given, or else 2.
int64_t LayoutReader::chunks(const PipelineClause &clause) {
  const Option *given = nullptr;
  bool interleaves = false;
  for (const Option &option : clause.options) {
    if (option.name.text == "chunks")
      given = &option;
    auto *word = option.value ? llvm::dyn_cast<NameExpr>(option.value.get()) : nullptr;
    interleaves |= option.name.text == "schedule" && word && word->name == "interleaved";
  }
  if (given && (!interleaves || !given->value)) {
    error("pipeline-chunks", given->name.range,
          interleaves ? "`chunks` is a number" : "only the schedule `interleaved` cuts stages into chunks of layers")
        .suggest("write `schedule: interleaved, chunks: 2`");
    return 1;
  }
  return !interleaves ? 1 : given ? context.sizeFrom(*given->value, 1, "the chunks of a stage").value_or(1) : 2;
}

/// `schedule: 1f1b`, and `layers: 3 4 4 3` of `layers: (3, 4, 4, 3)`, of which there are `parts`.
std::string LayoutReader::describe(const Option &option, int64_t layers, int64_t parts) {
  std::string text = option.name.text;
  if (option.value && llvm::isa<NameExpr>(*option.value))
    text += ": " + llvm::cast<NameExpr>(*option.value).name;
  if (option.name.text != "layers")
    return text;
  auto *list = option.value ? llvm::dyn_cast<TupleExpr>(option.value.get()) : nullptr;
  int64_t sum = 0;
  bool allCounted = list;
  std::string counts;
  for (const ExprPtr &element : list ? llvm::ArrayRef(list->elements) : llvm::ArrayRef<ExprPtr>()) {
    std::optional<int64_t> count = context.sizeFrom(*element, 1, "the layers of a stage");
    allCounted &= count.has_value();
    sum += count.value_or(0);
    counts += (counts.empty() ? "" : " ") + std::to_string(count.value_or(1));
  }
  if (list && !allCounted) // said already
    return text + ": " + counts;
  if (!list || sum != layers || static_cast<int64_t>(list->elements.size()) != parts)
    error("stage-layers", option.name.range,
          "`layers` is a list of the layers of each stage, or of each of their chunks: " + std::to_string(parts) +
              " numbers of which the sum is " + std::to_string(layers) +
              (list ? ", but there are " + std::to_string(list->elements.size()) + " and the sum is " +
                          std::to_string(sum)
                    : ""))
        .suggest("leave it out for stages that are as equal as can be");
  return text + ": " + counts;
}

void LayoutReader::read(const PipelineClause &clause) {
  const typed::MeshAxis *stages = mesh(clause.mesh);
  typed::LayoutRule &made = rule("pipeline", clause.range);
  made.mesh = {clause.mesh.text};
  int64_t layers = 0;
  for (const std::vector<Name> &path : clause.paths) {
    std::string joined = llvm::join(llvm::map_range(path, [](const Name &name) { return name.text; }), ".");
    SourceRange range = cover(path.front().range, path.back().range);
    auto count = context.repeatCounts.find(joined);
    if (count == context.repeatCounts.end()) {
      std::vector<std::string> known;
      for (const auto &[name, rounds] : context.repeatCounts)
        known.push_back(name);
      auto &diagnostic = error("unknown-repeat", range, "the model has no repeat `" + joined + "`");
      if (!known.empty())
        diagnostic.suggest("it has `" + llvm::join(known, "`, `") + "`");
      return;
    }
    layers += count->second;
    made.subjects.push_back(joined);
  }
  checkOptions(clause.options);
  int64_t chunks = this->chunks(clause), parts = stages && !stages->degrees.empty() ? chunks * stages->degrees[0] : 0;
  for (const Option &option : clause.options)
    if (option.name.text != "chunks")
      made.detail += (made.detail.empty() ? "" : ", ") + describe(option, layers, parts);
  if (chunks > 1)
    made.detail += ", chunks: " + std::to_string(chunks);
  for (int64_t degree : stages ? stages->degrees : std::vector<int64_t>())
    if (degree > layers / chunks)
      error("too-many-stages", clause.range,
            std::to_string(degree) + " stages" + (chunks > 1 ? " of " + std::to_string(chunks) + " chunks" : "") +
                " for " + std::to_string(layers) + " layers: some would be empty");
}

void LayoutReader::read(const ZeroClause &clause) {
  auto level = context.size(*clause.level);
  mesh(clause.mesh);
  if (level && (*level < 1 || *level > 3))
    error("zero-level", clause.level->range, "there is no ZeRO level " + std::to_string(*level))
        .suggest("1 shards the optimizer's state, 2 also gradients, 3 also weights");
  if (llvm::any_of(layout.rules, [&](const typed::LayoutRule &other) {
        return other.verb == "zero" && llvm::is_contained(other.mesh, clause.mesh.text);
      }))
    error("sharded-twice", clause.range,
          "`zero` on `" + clause.mesh.text + "` is said by an earlier clause, which wins");
  typed::LayoutRule &made = rule("zero", clause.range);
  made.subjects = {std::to_string(level.value_or(1))};
  made.mesh = {clause.mesh.text};
}

void LayoutReader::read(const RecomputeClause &clause) { ranges(clause.where, rule("recompute", clause.range)); }

void LayoutReader::read(const PrecisionClause &clause) {
  std::optional<CheckedPrecision> checked = checkPrecision(clause, context);
  typed::LayoutRule &made = rule("precision", clause.range);
  made.mesh = {clause.type.text};
  if (checked && checked->promote)
    made.mesh.push_back(std::to_string(checked->promote));
  if (clause.where)
    ranges(*clause.where, made);
}

void LayoutReader::read(const PlaceClause &clause) {
  typed::LayoutRule &made = rule("place", clause.range);
  if (clause.strict) {
    made.detail = "strict";
    return;
  }
  mesh(clause.mesh);
  made.subjects = {clause.mesh.text};
  for (const Name &name : clause.axes)
    made.mesh.push_back(name.text);
}

/// What is hidden behind computation, and how many megabytes may be under way for it.
void LayoutReader::read(const OverlapClause &clause) {
  typed::LayoutRule &made = rule("overlap", clause.range);
  for (const Option &option : clause.options) {
    const std::string &word = option.name.text;
    if (word == "bucket" && option.value)
      made.detail = "bucket: " + std::to_string(context.sizeFrom(*option.value, 1, "a bucket").value_or(1));
    else if (llvm::is_contained({"gradients", "weights", "activations"}, word) && !option.value)
      made.subjects.push_back(word);
    else
      error("unknown-overlap", option.name.range, "`" + word + "` is nothing that `overlap` knows")
          .suggest("it knows `gradients`, `weights` and `activations`, and `bucket: 25` for megabytes under way");
  }
  if (made.subjects.empty() && clause.options.size() == 1 && clause.options[0].name.text == "bucket")
    error("unknown-overlap", clause.range, "`overlap` does not say of what")
        .suggest("write `overlap gradients`, or `weights` or `activations`");
}

void checkLayout(const LayoutDecl &decl, const RunContext &context) {
  typed::Layout layout;
  layout.name = decl.name.text;
  layout.machine = decl.machine ? decl.machine->text : "local";
  if (std::vector<std::string> known = machines::knownNames(); !llvm::is_contained(known, layout.machine))
    context.diagnostics.error("unknown-machine", decl.machine->range, "there is no machine `" + layout.machine + "`")
        .suggest("there are `" + llvm::join(known, "`, `") + "`");
  layout.range = decl.range;
  LayoutReader reader{context, layout, 1, {}, {}};
  // The other clauses speak of the mesh and the micro-batch, wherever these stand.
  for (const LayoutClause &clause : decl.clauses) {
    if (auto *mesh = std::get_if<MeshClause>(&clause))
      reader.read(*mesh);
    else if (auto *microbatch = std::get_if<MicrobatchClause>(&clause))
      reader.microbatch = context.sizeFrom(*microbatch->count, 1, "the micro-batch").value_or(1);
  }
  for (const LayoutClause &clause : decl.clauses)
    if (!std::holds_alternative<MeshClause>(clause))
      std::visit([&](const auto &one) { reader.read(one); }, clause);
  context.model.layouts.push_back(std::move(layout));
}

} // namespace kinu::check
