// Inputs of programs filled from the corpus.
#include "runtime/Bindings.h"
#include "runtime/Failure.h"
#include "runtime/TrainTokenizer.h"
#include "test/runtime/Scratch.h"

#include <gtest/gtest.h>

using namespace kinu::rt;
using Kind = Source::Kind;

static Source source(Kind kind, int64_t number = 0) {
  Source made;
  made.kind = kind;
  (kind == Kind::Line ? made.field : made.by) = number;
  return made;
}

static Source of(Kind kind, const Source &inner, int64_t by = 0) {
  Source made = source(kind, by);
  made.of = std::make_shared<Source>(inner);
  return made;
}

/// One input `x[batch=2, seq=4]` over the text or lines in a.txt and b.txt.
struct BindingsTest : testing::Test {
  Scratch scratch;
  TrainPlan plan;
  ProgramInterface program;
  std::vector<char> arena = std::vector<char>(4096);

  BindingsTest() {
    plan.batch = 4;
    plan.seq = 4;
    plan.data.files = {scratch / "a.txt", scratch / "b.txt"};
    scratch.write("a.txt", "abcdef");
    scratch.write("b.txt", "uvwxyz");
    program.inputs.resize(1);
    program.inputs[0].name = "x";
    program.inputs[0].dtype = DType::I64;
    program.inputs[0].axes = {{"batch", 2}, {"seq", 4}};
  }

  std::vector<int64_t> load(const Source &bound, int64_t start0, int64_t start1) {
    plan.data.bindings = {{"x", bound}};
    scratch.write("letters.txt", "abcdefghijklmnopqrstuvwxyz\t\n");
    scratch.write("model", trainTokenizer({scratch / "letters.txt"},
                                          {.type = TokenizerOptions::Type::Char, .symbols = {"<pad>", "<mask>"}}));
    Tokenizer tokenizer(scratch / "model");
    Shards shards = encodeCorpus(plan.data, tokenizer, scratch / "cache");
    InputLoader loader(plan, tokenizer, shards);
    loader.check(program);
    extent = loader.extent(program);
    Sample rows[] = {{start0, 2}, {start1, 3}};
    loader.load(program, shards.training, rows, {1, 5, false}, arena.data());
    ids = [path = scratch / "model"](const std::string &text) {
      std::vector<int32_t> narrow;
      Tokenizer(path).encode(text, narrow);
      return std::vector<int64_t>(narrow.begin(), narrow.end());
    };
    pad = tokenizer.pad();
    mask = tokenizer.id("<mask>");
    const int64_t *values = reinterpret_cast<int64_t *>(arena.data());
    return {values, values + program.inputs[0].elements()};
  }

  std::function<std::vector<int64_t>(const std::string &)> ids;
  int64_t pad = 0, mask = 0;
  WindowExtent extent;
};

TEST_F(BindingsTest, TextIsTheWindow) { EXPECT_EQ(load(source(Kind::Text), 1, 4), ids("bcdeefuv")); }

TEST_F(BindingsTest, ShiftReadsPastTheWindow) {
  EXPECT_EQ(load(of(Kind::Shift, source(Kind::Text), 1), 1, 4), ids("cdeffuvw"));
  EXPECT_EQ(extent.span, 5);
  EXPECT_EQ(extent.before, 0);
  EXPECT_EQ(load(of(Kind::Shift, source(Kind::Text), -1), 1, 4), ids("abcddefu"));
  EXPECT_EQ(extent.span, 5);
  EXPECT_EQ(extent.before, 1);
}

TEST_F(BindingsTest, DocumentIsTheFilesNumber) {
  EXPECT_EQ(load(source(Kind::Document), 0, 4), (std::vector<int64_t>{0, 0, 0, 0, 0, 0, 1, 1}));
}

TEST_F(BindingsTest, PositionRestartsPerWindowAndPerDocument) {
  EXPECT_EQ(load(source(Kind::Position), 1, 4), (std::vector<int64_t>{0, 1, 2, 3, 0, 1, 0, 1}));
}

TEST_F(BindingsTest, BatchMayBeTheInnerAxis) {
  program.inputs[0].axes = {{"seq", 4}, {"batch", 2}};
  EXPECT_EQ(load(source(Kind::Text), 0, 6), ids("aubvcwdx"));
}

TEST_F(BindingsTest, LinesArePaddedAndCutAndPresentSaysWhere) {
  scratch.write("a.txt", "ab\tx\n");
  scratch.write("b.txt", "abcdef\ty\n");
  std::vector<int64_t> expected = load(source(Kind::Line), 0, 1);
  std::vector<int64_t> padded = ids("ab");
  padded.insert(padded.end(), {pad, pad});
  for (int64_t id : ids("abcd"))
    padded.push_back(id);
  EXPECT_EQ(expected, padded);
  EXPECT_EQ(load(of(Kind::Present, source(Kind::Line)), 0, 1), (std::vector<int64_t>{1, 1, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(load(of(Kind::Shift, source(Kind::Line, 1), -1), 0, 1)[1], ids("x")[0]);
}

TEST_F(BindingsTest, PieceIsAScalar) {
  program.inputs[0].axes = {};
  Source piece = source(Kind::Piece);
  piece.text = "<mask>";
  EXPECT_EQ(load(piece, 0, 0), std::vector<int64_t>{mask});
  piece.text = "<nothing>";
  EXPECT_THROW(load(piece, 0, 0), Failure);
}

TEST_F(BindingsTest, RandomDependsOnTheRowOfTheGlobalBatchOnly) {
  program.inputs[0].dtype = DType::F32;
  load(source(Kind::Random), 0, 6);
  const float *values = reinterpret_cast<float *>(arena.data());
  std::vector<float> first(values, values + 8);
  for (float value : first) {
    EXPECT_GE(value, 0);
    EXPECT_LT(value, 1);
  }
  program.inputs[0].axes = {{"seq", 4}, {"batch", 2}}; // another order in memory: the same numbers
  load(source(Kind::Random), 6, 0);
  EXPECT_EQ(values[0], first[0]);
  EXPECT_EQ(values[1], first[4]);
  EXPECT_EQ(values[2], first[1]);
}

TEST_F(BindingsTest, ATokenizerWithTooManyPiecesIsRefusedWithBothNumbers) {
  program.inputs[0].below = 20;
  try {
    load(source(Kind::Text), 0, 0);
    ADD_FAILURE() << "accepted";
  } catch (const Failure &failure) {
    EXPECT_EQ(failure.code, Exit::BadData);
    EXPECT_NE(std::string(failure.what()).find("has 31 pieces"), std::string::npos) << failure.what();
    EXPECT_NE(std::string(failure.what()).find("below 20"), std::string::npos) << failure.what();
  }
}

TEST_F(BindingsTest, ValuesOutOfRangeAreRefused) {
  program.inputs[0].below = 2;
  EXPECT_THROW(load(source(Kind::Position), 0, 6), Failure);
}
