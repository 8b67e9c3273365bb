// See Manifest.h: the manifest's JSON into structs.
#include "runtime/Manifest.h"

#include "runtime/Failure.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace kinu::rt {

using Json = nlohmann::json;

int64_t dtypeBytes(DType dtype) { return dtype == DType::F32 ? 4 : dtype == DType::I64 ? 8 : 1; }

int64_t Buffer::elements() const {
  int64_t count = 1;
  for (const Axis &axis : axes)
    count *= axis.length;
  return count;
}

int64_t Buffer::wholeLength(std::string_view axis) const {
  if (cut && cut->axis == axis)
    return cut->whole;
  if (auto known = real.find(axis); known != real.end())
    return known->second;
  auto found = split.find(axis);
  return length(axis) * (found == split.end() ? 1 : found->second.parts);
}

int64_t Buffer::wholeElements() const {
  int64_t count = 1;
  for (const Axis &axis : axes)
    count *= wholeLength(axis.name);
  return count;
}

int64_t Buffer::stride(std::string_view axis) const {
  int64_t stride = 1;
  for (size_t i = axes.size(); i-- > 0; stride *= axes[i].length)
    if (axes[i].name == axis)
      return stride;
  return 0;
}

int64_t Buffer::length(std::string_view axis) const {
  for (const Axis &candidate : axes)
    if (candidate.name == axis)
      return candidate.length;
  return 1;
}

bool isParameter(Role role) { return role == Role::Weight || role == Role::Bias || role == Role::Gain; }

const Input *ProgramInterface::input(std::string_view name) const {
  for (const Input &candidate : inputs)
    if (candidate.name == name)
      return &candidate;
  return nullptr;
}

const Buffer *ProgramInterface::output(std::string_view name) const {
  for (const Buffer &candidate : outputs)
    if (candidate.name == name)
      return &candidate;
  return nullptr;
}

const ProgramInterface *Manifest::program(std::string_view name) const {
  auto found = programs.find(name);
  return found == programs.end() ? nullptr : &found->second;
}

/// The value that `name` stands for in `table`, else an internal error naming `what`.
template <class T>
static T named(const std::string &name, const char *what, std::initializer_list<std::pair<const char *, T>> table) {
  for (auto &[candidate, value] : table)
    if (name == candidate)
      return value;
  fail(Exit::Internal, "the executable's manifest has an unknown ", what, " `", name, "`");
}

static void parseBuffer(const Json &json, int64_t arenaBytes, Buffer &buffer) {
  buffer.name = json.at("name");
  buffer.dtype = named<DType>(json.at("dtype"), "dtype", {{"f32", DType::F32}, {"i64", DType::I64}, {"i1", DType::I1}});
  for (const Json &axis : json.at("axes"))
    buffer.axes.push_back({axis.at(0).get<std::string>(), axis.at(1).get<int64_t>()});
  buffer.offset = json.at("offset");
  buffer.bytes = json.value("bytes", buffer.elements() * dtypeBytes(buffer.dtype));
  if (buffer.offset < 0 || buffer.bytes < buffer.elements() * dtypeBytes(buffer.dtype) ||
      buffer.bytes > arenaBytes - buffer.offset || buffer.offset % dtypeBytes(buffer.dtype))
    fail(Exit::Internal, "the executable's manifest places `", buffer.name, "` outside the arena: offset ",
         buffer.offset, ", ", buffer.bytes, " bytes, arena ", arenaBytes);
}

/// The axes that are split, with the ranks of the mesh that they are split over.
static void parseSplit(const Json &json, const std::vector<Axis> &mesh, Buffer &buffer) {
  auto split = json.find("split");
  if (split == json.end())
    return;
  for (const auto &[axis, on] : split->items())
    for (const Json &name : on) {
      auto rank = std::find_if(mesh.begin(), mesh.end(),
                               [&](const Axis &known) { return known.name == name.get<std::string>(); });
      if (rank == mesh.end())
        fail(Exit::Internal, "the executable's manifest splits `", buffer.name, "` over an unknown axis of the mesh");
      Split &here = buffer.split[axis];
      here.on.push_back(rank->name);
      here.parts *= rank->length;
    }
}

static Variable parseVariable(const Json &json, int64_t arenaBytes, const std::vector<Axis> &mesh) {
  Variable variable;
  parseBuffer(json, arenaBytes, variable);
  parseSplit(json, mesh, variable);
  variable.role = named<Role>(json.at("role"), "role",
                              {{"weight", Role::Weight},
                               {"bias", Role::Bias},
                               {"gain", Role::Gain},
                               {"moment1", Role::Moment1},
                               {"moment2", Role::Moment2},
                               {"gradient", Role::Gradient}});
  variable.of = json.value("of", variable.name);
  variable.place = json.value("place", int64_t(0));
  if (auto cut = json.find("cut"); cut != json.end())
    variable.cut = {cut->at("axis"), cut->at("first"), cut->at("whole"), cut->value("chunks", std::vector<int64_t>())};
  if (auto real = json.find("real"); real != json.end())
    for (const auto &[axis, length] : real->items())
      variable.real[axis] = length.get<int64_t>();
  variable.keptByOtherStage = json.contains("kept_by");
  if (auto init = json.find("init"); init != json.end() && init->is_object()) {
    variable.init.kind = named<InitKind>(init->at("kind"), "initialiser",
                                         {{"normal", InitKind::Normal},
                                          {"truncated_normal", InitKind::TruncatedNormal},
                                          {"uniform", InitKind::Uniform},
                                          {"zeros", InitKind::Zeros},
                                          {"ones", InitKind::Ones}});
    variable.init.a = init->value("a", 0.0);
    variable.init.b = init->value("b", 0.0);
  }
  return variable;
}

static ProgramInterface parseProgram(const Json &json, int64_t arenaBytes, const std::vector<Axis> &mesh) {
  ProgramInterface program;
  for (const Json &input : json.value("inputs", Json::array())) {
    parseBuffer(input, arenaBytes, program.inputs.emplace_back());
    parseSplit(input, mesh, program.inputs.back());
    if (auto below = input.find("below"); below != input.end() && !below->is_null())
      program.inputs.back().below = below->get<int64_t>();
  }
  for (const Json &output : json.value("outputs", Json::array())) {
    parseBuffer(output, arenaBytes, program.outputs.emplace_back());
    program.outputs.back().sumOver = output.value("sum_over", std::vector<std::string>());
  }
  return program;
}

static Source parseSource(const Json &json) {
  using Kind = Source::Kind;
  Source source;
  source.kind = named<Kind>(json.at("kind"), "source",
                            {{"text", Kind::Text},
                             {"shift", Kind::Shift},
                             {"document", Kind::Document},
                             {"position", Kind::Position},
                             {"line", Kind::Line},
                             {"present", Kind::Present},
                             {"piece", Kind::Piece},
                             {"random", Kind::Random}});
  source.by = json.value("by", int64_t(0));
  source.field = json.value("field", int64_t(0));
  source.text = json.value("text", std::string());
  if (auto of = json.find("of"); of != json.end() && of->is_object())
    source.of = std::make_shared<Source>(parseSource(*of));
  if ((source.kind == Kind::Shift || source.kind == Kind::Present) && !source.of)
    fail(Exit::Internal, "the executable's manifest has a `", json.at("kind").get<std::string>(), "` of nothing");
  return source;
}

static DataPlan parseData(const Json &json) {
  DataPlan data;
  data.files = json.value("files", std::vector<std::string>());
  data.validationFiles = json.value("validation_files", std::vector<std::string>());
  data.tokenizer = json.value("tokenizer", std::string());
  data.validation = json.value("validation", 0.0);
  for (const Json &binding : json.value("bindings", Json::array()))
    data.bindings.push_back({binding.at("input").get<std::string>(), parseSource(binding.at("source"))});
  return data;
}

static Optimizer parseOptimizer(const Json &json) {
  Optimizer optimizer;
  const Json &rate = json.at("lr");
  using Kind = LearningRate::Kind;
  optimizer.rate.kind = named<Kind>(rate.at("kind"), "schedule",
                                    {{"constant", Kind::Constant}, {"linear", Kind::Linear}, {"cosine", Kind::Cosine}});
  optimizer.rate.peak = rate.at("peak");
  optimizer.rate.floor = rate.value("floor", 0.0);
  optimizer.rate.warmup = rate.value("warmup", int64_t(0));
  optimizer.beta1 = json.value("beta1", 0.9);
  optimizer.beta2 = json.value("beta2", 0.999);
  return optimizer;
}

static TrainPlan parseTrain(const Json &json) {
  TrainPlan train;
  train.batch = json.at("batch");
  train.microBatches = json.value("micro_batches", int64_t(1));
  train.seq = json.at("seq");
  train.steps = json.at("steps");
  train.seed = json.value("seed", uint64_t(1));
  train.evaluateEvery = json.value("evaluate_every", int64_t(0));
  train.checkpointEvery = json.value("checkpoint_every", int64_t(0));
  train.optimizer = parseOptimizer(json.at("optimizer"));
  train.data = parseData(json.at("data"));
  if (train.batch < 1 || train.seq < 1 || train.microBatches < 1 || train.batch % train.microBatches)
    fail(Exit::Internal, "the executable's manifest has batch ", train.batch, " in ", train.microBatches,
         " micro-batches");
  return train;
}

std::string Pass::program() const {
  std::string name = kind == Kind::Forward ? "forward" : kind == Kind::Backward ? "backward" : "weights";
  return chunk == 0 ? name : name + "." + std::to_string(chunk);
}

std::string_view kindOfProgram(std::string_view program) { return program.substr(0, program.find('.')); }

/// Variables of other stages take no place: their bytes are not checked against the arena.
static Pipeline parsePipeline(const Json &json) {
  Pipeline pipeline;
  pipeline.axis = json.at("axis");
  for (const Json &variable : json.at("elsewhere"))
    pipeline.elsewhere.push_back(parseVariable(variable, INT64_MAX, {}));
  for (const Json &pass : json.at("schedule"))
    pipeline.schedule.push_back({Pass::Kind(pass.at(0).get<int>()), pass.at(1), pass.at(2), pass.at(3)});
  return pipeline;
}

static Manifest parse(const Json &json) {
  Manifest manifest;
  manifest.model = json.at("model");
  manifest.specHash = json.at("spec_hash");
  manifest.machine = json.value("machine", std::string("local"));
  manifest.kinuVersion = json.value("kinu_version", std::string("unknown"));
  manifest.peakFlopsPerCore = json.value("peak_flops_per_core", 0.0);
  manifest.arenaBytes = json.at("arena_bytes");
  for (const Json &axis : json.value("mesh", Json::array()))
    manifest.mesh.push_back({axis.at(0).get<std::string>(), axis.at(1).get<int64_t>()});
  if (auto placement = json.find("placement"); placement != json.end() && !placement->is_null())
    manifest.placement = {placement->at("lengths").get<std::vector<int64_t>>(),
                          placement->at("digits").get<std::vector<int64_t>>()};
  for (const Json &variable : json.at("variables"))
    manifest.variables.push_back(parseVariable(variable, manifest.arenaBytes, manifest.mesh));
  for (auto &[name, program] : json.at("programs").items())
    if (program.is_object())
      manifest.programs[name] = parseProgram(program, manifest.arenaBytes, manifest.mesh);
  if (auto count = json.find("loss_count"); count != json.end() && !count->is_null())
    manifest.lossCount = count->get<double>();
  manifest.train = parseTrain(json.at("train"));
  manifest.modelled = json.value("modelled", std::map<std::string, double, std::less<>>());
  if (auto pipeline = json.find("pipeline"); pipeline != json.end()) {
    manifest.pipeline = parsePipeline(*pipeline);
    for (Variable &variable : manifest.variables)
      variable.stageAxis = manifest.pipeline->axis;
  }
  return manifest;
}

Manifest parseManifest(const char *text) {
  try {
    return parse(Json::parse(text));
  } catch (const Json::exception &error) {
    fail(Exit::Internal, "the executable's manifest cannot be read: ", error.what());
  }
}

} // namespace kinu::rt
