#include "compiler/shard/Shard.h"

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

/// What a rule asks for that no pass does yet, for the message; empty if all is there.
static std::string missing(const typed::LayoutRule &rule, const typed::Layout &layout) {
  if (rule.verb == "pipeline" && degreeOf(layout, rule.mesh[0]) > 1)
    return "a pipeline of more than one stage";
  if (ranks(layout) > 1 && (rule.verb == "recompute" || rule.verb == "precision" || rule.verb == "overlap"))
    return "`" + rule.verb + "` in a layout";
  return "";
}

static void checkSupported(const typed::Layout &layout, Diagnostics &diagnostics) {
  for (const typed::LayoutRule &rule : layout.rules)
    if (std::string what = missing(rule, layout); !what.empty())
      diagnostics.error("unsupported-layout", rule.range, what + " cannot be built yet")
          .suggest("leave the clause out, or give its mesh axis a degree of 1");
}

const typed::Layout *shard::find(const TypedModel &model, const std::string &name, Diagnostics &diagnostics) {
  if (name.empty())
    return nullptr;
  std::string known;
  for (const typed::Layout &layout : model.layouts) {
    if (layout.name == name) {
      checkSupported(layout, diagnostics);
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

void shard::annotate(ModuleOp module, const typed::Layout &layout) {
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
  }
  attributes.set("rules", builder.getArrayAttr(rules));
  attributes.set("between", builder.getArrayAttr(between));
  module->setAttr("kinu.layout", attributes.getDictionary(module.getContext()));
}
