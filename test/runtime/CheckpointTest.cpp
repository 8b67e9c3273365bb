// Checkpoints are written whole or not at all, and read only if they are whole.
#include "runtime/Checkpoint.h"
#include "runtime/CheckpointFolder.h"
#include "runtime/Failure.h"
#include "test/runtime/Scratch.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace kinu::rt;
namespace fs = std::filesystem;

struct CheckpointTest : testing::Test {
  Scratch scratch;
  Manifest manifest;
  std::vector<float> arena = std::vector<float>(64), loaded = std::vector<float>(64);
  std::string folder = scratch / "checkpoints";

  CheckpointTest() {
    manifest.specHash = "aa";
    add("w", Role::Weight, 0);
    add("w", Role::Moment1, 32);
    add("w", Role::Gradient, 64);
    for (size_t i = 0; i < arena.size(); ++i)
      arena[i] = float(i) * 0.5f;
  }
  void add(const std::string &of, Role role, int64_t offset) {
    Variable variable;
    variable.name = role == Role::Weight ? of : "other/" + of;
    variable.of = of;
    variable.role = role;
    variable.axes = {{"a", 2}, {"b", 4}};
    variable.offset = offset;
    variable.bytes = 32;
    manifest.variables.push_back(variable);
  }
  void save(int64_t step) {
    saveCheckpoint(folder, manifest, reinterpret_cast<const char *>(arena.data()),
                   {step, 3, "key", 0, 0, {128, 17, 4}});
  }
  std::optional<TrainingState> load(LoadedParts parts = LoadedParts::WeightsAndMoments) {
    return loadNewestCheckpoint(folder, manifest, reinterpret_cast<char *>(loaded.data()), parts);
  }
  Exit loadFailure(std::string *message = nullptr) {
    try {
      load();
    } catch (const Failure &failure) {
      if (message)
        *message = failure.what();
      return failure.code;
    }
    return Exit::Done;
  }
};

TEST_F(CheckpointTest, BringsBackWeightsMomentsAndState) {
  EXPECT_FALSE(load()) << "there is none yet";
  save(7);
  std::optional<TrainingState> state = load();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->step, 7);
  EXPECT_EQ(state->seed, 3u);
  EXPECT_EQ(state->dataKey, "key");
  EXPECT_EQ(state->lossScale.scale, 128);
  EXPECT_EQ(state->lossScale.cleanSteps, 17);
  EXPECT_EQ(state->lossScale.skipped, 4);
  EXPECT_EQ(std::memcmp(arena.data(), loaded.data(), 64), 0);
  EXPECT_EQ(loaded[16], 0.0f) << "gradients are not kept";
}

TEST_F(CheckpointTest, EvaluationReadsWeightsOnly) {
  save(7);
  ASSERT_TRUE(load(LoadedParts::Weights));
  EXPECT_EQ(loaded[1], arena[1]);
  EXPECT_EQ(loaded[9], 0.0f);
}

TEST_F(CheckpointTest, KeepsTwoAndReadsTheOneMadeLast) {
  for (int64_t step : {10, 20, 30, 5}) // a run started over is newer, whatever its step
    save(step);
  EXPECT_EQ(listCommitted(folder).size(), 2u);
  EXPECT_EQ(load()->step, 5);
}

TEST_F(CheckpointTest, FallsBackToTheOlderOneWhenTheNewestIsDamaged) {
  for (const char *name : {"COMMIT", "manifest.json", "weights.safetensors", "moments.safetensors"}) {
    save(1);
    save(2);
    fs::path file = listCommitted(folder).front().path / name;
    fs::resize_file(file, fs::file_size(file) - 1);
    EXPECT_EQ(load()->step, 1) << name << " cut off";
    fs::remove_all(folder);
    save(1);
    save(2);
    file = listCommitted(folder).front().path / name;
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(20).put('\x01');
    EXPECT_EQ(load()->step, 1) << name << " changed";
  }
}

TEST_F(CheckpointTest, OneWithoutCommitDoesNotExist) {
  save(1);
  save(2);
  fs::remove(listCommitted(folder).front().path / "COMMIT");
  EXPECT_EQ(load()->step, 1);
  removeUncommitted(folder);
  EXPECT_EQ(load()->step, 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1);
}

TEST_F(CheckpointTest, SaysSoWhenNoneIsValid) {
  save(1);
  fs::remove(listCommitted(folder).front().path / "weights.safetensors");
  EXPECT_EQ(loadFailure(), Exit::NoCheckpoint);
}

TEST_F(CheckpointTest, AnotherModelIsRefusedWithTheDifference) {
  save(1);
  std::string message;
  manifest.specHash = "bb";
  EXPECT_EQ(loadFailure(&message), Exit::Mismatch);
  EXPECT_NE(message.find("spec aa, this one bb"), std::string::npos) << message;
  manifest.variables[0].axes[1].length = 3;
  EXPECT_EQ(loadFailure(&message), Exit::Mismatch);
  EXPECT_NE(message.find("`w` is F32[2, 4] there and F32[2, 3] here"), std::string::npos) << message;
  manifest.variables.erase(manifest.variables.begin());
  EXPECT_EQ(loadFailure(&message), Exit::Mismatch);
  EXPECT_NE(message.find("it has 2 tensors, this model has 1"), std::string::npos) << message;
}

TEST_F(CheckpointTest, ASecondRunIsKeptOut) {
  fs::create_directory(folder);
  {
    FolderLock lock(folder);
    EXPECT_THROW(FolderLock second(folder), Failure);
  }
  EXPECT_NO_THROW(FolderLock third(folder));
}
