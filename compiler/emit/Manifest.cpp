// Writes the manifest.
#include "compiler/emit/Manifest.h"
#include "compiler/machines/Peak.h"
#include "compiler/syntax/PrecisionName.h"
#include "dialects/tofu/Tofu.h"

#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace kinu;
namespace json = llvm::json;

static json::Object tensor(NamedTensorType type, int64_t offset) {
  json::Array axes;
  for (const Axis &axis : type.getAxes())
    axes.push_back(json::Array{axis.name.getValue(), axis.length});
  Type element = type.getElement();
  assert((type.isBool() || type.isInt() || element.isF32()) && "16-bit values are of kernels alone");
  StringRef name = type.isBool() ? "i1" : type.isInt() ? "i64" : "f32";
  return json::Object{{"axes", std::move(axes)},
                      {"dtype", name},
                      {"offset", offset},
                      {"bytes", type.getNumElements() * (type.isBool() ? 1 : element.getIntOrFloatBitWidth() / 8)}};
}

/// What part of a whole tensor a rank has: nothing where it has all of it.
static void addSplit(Operation *op, json::Object &entry) {
  auto split = op->getAttrOfType<DictionaryAttr>("kinu.split");
  if (!split || split.empty())
    return;
  json::Object axes;
  for (NamedAttribute axis : split) {
    json::Array on;
    for (StringRef name : cast<ArrayAttr>(axis.getValue()).getAsValueRange<StringAttr>())
      on.push_back(name);
    axes[axis.getName().getValue()] = std::move(on);
  }
  entry["split"] = std::move(axes);
}

/// The lengths of padded axes without padding.
static void addReal(VariableOp variable, json::Object &entry) {
  auto real = variable->getAttrOfType<DictionaryAttr>("kinu.real");
  if (!real)
    return;
  json::Object lengths;
  for (NamedAttribute axis : real)
    lengths[axis.getName().getValue()] = cast<IntegerAttr>(axis.getValue()).getInt();
  entry["real"] = std::move(lengths);
}

/// Which rounds of a whole variable a stage of a pipeline has, or which other stage has the variable, too, and writes
/// it.
static void addStage(VariableOp variable, json::Object &entry) {
  if (auto place = variable->getAttrOfType<IntegerAttr>("kinu.place"))
    entry["place"] = place.getInt();
  if (auto cut = variable->getAttrOfType<DenseI64ArrayAttr>("kinu.cut")) {
    json::Object part{{"axis", cast<NamedTensorType>(variable.getType()).getAxes()[0].name.getValue()},
                      {"first", cut[0]},
                      {"whole", cut[1]}};
    if (auto chunks = variable->getAttrOfType<DenseI64ArrayAttr>("kinu.chunks"))
      part["chunks"] = json::Array(chunks.asArrayRef());
    entry["cut"] = std::move(part);
  }
  if (auto keeper = variable->getAttrOfType<IntegerAttr>("kinu.kept_by"))
    entry["kept_by"] = keeper.getInt();
}

/// Variables of other stages, which checkpoints hold.
static json::Array elsewhere(ModuleOp module) {
  json::Array all;
  auto list = module->getAttrOfType<ArrayAttr>("kinu.elsewhere");
  for (auto entry : list.getAsRange<DictionaryAttr>()) {
    if (entry.getAs<StringAttr>("role") == "copy")
      continue;
    json::Object one = tensor(cast<NamedTensorType>(entry.getAs<TypeAttr>("type").getValue()), 0);
    for (StringRef name : {"name", "role", "of"})
      if (auto text = entry.getAs<StringAttr>(name))
        one[name] = text.getValue();
    one["place"] = entry.getAs<IntegerAttr>("place").getInt();
    all.push_back(std::move(one));
  }
  return all;
}

/// The stage, and what it does in a step: [0 forward, 1 backward or 2 weights, micro-batch, store, chunk] for each
/// pass.
static json::Object pipeline(ModuleOp module, DictionaryAttr pipeline) {
  json::Array schedule;
  ArrayRef<int64_t> slots = module->getAttrOfType<DenseI64ArrayAttr>("kinu.schedule").asArrayRef();
  for (; !slots.empty(); slots = slots.drop_front(4))
    schedule.push_back(json::Array(slots.take_front(4)));
  return json::Object{{"axis", pipeline.getAs<StringAttr>("on").getValue()},
                      {"elsewhere", elsewhere(module)},
                      {"schedule", std::move(schedule)}};
}

static json::Array mesh(ModuleOp module) {
  json::Array axes;
  if (tofu::MeshOp mesh = tofu::meshOf(module))
    for (auto [name, degree] : llvm::zip(mesh.getAxes().getAsValueRange<StringAttr>(), mesh.getDegrees()))
      axes.push_back(json::Array{name, degree});
  return axes;
}

static json::Value placement(ModuleOp module) {
  auto found = module.getOps<tofu::PlacementOp>();
  if (found.empty())
    return nullptr;
  tofu::PlacementOp placement = *found.begin();
  return json::Object{{"lengths", json::Array(placement.getLengths())}, {"digits", json::Array(placement.getDigits())}};
}

static int64_t offsetOf(Operation *op) { return op->getAttrOfType<IntegerAttr>("kinu.offset").getInt(); }

static json::Array variables(ModuleOp module) {
  json::Array all;
  for (VariableOp variable : module.getOps<VariableOp>()) {
    // Filled by programs, of no concern to anybody else.
    if (llvm::is_contained({"table", "copy", "stash", "message", "sum"}, variable.getRole()))
      continue;
    json::Object entry = tensor(cast<NamedTensorType>(variable.getType()), offsetOf(variable));
    entry["name"] = variable.getSymName();
    entry["role"] = variable.getRole();
    addSplit(variable, entry);
    addReal(variable, entry);
    addStage(variable, entry);
    if (variable.getOwner())
      entry["of"] = *variable.getOwner();
    entry["init"] = json::Object{{"kind", variable.getInit()},
                                 {"a", variable.getA().convertToDouble()},
                                 {"b", variable.getB().convertToDouble()}};
    all.push_back(std::move(entry));
  }
  return all;
}

/// Equal inputs of one program were merged before, so names are unique.
static json::Object programs(ModuleOp module) {
  json::Object all;
  for (ProgramOp program : module.getOps<ProgramOp>()) {
    json::Array inputs, outputs;
    for (Operation &op : program.getBody().front()) {
      if (auto input = dyn_cast<InputOp>(op)) {
        json::Object entry = tensor(input.getType(), offsetOf(input));
        entry["name"] = input.getName();
        if (input.getBelow())
          entry["below"] = static_cast<int64_t>(*input.getBelow());
        addSplit(input, entry);
        inputs.push_back(std::move(entry));
      } else if (auto output = dyn_cast<OutputOp>(op)) {
        json::Object entry = tensor(typeOf(output.getValue()), offsetOf(output));
        entry["name"] = output.getName();
        json::Array over;
        if (auto sum = output->getAttrOfType<ArrayAttr>(tofu::kSumOver))
          for (StringRef axis : sum.getAsValueRange<StringAttr>())
            over.push_back(axis);
        if (!over.empty())
          entry["sum_over"] = std::move(over);
        outputs.push_back(std::move(entry));
      }
    }
    all[program.getSymName()] = json::Object{{"inputs", std::move(inputs)}, {"outputs", std::move(outputs)}};
  }
  return all;
}

static json::Object source(const typed::Source &from) {
  using Kind = typed::Source::Kind;
  switch (from.kind) {
  case Kind::Text: return json::Object{{"kind", "text"}};
  case Kind::Shift: return json::Object{{"kind", "shift"}, {"of", source(from.of[0])}, {"by", from.number}};
  case Kind::Document: return json::Object{{"kind", "document"}};
  case Kind::Position: return json::Object{{"kind", "position"}};
  case Kind::Line: return json::Object{{"kind", "line"}, {"field", from.number}};
  case Kind::Present: return json::Object{{"kind", "present"}, {"of", source(from.of[0])}};
  case Kind::Piece: return json::Object{{"kind", "piece"}, {"text", from.piece}};
  case Kind::Random: return json::Object{{"kind", "random"}};
  }
  llvm_unreachable("a source is one of these");
}

static json::Object optimizer(const typed::Optimizer &from) {
  using Kind = typed::Schedule::Kind;
  StringRef schedule = from.rate.kind == Kind::Constant ? "constant"
                       : from.rate.kind == Kind::Linear ? "linear"
                                                        : "cosine";
  return json::Object{{"lr", json::Object{{"kind", schedule},
                                          {"peak", from.rate.peak},
                                          {"warmup", from.rate.warmup},
                                          {"floor", from.rate.floor}}},
                      {"beta1", from.beta1},
                      {"beta2", from.beta2}};
}

static json::Object train(const typed::TrainConfig &from) {
  json::Array bindings;
  for (const typed::Binding &binding : from.bindings)
    bindings.push_back(json::Object{{"input", binding.input}, {"source", source(binding.source)}});
  int64_t sequence = from.lengths.empty() ? 1 : from.lengths[0].length;
  for (const typed::Axis &axis : from.lengths)
    if (axis.name == "seq")
      sequence = axis.length;
  return json::Object{{"batch", from.batch},
                      {"micro_batches", from.accumulate},
                      {"seq", sequence},
                      {"steps", from.steps},
                      {"seed", from.seed},
                      {"evaluate_every", from.evaluateEvery},
                      {"checkpoint_every", from.checkpointEvery},
                      {"optimizer", optimizer(from.optimizer)},
                      {"data", json::Object{{"files", json::Array(from.files)},
                                            {"tokenizer", from.tokenizer},
                                            {"validation", from.validation},
                                            {"validation_files", json::Array(from.validationFiles)},
                                            {"bindings", std::move(bindings)}}}};
}

std::string emit::manifest(ModuleOp module, const TypedModel &plan, const machines::Machine &machine,
                           const std::map<std::string, double> &modelled) {
  typed::TrainConfig run = plan.train.value_or(typed::TrainConfig());
  json::Object root{{"model", plan.name},
                    {"spec_hash", module->getAttrOfType<StringAttr>("kinu.spec_hash").getValue()},
                    {"machine", machine.name},
                    {"kinu_version", KINU_VERSION},
                    {"peak_flops_per_core", machines::peakFlopsPerCore(machine, typed::precisionName(run))},
                    {"arena_bytes", module->getAttrOfType<IntegerAttr>("kinu.arena_bytes").getInt()},
                    {"mesh", mesh(module)},
                    {"placement", placement(module)},
                    {"variables", variables(module)},
                    {"programs", programs(module)},
                    {"loss_count", nullptr}};
  if (auto count = module->getAttrOfType<FloatAttr>("kinu.loss_count")) // else the program `count` computes it
    root["loss_count"] = count.getValueAsDouble();
  if (auto stages = module->getAttrOfType<DictionaryAttr>("kinu.pipeline"))
    root["pipeline"] = pipeline(module, stages);
  root["train"] = train(run);
  if (!modelled.empty()) {
    json::Object times;
    for (const auto &[kernel, seconds] : modelled)
      times[kernel] = seconds;
    root["modelled"] = std::move(times);
  }
  std::string text;
  llvm::raw_string_ostream(text) << json::Value(std::move(root));
  return text;
}
