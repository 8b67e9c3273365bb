// See Checkpoint.h.
#include "runtime/Checkpoint.h"

#include "runtime/CheckpointFolder.h"
#include "runtime/Failure.h"
#include "runtime/Messages.h"
#include "runtime/Safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

namespace kinu::rt {

using Json = nlohmann::json;
namespace fs = std::filesystem;

static constexpr int formatVersion = 1;
static constexpr const char *weightsFile = "weights.safetensors", *momentsFile = "moments.safetensors";

/// The name of a variable in a file; empty if checkpoints do not hold it.
static std::string nameInFile(const Variable &variable) {
  switch (variable.role) {
  case Role::Moment1: return "moment1/" + variable.of;
  case Role::Moment2: return "moment2/" + variable.of;
  case Role::Gradient: return "";
  default: return variable.name;
  }
}

static bool isIn(const Variable &variable, const std::string &file) {
  return variable.role != Role::Gradient && isParameter(variable.role) == (file == weightsFile);
}

static std::vector<int64_t> shapeOf(const Buffer &buffer) {
  std::vector<int64_t> shape;
  for (const Axis &axis : buffer.axes)
    shape.push_back(buffer.wholeLength(axis.name));
  return shape;
}

/// The variables of all stages that a file holds, in an order that is the same on all ranks.
static std::vector<const Variable *> variablesIn(const std::string &file, const Manifest &manifest) {
  std::vector<const Variable *> variables;
  for (const Variable &variable : manifest.variables)
    if (isIn(variable, file))
      variables.push_back(&variable);
  if (!manifest.pipeline)
    return variables;
  for (const Variable &variable : manifest.pipeline->elsewhere)
    if (isIn(variable, file))
      variables.push_back(&variable);
  std::sort(variables.begin(), variables.end(),
            [](const Variable *x, const Variable *y) { return x->place < y->place; });
  return variables;
}

static bool isElsewhere(const Variable &variable, const Manifest &manifest) {
  return manifest.pipeline && variable.stageAxis.empty();
}

/// The first rank makes the file with room for all tensors, then each writes its parts, and the first one reads the
/// whole for its hash.
static std::string writeParts(const std::string &path, const std::vector<TensorView> &tensors,
                              const std::vector<const Variable *> &variables, const Manifest &manifest,
                              const char *arena, const Mesh &mesh) {
  if (mesh.first())
    reserveSafetensors(path, tensors, {{"format", "kinu"}});
  mesh.barrier();
  SafetensorsParts parts(path, tensors, {{"format", "kinu"}});
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Variable &variable = *variables[i];
    if (isElsewhere(variable, manifest) || !mesh.owns(variable))
      continue;
    int64_t width = dtypeBytes(variable.dtype);
    forEachRun(variable, mesh, [&](int64_t whole, int64_t local, int64_t count) {
      parts.write(i, whole * width, {arena + variable.offset + local * width, size_t(count * width)});
    });
  }
  parts.finish();
  mesh.barrier();
  return mesh.first() ? hashBytes(MappedFile(path).bytes()) : "";
}

static Json writeVariables(const fs::path &folder, const std::string &file, const Manifest &manifest, const char *arena,
                           const Mesh &mesh) {
  std::vector<TensorView> tensors;
  std::vector<const Variable *> variables = variablesIn(file, manifest);
  for (const Variable *variable : variables)
    tensors.push_back({nameInFile(*variable), variable->dtype, shapeOf(*variable), arena + variable->offset});
  std::string path = (folder / file).string();
  std::string hash = mesh.ranks() == 1 ? writeSafetensors(path, tensors, {{"format", "kinu"}})
                                       : writeParts(path, tensors, variables, manifest, arena, mesh);
  return {{"bytes", fs::file_size(path)}, {"hash", hash}};
}

/// A new folder for a checkpoint, the same on all ranks: the first one names it.
static fs::path agreeOnPath(const std::string &folder, int64_t step, const Mesh &mesh) {
  if (!mesh.first())
    return mesh.textFromFirst("");
  makeFolders(folder);
  fs::path path = newCheckpointPath(folder, step);
  makeFolders(path.string());
  mesh.textFromFirst(path.string());
  return path;
}

void saveCheckpoint(const std::string &folder, const Manifest &manifest, const char *arena, const TrainingState &state,
                    const Mesh &mesh) {
  fs::path path = agreeOnPath(folder, state.step, mesh);
  try {
    Json json = {{"format", formatVersion},
                 {"model", manifest.model},
                 {"spec_hash", manifest.specHash},
                 {"kinu_version", manifest.kinuVersion},
                 {"machine", manifest.machine},
                 {"step", state.step},
                 {"seed", state.seed},
                 {"batch", manifest.train.batch},
                 {"seq", manifest.train.seq},
                 {"data", state.dataKey},
                 {"loss_scale",
                  {{"scale", state.lossScale.scale},
                   {"clean_steps", state.lossScale.cleanSteps},
                   {"skipped", state.lossScale.skipped}}}};
    for (const char *file : {weightsFile, momentsFile})
      json["files"][file] = writeVariables(path, file, manifest, arena, mesh);
    if (mesh.first())
      commitCheckpoint(path, writeNewFile((path / "manifest.json").string(), json.dump(1) + "\n"));
  } catch (const Failure &) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
    throw;
  }
  if (mesh.first())
    pruneCheckpoints(folder, 2);
  mesh.barrier();
}

namespace {
/// A checkpoint whose files are mapped and have the hashes they should have.
struct VerifiedCheckpoint {
  Json manifest;
  std::vector<MappedFile> files;
  std::map<std::string, TensorTable> tables; ///< by file name
};
} // namespace

/// Throws Failure (Exit::NoCheckpoint) saying what is wrong with the checkpoint at `path`.
static VerifiedCheckpoint verify(const fs::path &path, LoadedParts parts) {
  constexpr Exit bad = Exit::NoCheckpoint;
  MappedFile commit((path / "COMMIT").string(), bad), json((path / "manifest.json").string(), bad);
  if (commit.bytes() != hashBytes(json.bytes()) + "\n")
    fail(bad, "`", (path / "manifest.json").string(), "` does not have the hash that COMMIT says");
  VerifiedCheckpoint verified;
  try {
    verified.manifest = Json::parse(json.bytes());
    for (const char *name : {weightsFile, momentsFile}) {
      if (name == momentsFile && parts == LoadedParts::Weights)
        continue;
      std::string file = (path / name).string();
      std::string_view bytes = verified.files.emplace_back(file, bad).bytes();
      const Json &expected = verified.manifest.at("files").at(name);
      if (bytes.size() != expected.at("bytes").get<uint64_t>())
        fail(bad, "`", file, "` has ", bytes.size(), " bytes instead of ", expected.at("bytes").get<uint64_t>());
      if (expected.at("hash") != Json(hashBytes(bytes)))
        fail(bad, "`", file, "` does not have the hash that manifest.json says");
      verified.tables[name] = readSafetensors(bytes, file, bad);
    }
  } catch (const Json::exception &error) {
    fail(bad, "`", (path / "manifest.json").string(), "` is damaged: ", error.what());
  }
  return verified;
}

static std::string describeShape(const std::vector<int64_t> &shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    out += (i ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

/// How the checkpoint's model differs from this executable's; empty if it does not.
static std::string findDifference(const VerifiedCheckpoint &checkpoint, const Manifest &manifest) {
  size_t expected = 0;
  for (const char *file : {weightsFile, momentsFile}) {
    auto table = checkpoint.tables.find(file);
    if (table == checkpoint.tables.end())
      continue;
    for (const Variable *variable : variablesIn(file, manifest)) {
      ++expected;
      auto found = table->second.find(nameInFile(*variable));
      if (found == table->second.end())
        return text("it has no `", nameInFile(*variable), "`");
      if (found->second.shape != shapeOf(*variable) || found->second.dtype != "F32")
        return text("`", nameInFile(*variable), "` is ", found->second.dtype, describeShape(found->second.shape),
                    " there and F32", describeShape(shapeOf(*variable)), " here");
    }
  }
  size_t stored = 0;
  for (const auto &[file, table] : checkpoint.tables)
    stored += table.size();
  if (stored != expected)
    return text("it has ", stored, " tensors, this model has ", expected);
  std::string hash = checkpoint.manifest.value("spec_hash", std::string());
  return hash == manifest.specHash ? ""
                                   : text("its variables are the same, but what is computed with them is not (spec ",
                                          hash, ", this one ", manifest.specHash, ")");
}

static TrainingState restore(const VerifiedCheckpoint &checkpoint, const Manifest &manifest, char *arena,
                             const Mesh &mesh) {
  for (const Variable &variable : manifest.variables) {
    auto table = checkpoint.tables.find(isParameter(variable.role) ? weightsFile : momentsFile);
    if (variable.role == Role::Gradient || table == checkpoint.tables.end())
      continue;
    std::string_view bytes = table->second.find(nameInFile(variable))->second.bytes;
    int64_t width = dtypeBytes(variable.dtype);
    forEachRun(variable, mesh, [&](int64_t whole, int64_t local, int64_t count) {
      std::memcpy(arena + variable.offset + local * width, bytes.data() + whole * width, size_t(count * width));
    });
  }
  try {
    const Json &json = checkpoint.manifest;
    TrainingState state{json.at("step"),
                        json.at("seed"),
                        json.value("data", std::string()),
                        json.value("batch", int64_t(0)),
                        json.value("seq", int64_t(0)),
                        {}};
    if (auto scale = json.find("loss_scale"); scale != json.end())
      state.lossScale = {scale->at("scale"), scale->at("clean_steps"), scale->at("skipped")};
    return state;
  } catch (const Json::exception &error) {
    fail(Exit::NoCheckpoint, "a checkpoint's manifest is damaged: ", error.what());
  }
}

std::optional<TrainingState> loadNewestCheckpoint(const std::string &folder, const Manifest &manifest, char *arena,
                                                  LoadedParts parts, const Mesh &mesh) {
  if (mesh.first())
    noteUnfinished(folder);
  std::vector<CommittedCheckpoint> committed = listCommitted(folder);
  for (const CommittedCheckpoint &candidate : committed) {
    std::optional<VerifiedCheckpoint> checkpoint;
    try {
      checkpoint = verify(candidate.path, parts);
    } catch (const Failure &failure) {
      note("passing over a damaged checkpoint: " + std::string(failure.what()));
      continue;
    }
    if (std::string difference = findDifference(*checkpoint, manifest); !difference.empty())
      fail(Exit::Mismatch, "checkpoint `", candidate.path.string(), "` is not of this model: ", difference,
           "; train with --fresh or give another --checkpoint-dir");
    return restore(*checkpoint, manifest, arena, mesh);
  }
  if (committed.empty())
    return std::nullopt;
  fail(Exit::NoCheckpoint, "none of the ", committed.size(), " checkpoints in `", folder,
       "` is valid; train with --fresh to start over");
}

} // namespace kinu::rt
