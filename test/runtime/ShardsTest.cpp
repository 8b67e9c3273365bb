// From text files to memory-mapped piece ids.
#include "runtime/Shards.h"
#include "runtime/Failure.h"
#include "runtime/TrainTokenizer.h"
#include "test/runtime/Scratch.h"

#include <gtest/gtest.h>

using namespace kinu::rt;

static Source lineField(int64_t field) {
  Source source;
  source.kind = Source::Kind::Line;
  source.field = field;
  return source;
}

struct ShardsTest : testing::Test {
  Scratch scratch;

  Tokenizer charTokenizer() const {
    scratch.write("letters.txt", "abcdefghijklmnopqrstuvwxyz \t\r\n\xE7\x8C\xAB");
    scratch.write("model", trainTokenizer({scratch / "letters.txt"}, {.type = TokenizerOptions::Type::Char}));
    return Tokenizer(scratch / "model");
  }
  DataPlan plan(const std::string &pattern, double validation = 0) const {
    DataPlan plan;
    plan.files = {scratch / pattern};
    plan.validation = validation;
    return plan;
  }
  Shards encode(const DataPlan &plan) const { return encodeCorpus(plan, charTokenizer(), scratch / "cache"); }
  static std::string textOf(const Tokenizer &tokenizer, const TokenShard &shard, int64_t begin, int64_t end) {
    std::string text;
    for (int64_t i = begin; i < end; ++i)
      text += tokenizer.pieceBytes(shard.token(i));
    return text;
  }
  Exit refusalOf(const DataPlan &plan, std::string *message = nullptr) const {
    try {
      encode(plan);
    } catch (const Failure &failure) {
      if (message)
        *message = failure.what();
      return failure.code;
    }
    return Exit::Done;
  }
};

TEST_F(ShardsTest, CutsTheLastCharactersForValidation) {
  scratch.write("a.txt", "abcd\xE7\x8C\xAB\xE7\x8C\xAB\xE7\x8C\xAB"
                         "xyz"); // ten characters
  Shards shards = encode(plan("a.txt", 0.5));
  EXPECT_EQ(textOf(charTokenizer(), shards.training, 0, 5), "abcd\xE7\x8C\xAB");
  EXPECT_EQ(textOf(charTokenizer(), shards.validation, 0, 5), "\xE7\x8C\xAB\xE7\x8C\xAB"
                                                              "xyz");
  EXPECT_EQ(shards.training.characters, 5);
  EXPECT_EQ(shards.validation.characters, 5);
}

TEST_F(ShardsTest, FilesAreDocumentsInOrderAndTheCutRunsThroughAllOfThem) {
  scratch.write("b2.txt", "second\r\n");
  scratch.write("b1.txt", "first\n");
  Shards shards = encode(plan("b*.txt", 0.25)); // 14 characters, 10 to train on
  EXPECT_EQ(textOf(charTokenizer(), shards.training, 0, shards.training.tokens()), "first\nseco");
  EXPECT_EQ(textOf(charTokenizer(), shards.validation, 0, shards.validation.tokens()), "nd\r\n");
  ASSERT_EQ(shards.training.pieces(), 2);
  EXPECT_EQ(shards.training.start(1), 6);
  EXPECT_EQ(shards.training.documentOf(5), 0);
  EXPECT_EQ(shards.training.documentOf(6), 1);
}

TEST_F(ShardsTest, ValidationFilesReplaceTheCut) {
  scratch.write("a.txt", "train");
  scratch.write("v.txt", "valid");
  DataPlan both = plan("a.txt", 0.5);
  both.validationFiles = {scratch / "v.txt"};
  Shards shards = encode(both);
  EXPECT_EQ(textOf(charTokenizer(), shards.training, 0, 5), "train");
  EXPECT_EQ(textOf(charTokenizer(), shards.validation, 0, 5), "valid");
}

TEST_F(ShardsTest, LongTextIsTheSameInChunksAsInOne) {
  std::string text;
  for (int i = 0; i < 40000; ++i)
    text += "line " + std::string(1, char('a' + i % 26)) + (i % 9 ? "\n" : " \xE7\x8C\xAB");
  scratch.write("a.txt", text);
  Shards shards = encode(plan("a.txt"));
  EXPECT_EQ(textOf(charTokenizer(), shards.training, 0, shards.training.tokens()), text);
}

TEST_F(ShardsTest, LinesBecomeFields) {
  scratch.write("a.txt", "ab\tcde\n\nf\tg\tignored\r\n");
  DataPlan lines = plan("a.txt");
  lines.bindings = {{"x", lineField(0)}, {"y", lineField(1)}};
  Shards shards = encode(lines);
  EXPECT_EQ(shards.fieldCount, 2);
  ASSERT_EQ(shards.training.pieces(), 4);
  EXPECT_EQ(textOf(charTokenizer(), shards.training, shards.training.start(1), shards.training.start(2)), "cde");
  EXPECT_EQ(textOf(charTokenizer(), shards.training, shards.training.start(2), shards.training.start(4)), "fg");
}

TEST_F(ShardsTest, LinesAreNotCutInTwoForValidation) {
  scratch.write("a.txt", "aaaa\nbbbb\ncccc\n");
  DataPlan lines = plan("a.txt", 0.5); // the cut falls into bbbb
  lines.bindings = {{"x", lineField(0)}};
  Shards shards = encode(lines);
  EXPECT_EQ(shards.training.pieces(), 2);
  EXPECT_EQ(shards.validation.pieces(), 1);
}

TEST_F(ShardsTest, ALineWithTooFewFieldsIsNamed) {
  scratch.write("a.txt", "ab\tcd\nlonely\n");
  DataPlan lines = plan("a.txt");
  lines.bindings = {{"y", lineField(1)}};
  std::string message;
  EXPECT_EQ(refusalOf(lines, &message), Exit::BadData);
  EXPECT_NE(message.find("has 1 tab-separated fields where the spec reads 2: `lonely`"), std::string::npos) << message;
}

TEST_F(ShardsTest, AreMadeOnceAndAgainWhenTheTextChanges) {
  auto folders = [&] {
    return std::distance(std::filesystem::directory_iterator(scratch / "cache"), std::filesystem::directory_iterator());
  };
  scratch.write("a.txt", "abc");
  std::string key = encode(plan("a.txt")).key;
  EXPECT_EQ(encode(plan("a.txt")).key, key);
  EXPECT_EQ(folders(), 1);
  scratch.write("a.txt", "abd");
  EXPECT_NE(encode(plan("a.txt")).key, key);
  EXPECT_EQ(folders(), 2);
}

TEST_F(ShardsTest, DamagedOnesAreMadeAgain) {
  scratch.write("a.txt", "abcabc");
  encode(plan("a.txt"));
  for (const char *name : {"train.tokens", "train.starts", "manifest.json"}) {
    auto folder = std::filesystem::directory_iterator(scratch / "cache")->path();
    std::ofstream(folder / name) << "damage";
    Shards shards = encode(plan("a.txt"));
    EXPECT_EQ(textOf(charTokenizer(), shards.training, 0, 6), "abcabc") << name;
  }
}

TEST_F(ShardsTest, BadTextIsRefusedWithItsPlace) {
  scratch.write("bad.txt", "ab\xC3(");
  scratch.write("empty.txt", "");
  std::string message;
  EXPECT_EQ(refusalOf(plan("bad.txt"), &message), Exit::BadData);
  EXPECT_NE(message.find("byte 2"), std::string::npos) << message;
  EXPECT_EQ(refusalOf(plan("empty.txt")), Exit::BadData);
  EXPECT_EQ(refusalOf(plan("nothing*.txt"), &message), Exit::BadData);
  EXPECT_NE(message.find("nothing*.txt"), std::string::npos) << message;
}
