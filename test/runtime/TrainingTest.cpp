// The whole runtime with a model compiled by hand: what is printed, what is written, which exit code.
#include "runtime/File.h"
#include "runtime/Safetensors.h"
#include "runtime/Utf8.h"
#include "test/runtime/ModelRun.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using Json = nlohmann::json;

static bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

static void expectFailure(const Outcome &outcome, int code, const std::string &part) {
  EXPECT_EQ(outcome.code, code) << outcome.output;
  EXPECT_TRUE(contains(outcome.output, "error: ")) << outcome.output;
  EXPECT_TRUE(contains(outcome.output, part)) << outcome.output;
}

static std::vector<Json> metricsOf(const ModelRun &model, const std::string &path) {
  std::vector<Json> lines;
  std::istringstream in(model.scratch.read(path));
  for (std::string line; std::getline(in, line);)
    lines.push_back(Json::parse(line));
  return lines;
}

/// The number after `before` in `text`.
static double numberAfter(const std::string &text, const std::string &before) {
  size_t at = text.rfind(before);
  return at == text.npos ? NAN : std::atof(text.c_str() + at + before.size());
}

TEST(Training, LearnsAndReports) {
  ModelRun model;
  Outcome outcome = model.run({});
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_TRUE(contains(outcome.output, "memory: arena 265,920 bytes")) << outcome.output;
  EXPECT_TRUE(contains(outcome.output, "step 200/200")) << outcome.output;
  std::vector<Json> metrics = metricsOf(model, "BigramModel.checkpoints/metrics.jsonl");
  ASSERT_EQ(metrics.size(), 201u);
  EXPECT_NEAR(metrics[0]["loss"], std::log(128), 0.02);
  EXPECT_LT(metrics[199]["loss"], 2.0);
  EXPECT_LT(metrics[200]["validation_loss"], 1.7);
  EXPECT_DOUBLE_EQ(metrics[200]["validation_loss"], metrics[200]["validation_loss_per_character"]);
}

TEST(Training, EvaluationAgreesWithTheEndOfTrainingAndCountsLeftoverWindowsOnce) {
  ModelRun model;
  Outcome trained = model.run({"--steps", "50"}), evaluated = model.run({"eval"});
  EXPECT_EQ(evaluated.code, 0) << evaluated.output;
  double loss = numberAfter(evaluated.output, "validation: loss ");
  EXPECT_EQ(loss, numberAfter(trained.output, "validation: loss "));

  // The same by hand, from the weights in the checkpoint and the tokens in the shards.
  std::string weights = model.newest("BigramModel.checkpoints");
  auto table = kinu::rt::readSafetensors(weights, "w", kinu::rt::Exit::Internal);
  std::vector<float> matrix(128 * 128), bias(128);
  std::memcpy(matrix.data(), table.at("table").bytes.data(), matrix.size() * 4);
  std::memcpy(bias.data(), table.at("bias").bytes.data(), bias.size() * 4);
  auto data = std::filesystem::directory_iterator(model.scratch / "BigramModel.checkpoints/data")->path().filename();
  std::string tokens = model.scratch.read("BigramModel.checkpoints/data/" + data.string() + "/validation.tokens");
  std::vector<uint16_t> ids(tokens.size() / 2);
  std::memcpy(ids.data(), tokens.data(), tokens.size());
  size_t windows = (ids.size() - 1) / 8;
  ASSERT_NE(windows % 3, 0u) << "the text should leave an incomplete batch";
  double sum = 0;
  for (size_t i = 0; i < windows * 8; ++i) {
    double total = 0;
    for (size_t v = 0; v < 128; ++v)
      total += std::exp(double(matrix[ids[i] * 128 + v]) + bias[v]);
    sum += std::log(total) - matrix[ids[i] * 128 + ids[i + 1]] - bias[ids[i + 1]];
  }
  EXPECT_NEAR(loss, sum / double(windows * 8), 1e-4); // it is printed with four digits
}

TEST(Training, ThreadsDoNotChangeTheWeights) {
  ModelRun model;
  model.run({"--threads", "1", "--checkpoint-dir", "one"});
  model.run({"--threads", "3", "--checkpoint-dir", "three"});
  EXPECT_FALSE(model.newest("one").empty());
  EXPECT_EQ(model.newest("one"), model.newest("three"));
}

TEST(Training, SeedChangesTheWeights) {
  ModelRun model;
  model.run({"--steps", "1", "--checkpoint-dir", "one"});
  model.run({"--steps", "1", "--checkpoint-dir", "two", "--seed", "2"});
  EXPECT_NE(model.newest("one"), model.newest("two"));
  expectFailure(model.run({"--steps", "5", "--checkpoint-dir", "one", "--seed", "2"}), 101, "with seed 1");
}

TEST(Training, GradientsAreThoseOfTheLoss) {
  ModelRun model;
  Outcome outcome = model.run({"gradients", "--out", "g.safetensors"});
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  kinu::rt::MappedFile file(model.scratch / "g.safetensors");
  auto table = kinu::rt::readSafetensors(file.bytes(), "g", kinu::rt::Exit::Internal);
  EXPECT_EQ(table.count("weight/table") + table.count("input.0/tokens") + table.count("input.1/target"), 3u);
  float loss, sum = 0;
  std::memcpy(&loss, table.at("loss").bytes.data(), 4);
  EXPECT_NEAR(loss, std::log(128), 0.02);
  std::vector<float> bias(128);
  std::memcpy(bias.data(), table.at("gradient/bias").bytes.data(), 512);
  for (float value : bias)
    sum += value;
  EXPECT_NEAR(sum, 0, 1e-6); // softmax minus one-hot
  EXPECT_LT(*std::min_element(bias.begin(), bias.end()), -0.1f);
}

TEST(Generate, WritesValidTextTheSameForTheSameSeed) {
  ModelRun model;
  model.run({});
  Outcome first = model.run({"generate", "--prompt", "the", "--tokens", "60", "--seed", "5"});
  EXPECT_EQ(first.code, 0);
  EXPECT_TRUE(contains(first.output, "\nthe")) << first.output;
  EXPECT_FALSE(kinu::rt::findInvalidUtf8(first.output));
  EXPECT_EQ(model.run({"generate", "--prompt", "the", "--tokens", "60", "--seed", "5"}).output, first.output);
  EXPECT_NE(model.run({"generate", "--prompt", "the", "--tokens", "60", "--seed", "6"}).output, first.output);
  Outcome greedy = model.run({"generate", "--prompt", "the c", "--tokens", "7", "--temperature", "0"});
  EXPECT_TRUE(contains(greedy.output, "the cat")) << greedy.output;
  EXPECT_EQ(model.run({"generate"}).code, 0) << "an empty prompt";
  expectFailure(model.run({"generate", "--prompt", "\xFF"}), 102, "not UTF-8");
}

TEST(CommandLine, HelpTeachesAndMistakesExitWithTwo) {
  ModelRun model;
  Outcome help = model.run({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_TRUE(contains(help.output, "./BigramModel generate --prompt")) << help.output;
  EXPECT_EQ(model.run({"--unknown"}).code, 2);
  EXPECT_EQ(model.run({"--steps", "-1"}).code, 2);
  EXPECT_EQ(model.run({"gradients"}).code, 2);
  Outcome info = model.run({"info"});
  EXPECT_EQ(info.code, 0);
  EXPECT_TRUE(contains(info.output, "weights 16,512")) << info.output;
  EXPECT_TRUE(contains(info.output, "arena 265,920 bytes")) << info.output;
}

TEST(BadInput, TextAndTokenizer) {
  ModelRun model;
  expectFailure(model.run({"--data", "missing*.txt"}), 102, "missing*.txt");
  model.scratch.write("empty.txt", "");
  expectFailure(model.run({"--data", "empty.txt"}), 102, "empty");
  model.scratch.write("short.txt", "abc");
  expectFailure(model.run({"--data", "short.txt"}), 102, "needs 9");
  model.scratch.write("binary.txt", "abc\xFE\xFF");
  expectFailure(model.run({"--data", "binary.txt"}), 102, "byte 3");
  expectFailure(model.run({"--tokenizer", "missing.model"}), 102, "missing.model");
  expectFailure(model.run({"--tokenizer", "corpus.txt"}), 102, "not a sentencepiece model");
  expectFailure(model.run({"--data", "."}), 102, "cannot read");
}

TEST(BadInput, ATokenizerTooLargeForTheModel) {
  ModelRun model;
  std::string text;
  for (int i = 0; i < 200; ++i) // 200 characters of the basic plane
    text += {char(0xE4), char(0xB8 + i / 64), char(0x80 + i % 64)};
  model.scratch.write("many.txt", text);
  kinu::rt::TokenizerOptions options;
  options.type = kinu::rt::TokenizerOptions::Type::Char;
  model.scratch.write("many.model", kinu::rt::trainTokenizer({model.scratch / "many.txt"}, options));
  expectFailure(model.run({"--tokenizer", "many.model", "--data", "many.txt"}), 102, "takes ids below 128");
}

TEST(BadInput, CheckpointsOfAnotherModel) {
  ModelRun model;
  model.run({"--steps", "2", "--checkpoint-dir", "c"});
  expectFailure(model.run({"--steps", "4", "--checkpoint-dir", "c"}, "BigramModelWide"), 101,
                "`table` is F32[128, 128] there and F32[256, 256] here");
  expectFailure(model.run({"--steps", "4", "--checkpoint-dir", "c"}, "BigramModelOther"), 101, "spec");
  EXPECT_EQ(model.run({"--steps", "4", "--checkpoint-dir", "c", "--fresh"}, "BigramModelWide").code, 0);
  EXPECT_EQ(model.run({"eval", "--checkpoint-dir", "c"}, "BigramModelWide").code, 0);
}

TEST(BadInput, NoCheckpoint) {
  ModelRun model;
  expectFailure(model.run({"eval"}), 103, "train first");
  expectFailure(model.run({"generate"}), 103, "train first");
}

TEST(BadInput, DivergenceKeepsTheLastCheckpoint) {
  ModelRun model;
  Outcome outcome = model.run({"--checkpoint-every", "1"}, "BigramModelDiverging");
  expectFailure(outcome, 104, "at step");
  EXPECT_NE(model.newest("BigramModelDiverging.checkpoints"), "");
}

TEST(BadInput, AFolderThatCannotBeWritten) {
  ModelRun model;
  model.scratch.write("file", "");
  expectFailure(model.run({"--checkpoint-dir", "file/below"}), 106, "file/below");
  expectFailure(model.run({"--metrics", "missing/metrics.jsonl"}), 106, "missing/metrics.jsonl");
  expectFailure(model.run({"--checkpoint-dir", "/proc/kinu"}), 106, "/proc/kinu");
}
