#include "compiler/shard/Shard.h"

#include "compiler/shard/Padding.h"
#include "dialects/kinu/Kinu.h"
#include "dialects/tofu/MicroBatchSchedule.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace kinu;

/// The degree that a program is built for: the first of the alternatives.
static int64_t degreeOf(const typed::MeshAxis &axis) { return axis.degrees.empty() ? 1 : axis.degrees[0]; }

static int64_t degreeOf(const typed::Layout &layout, const std::string &name) {
  for (const typed::MeshAxis &axis : layout.mesh)
    if (axis.name == name)
      return degreeOf(axis);
  return 1;
}

static int64_t ranks(const typed::Layout &layout) {
  int64_t product = 1;
  for (const typed::MeshAxis &axis : layout.mesh)
    product *= degreeOf(axis);
  return product;
}

/// The value of an option of a clause, `schedule` of `schedule: 1f1b, layers: 3 4 4 3`; empty if it is not given.
static StringRef optionOf(const typed::LayoutRule &rule, StringRef name) {
  SmallVector<StringRef> options;
  StringRef(rule.detail).split(options, ", ");
  for (StringRef option : options)
    if (auto [known, value] = option.split(": "); known == name)
      return value;
  return "";
}

/// Megabytes of the arena that collectives under way may keep, unless `overlap` says how many: what other frameworks
/// take for a bucket of gradients.
static constexpr int64_t kBucketMegabytes = 25;

static const typed::LayoutRule *pipelineOf(const typed::Layout &layout) {
  for (const typed::LayoutRule &rule : layout.rules)
    if (rule.verb == "pipeline" && degreeOf(layout, rule.mesh[0]) > 1)
      return &rule;
  return nullptr;
}

static std::string scheduleOf(const typed::LayoutRule &rule) {
  StringRef word = optionOf(rule, "schedule");
  return word.empty() ? "1f1b" : word.str();
}

/// Into how many chunks the interleaved schedule cuts the layers of each stage.
static int64_t chunksOf(const typed::LayoutRule &rule) {
  StringRef chunks = optionOf(rule, "chunks");
  return chunks.empty() ? 1 : std::stoll(chunks.str());
}

static int64_t repeatsOf(const TypedModel &model) {
  return llvm::count_if(model.body.values,
                        [](const typed::Value *value) { return value->kind == typed::Kind::Repeat; });
}

/// What a pipeline asks for that no pass does.
static std::string missingInPipeline(const typed::LayoutRule &rule, const TypedModel &model,
                                     const typed::Layout &layout) {
  if (rule.subjects.size() != 1 || repeatsOf(model) != 1)
    return "a pipeline over a model of several repeats";
  for (const typed::LayoutRule &other : layout.rules)
    if (other.verb == "shard" || other.verb == "zero")
      if (llvm::is_contained(other.mesh, rule.mesh[0]))
        return "a pipeline on a mesh axis that `" + other.verb + "` uses, too,";
  return "";
}

/// What a rule asks for that no pass does yet, for the message; empty if all is there.
static std::string missing(const typed::LayoutRule &rule, const TypedModel &model, const typed::Layout &layout) {
  if (rule.verb == "pipeline" && degreeOf(layout, rule.mesh[0]) > 1)
    return missingInPipeline(rule, model, layout);
  if (rule.verb == "precision" && rule.detail == "layers")
    return "`precision` of some layers";
  return "";
}

/// Warns of rules for stages that are past the last one.
static void checkStages(const typed::Layout &layout, Diagnostics &diagnostics) {
  const typed::LayoutRule *pipeline = pipelineOf(layout);
  int64_t stages = pipeline ? degreeOf(layout, pipeline->mesh[0]) : 1;
  for (const typed::LayoutRule &rule : layout.rules) {
    if (rule.detail != "stages" || (rule.verb != "recompute" && rule.verb != "precision"))
      continue;
    for (StringRef range : rule.subjects) {
      auto [begin, end] = range.split("..");
      int64_t first = 0, last = 0;
      if (begin.getAsInteger(10, first) || end.getAsInteger(10, last) || last <= stages)
        continue;
      diagnostics
          .warning("idle-rule", rule.range,
                   "`" + rule.verb + " stages " + range.str() + "` " +
                       (first >= stages ? "means no stage" : "goes past the last stage") + ": there " +
                       (stages == 1 ? "is 1" : "are " + std::to_string(stages)))
          .suggest("count stages from 0");
    }
  }
}

static void checkSupported(const typed::Layout &layout, const TypedModel &model, Diagnostics &diagnostics) {
  checkStages(layout, diagnostics);
  for (const typed::LayoutRule &rule : layout.rules) {
    if (rule.verb == "pipeline" && !tofu::parseScheduleKind(scheduleOf(rule)))
      diagnostics.error("unsupported-layout", rule.range, "there is no schedule `" + scheduleOf(rule) + "`")
          .suggest("there are `" + llvm::join(tofu::scheduleWords(), "`, `") + "`");
    else if (std::string what = missing(rule, model, layout); !what.empty())
      diagnostics.error("unsupported-layout", rule.range, what + " cannot be built yet")
          .suggest(rule.verb == "precision" ? "name stages of a pipeline: `precision bf16 stages 0..2`"
                                            : "leave the clause out, or give its mesh axis a degree of 1");
  }
}

const typed::Layout *shard::find(const TypedModel &model, const std::string &name, Diagnostics &diagnostics) {
  if (name.empty())
    return nullptr;
  std::string known;
  for (const typed::Layout &layout : model.layouts) {
    if (layout.name == name) {
      checkSupported(layout, model, diagnostics);
      return diagnostics.hasErrors() ? nullptr : &layout;
    }
    known += (known.empty() ? "`" : ", `") + layout.name + "`";
  }
  SourceRange place = model.train ? model.train->range : SourceRange();
  diagnostics.error("unknown-layout", place, "there is no layout `" + name + "`")
      .suggest(known.empty() ? "the file has no layout" : "the file has " + known);
  return nullptr;
}

int64_t shard::microBatches(const TypedModel &model, const typed::Layout &layout) {
  int64_t size = 0, sharing = 1;
  for (const typed::LayoutRule &rule : layout.rules) {
    if (rule.verb == "microbatch")
      size = std::stoll(rule.subjects[0]);
    if (rule.verb == "shard" && llvm::is_contained(rule.subjects, "batch"))
      for (const std::string &axis : rule.mesh)
        sharing *= degreeOf(layout, axis);
  }
  if (size == 0)
    return model.train->accumulate;
  return std::max<int64_t>(1, model.train->batch / (size * sharing));
}

static ArrayAttr list(OpBuilder &builder, StringRef first, ArrayRef<std::string> rest) {
  SmallVector<Attribute> all{builder.getStringAttr(first)};
  for (const std::string &name : rest)
    all.push_back(builder.getStringAttr(name));
  return builder.getArrayAttr(all);
}

SmallVector<int64_t> shard::stageBounds(int64_t rounds, int64_t stages) {
  SmallVector<int64_t> bounds{0};
  int64_t longer = rounds % stages, first = (stages - longer) / 2;
  for (int64_t stage = 0; stage < stages; ++stage)
    bounds.push_back(bounds.back() + rounds / stages + (stage >= first && stage < first + longer));
  return bounds;
}

/// The first round of each stage, or of each chunk of the stages, and the number of rounds.
static SmallVector<int64_t> boundsOf(const typed::LayoutRule &rule, int64_t rounds, int64_t stages) {
  StringRef layers = optionOf(rule, "layers");
  if (layers.empty())
    return shard::stageBounds(rounds, stages);
  SmallVector<int64_t> bounds{0};
  SmallVector<StringRef> counts;
  layers.split(counts, ' ');
  for (StringRef count : counts)
    bounds.push_back(bounds.back() + std::stoll(count.str()));
  return bounds;
}

/// Interleaved micro-batches go round the stages in groups of as many as there are stages.
static bool fillsGroups(ModuleOp module, const typed::LayoutRule &rule, int64_t stages, Diagnostics &diagnostics) {
  auto found = module->getAttrOfType<IntegerAttr>("kinu.micro_batches");
  int64_t count = found ? found.getInt() : 1, below = count / stages * stages;
  if (scheduleOf(rule) != "interleaved" || count == below)
    return true;
  std::string nearest = (below ? std::to_string(below) + " or " : "") + std::to_string(below + stages);
  diagnostics
      .error("interleaved-groups", rule.range,
             "a step has " + std::to_string(count) +
                 " micro-batches; the schedule `interleaved` wants a multiple of the " + std::to_string(stages) +
                 " stages")
      .suggest("change `batch` or `microbatch` for " + nearest + " micro-batches, or write `schedule: 1f1b`");
  return false;
}

static void annotatePipeline(ModuleOp module, const typed::Layout &layout, Diagnostics &diagnostics) {
  const typed::LayoutRule *rule = pipelineOf(layout);
  if (!rule || !fillsGroups(module, *rule, degreeOf(layout, rule->mesh[0]), diagnostics))
    return;
  StringRef axis = StringRef(rule->subjects[0]).rsplit('.').second;
  axis = axis.empty() ? StringRef(rule->subjects[0]) : axis;
  int64_t rounds = 0;
  module.walk([&](RepeatOp repeat) {
    if (repeat.getAxis() == axis)
      rounds = repeat.getCount();
  });
  Builder builder(module.getContext());
  NamedAttrList attributes;
  attributes.set("repeat", builder.getStringAttr(axis));
  attributes.set("on", builder.getStringAttr(rule->mesh[0]));
  attributes.set("schedule", builder.getStringAttr(scheduleOf(*rule)));
  int64_t chunks = chunksOf(*rule);
  if (chunks > 1)
    attributes.set("chunks", builder.getI64IntegerAttr(chunks));
  attributes.set("bounds",
                 builder.getDenseI64ArrayAttr(boundsOf(*rule, rounds, chunks * degreeOf(layout, rule->mesh[0]))));
  module->setAttr("kinu.pipeline", attributes.getDictionary(module.getContext()));
}

int64_t shard::stages(const typed::Layout &layout) {
  const typed::LayoutRule *rule = pipelineOf(layout);
  return rule ? degreeOf(layout, rule->mesh[0]) : 1;
}

int64_t shard::stages(ModuleOp module) {
  auto pipeline = module->getAttrOfType<DictionaryAttr>("kinu.pipeline");
  if (!pipeline)
    return 1;
  auto chunks = pipeline.getAs<IntegerAttr>("chunks");
  return (pipeline.getAs<DenseI64ArrayAttr>("bounds").size() - 1) / (chunks ? chunks.getInt() : 1);
}

void shard::annotate(ModuleOp module, const typed::Layout &layout, Diagnostics &diagnostics) {
  if (ranks(layout) == 1)
    return;
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  SmallVector<StringRef> names;
  SmallVector<int64_t> degrees;
  for (const typed::MeshAxis &axis : layout.mesh) {
    names.push_back(axis.name);
    degrees.push_back(degreeOf(axis));
  }
  tofu::MeshOp::create(builder, module.getLoc(), builder.getStrArrayAttr(names), degrees);
  SmallVector<Attribute> rules, between;
  NamedAttrList attributes;
  for (const typed::LayoutRule &rule : layout.rules) {
    if (rule.verb == "shard")
      for (const std::string &axis : rule.subjects)
        (rule.detail == "between blocks" ? between : rules).push_back(list(builder, axis, rule.mesh));
    if (rule.verb == "zero") {
      attributes.set("zero", builder.getI64IntegerAttr(std::stoll(rule.subjects[0])));
      attributes.set("zero_on", builder.getStringAttr(rule.mesh[0]));
    }
    if (rule.verb == "overlap") {
      StringRef bucket = optionOf(rule, "bucket");
      attributes.set("overlap", list(builder, rule.subjects.front(), ArrayRef(rule.subjects).drop_front()));
      attributes.set("bucket", builder.getI64IntegerAttr(
                                   (bucket.empty() ? kBucketMegabytes : std::stoll(bucket.str())) * 1000000));
    }
  }
  attributes.set("rules", builder.getArrayAttr(rules));
  attributes.set("between", builder.getArrayAttr(between));
  module->setAttr("kinu.layout", attributes.getDictionary(module.getContext()));
  annotatePipeline(module, layout, diagnostics);
  annotatePadding(module, layout, diagnostics);
}
