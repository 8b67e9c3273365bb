// Stopped, killed or out of room at any moment: the same command goes on, and ends with the same bits.
#include "test/runtime/ModelRun.h"

#include <chrono>
#include <cstdlib>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <thread>

namespace fs = std::filesystem;

static void sleepMilliseconds(int64_t time) { std::this_thread::sleep_for(std::chrono::milliseconds(time)); }

static const std::vector<std::string> longTraining = {"--steps",   "4000", "--checkpoint-every", "20",
                                                      "--threads", "1",    "--checkpoint-dir"};

static std::vector<std::string> trainingIn(const std::string &folder) {
  std::vector<std::string> arguments = longTraining;
  arguments.push_back(folder);
  return arguments;
}

/// Weights and moments at the end of an undisturbed training.
static std::string undisturbed(const ModelRun &model) {
  Outcome outcome = model.run({"--steps", "4000", "--threads", "1", "--checkpoint-dir", "undisturbed"});
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  return model.newest("undisturbed") + model.newest("undisturbed", "moments.safetensors");
}

static std::string resultIn(const ModelRun &model, const std::string &folder) {
  return model.newest(folder) + model.newest(folder, "moments.safetensors");
}

static std::string withoutTimes(const std::string &metrics) {
  std::string out;
  std::istringstream in(metrics);
  for (std::string line; std::getline(in, line);)
    out += line.substr(0, line.find(",\"tokens_per_second\"")) + "\n";
  return out;
}

TEST(Interruption, SignalsLeaveACheckpointAndExitCode100) {
  for (int signal : {SIGTERM, SIGINT, SIGUSR1, SIGHUP}) {
    ModelRun model;
    pid_t child = model.start(trainingIn("c"));
    for (int i = 0; i < 500 && !fs::exists(model.scratch / "c/metrics.jsonl"); ++i)
      sleepMilliseconds(10);
    sleepMilliseconds(20);
    kill(child, signal);
    Outcome outcome = model.wait(child);
    EXPECT_EQ(outcome.code, 100) << outcome.output;
    EXPECT_NE(outcome.output.find("run the same command again"), std::string::npos) << outcome.output;
    EXPECT_NE(model.newest("c"), "");
  }
}

TEST(Interruption, KilledAtRandomMomentsItEndsWithTheSameBits) {
  ModelRun model;
  std::string expected = undisturbed(model);
  std::srand(unsigned(std::chrono::steady_clock::now().time_since_epoch().count()));
  int kills = 0;
  for (int round = 0; round < 200; ++round) {
    pid_t child = model.start(trainingIn("killed"));
    if (kills < 20) {
      sleepMilliseconds(std::rand() % (kills < 4 ? 300 : 700)); // some before the first step
      kill(child, SIGKILL);
    }
    Outcome outcome = model.wait(child);
    kills += outcome.code == 128 + SIGKILL;
    if (outcome.code == 0)
      break;
    ASSERT_EQ(outcome.code, 128 + SIGKILL) << outcome.output;
  }
  EXPECT_GE(kills, 5);
  EXPECT_TRUE(resultIn(model, "killed") == expected) << "weights or moments differ after " << kills << " kills";
  EXPECT_TRUE(withoutTimes(model.scratch.read("killed/metrics.jsonl")) ==
              withoutTimes(model.scratch.read("undisturbed/metrics.jsonl")))
      << "the metrics hold lines twice or not at all";
}

/// A run that starts over is what the folder is about from its first step on.
TEST(Interruption, AFreshRunIsNotTakenForTheOneItReplaces) {
  ModelRun model;
  EXPECT_EQ(model.run({"--steps", "20", "--checkpoint-dir", "c"}).code, 0);
  std::string before = model.newest("c");
  std::vector<std::string> fresh = {"--steps", "1000000", "--checkpoint-every", "1000000", "--checkpoint-dir",
                                    "c",       "--fresh"};
  pid_t child = model.start(fresh);
  for (int i = 0; i < 1000 && !fs::exists(model.scratch / "c/retired"); ++i)
    sleepMilliseconds(10);
  kill(child, SIGKILL);
  model.wait(child);
  EXPECT_TRUE(model.newest("c") == before) << "the old checkpoint stays until there is a new one";
  EXPECT_EQ(model.run({"eval", "--checkpoint-dir", "c"}).code, 103);
  Outcome again = model.run({"--steps", "20", "--checkpoint-dir", "c"});
  EXPECT_EQ(again.code, 0) << again.output;
  EXPECT_NE(again.output.find("step 20/20"), std::string::npos) << again.output;
  size_t folders = 0;
  for (const auto &entry : fs::directory_iterator(model.scratch / "c"))
    folders += entry.path().filename().string().starts_with("step-");
  EXPECT_EQ(folders, 1u) << "with a checkpoint of its own, the replaced run's go";
  EXPECT_EQ(model.run({"eval", "--checkpoint-dir", "c"}).code, 0);

  // What it says when it is stopped, however early, is how to go on; and there is something to go on from.
  fs::remove(model.scratch / "output"); // what an earlier run said is not this one's
  child = model.start(fresh);
  for (int i = 0; i < 1000 && model.scratch.read("output").find("memory:") == std::string::npos; ++i)
    sleepMilliseconds(10);
  kill(child, SIGTERM);
  Outcome stopped = model.wait(child);
  EXPECT_EQ(stopped.code, 100) << stopped.output;
  EXPECT_NE(stopped.output.find("without --fresh to go on"), std::string::npos) << stopped.output;
  EXPECT_NE(model.run({"eval", "--checkpoint-dir", "c"}).output.find("validation: loss"), std::string::npos);
}

TEST(Interruption, ACheckpointWithoutCommitIsSpokenOf) {
  ModelRun model;
  model.run({"--steps", "20", "--checkpoint-every", "10", "--checkpoint-dir", "c"});
  std::string newest;
  for (const auto &entry : fs::directory_iterator(model.scratch / "c"))
    if (entry.path().filename().string().starts_with("step-00000020"))
      newest = entry.path();
  ASSERT_TRUE(fs::remove(newest + "/COMMIT"));
  Outcome read = model.run({"eval", "--checkpoint-dir", "c"});
  EXPECT_EQ(read.code, 0) << read.output;
  EXPECT_NE(read.output.find("it has no COMMIT"), std::string::npos) << read.output;
  EXPECT_TRUE(fs::exists(newest)) << "who only reads removes nothing";
  Outcome outcome = model.run({"--steps", "20", "--checkpoint-dir", "c"});
  EXPECT_NE(outcome.output.find("it has no COMMIT"), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("going on after step 10"), std::string::npos) << outcome.output;
}

TEST(Interruption, AFinishedTrainingSaysSo) {
  ModelRun model;
  EXPECT_EQ(model.run({"--steps", "20"}).code, 0);
  Outcome again = model.run({"--steps", "20"});
  EXPECT_EQ(again.code, 0);
  EXPECT_NE(again.output.find("already trained for 20 steps"), std::string::npos) << again.output;
  EXPECT_NE(model.run({"--steps", "20", "--fresh"}).output.find("step 20/20"), std::string::npos);
}

TEST(Interruption, DamagedCheckpointsFallBackAndThenSaySo) {
  ModelRun model;
  model.run({"--steps", "20", "--checkpoint-every", "10", "--checkpoint-dir", "c"});
  std::vector<fs::path> checkpoints;
  for (const auto &entry : fs::directory_iterator(model.scratch / "c"))
    if (entry.path().filename().string().starts_with("step-"))
      checkpoints.push_back(entry.path());
  std::sort(checkpoints.begin(), checkpoints.end());
  ASSERT_EQ(checkpoints.size(), 2u);
  std::ofstream(checkpoints[1] / "weights.safetensors") << "damage";
  Outcome outcome = model.run({"--steps", "20", "--checkpoint-dir", "c"});
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("passing over a damaged checkpoint"), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("going on after step 10"), std::string::npos) << outcome.output;
  for (const auto &entry : fs::directory_iterator(model.scratch / "c"))
    if (entry.path().filename().string().starts_with("step-"))
      std::ofstream(entry.path() / "moments.safetensors") << "damage";
  EXPECT_EQ(model.run({"--steps", "20", "--checkpoint-dir", "c"}).code, 103);
}

/// A limit on the size of files stands in for a full disk: writing fails in the middle of a checkpoint.
TEST(Interruption, NoRoomForACheckpointLeavesTheLastOne) {
  ModelRun model;
  EXPECT_EQ(model.run({"--steps", "10", "--checkpoint-dir", "c"}).code, 0);
  std::string before = model.newest("c");
  rlimit old, small;
  getrlimit(RLIMIT_FSIZE, &old);
  small = old;
  small.rlim_cur = 50000; // the table alone has 65,536 bytes
  setrlimit(RLIMIT_FSIZE, &small);
  Outcome outcome = model.run({"--steps", "20", "--checkpoint-dir", "c"});
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_EQ(outcome.code, 106) << outcome.output;
  EXPECT_NE(outcome.output.find("cannot write"), std::string::npos) << outcome.output;
  EXPECT_TRUE(model.newest("c") == before);
  EXPECT_EQ(model.run({"--steps", "20", "--checkpoint-dir", "c"}).code, 0);
}

TEST(Interruption, TwoRunsInOneFolderAreRefused) {
  ModelRun model;
  pid_t first = model.start(trainingIn("c"));
  for (int i = 0; i < 500 && !fs::exists(model.scratch / "c/metrics.jsonl"); ++i)
    sleepMilliseconds(10);
  Outcome second = model.run(trainingIn("c"));
  EXPECT_EQ(second.code, 106) << second.output;
  EXPECT_NE(second.output.find("another run is training"), std::string::npos) << second.output;
  kill(first, SIGKILL);
  model.wait(first);
}
