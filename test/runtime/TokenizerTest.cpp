// Training tokenizers, encoding without loss, and refusing model files that would crash the library.
#include "runtime/Tokenizer.h"
#include "runtime/Failure.h"
#include "runtime/File.h"
#include "runtime/TokenizerFormat.h"
#include "runtime/TrainTokenizer.h"
#include "test/runtime/Scratch.h"

#include <gtest/gtest.h>
#include <sentencepiece_trainer.h>

using namespace kinu::rt;
using Type = TokenizerOptions::Type;

/// Text with runs of spaces, empty lines, both line ends and two scripts.
static std::string sampleText() {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += "The cat " + std::to_string(i * 7919 % 1000) + "  sat on\tthe   mat. \n\n";
    text += "\xE5\x90\xBE\xE8\xBC\xA9\xE3\x81\xAF\xE7\x8C\xAB\xE3\x81\xA7\xE3\x81\x82\xE3\x82\x8B\xE3\x80\x82\r\n";
  }
  return text;
}

static Tokenizer train(const Scratch &scratch, const TokenizerOptions &options) {
  scratch.write("corpus.txt", sampleText());
  scratch.write("model", trainTokenizer({scratch / "corpus.txt"}, options));
  return Tokenizer(scratch / "model");
}

static std::string roundTrip(const Tokenizer &tokenizer, const std::string &text) {
  std::vector<int32_t> ids;
  tokenizer.encode(text, ids);
  std::string out;
  for (int32_t id : ids)
    out += tokenizer.pieceBytes(id);
  return out;
}

TEST(Tokenizer, EncodesWithoutLoss) {
  for (Type type : {Type::Char, Type::Unigram, Type::Bpe}) {
    Scratch scratch;
    Tokenizer tokenizer = train(scratch, {.type = type, .vocabulary = 400});
    EXPECT_EQ(roundTrip(tokenizer, sampleText()), sampleText());
  }
}

TEST(Tokenizer, WritesUnseenCharactersAsBytes) {
  Scratch scratch;
  Tokenizer tokenizer = train(scratch, {.vocabulary = 400});
  EXPECT_EQ(roundTrip(tokenizer, "\xF0\x9F\x90\x88"), "\xF0\x9F\x90\x88");
}

TEST(Tokenizer, CharModelHasOnePiecePerCharacter) {
  Scratch scratch;
  Tokenizer tokenizer = train(scratch, {.type = Type::Char});
  std::vector<int32_t> ids;
  tokenizer.encode("The cat\n", ids);
  EXPECT_EQ(ids.size(), 8u);
}

TEST(Tokenizer, DoesNotSeeTheValidationPart) {
  Scratch scratch;
  scratch.write("corpus.txt", std::string(1000, 'a') + "\n" + std::string(100, 'b'));
  scratch.write("model", trainTokenizer({scratch / "corpus.txt"}, {.type = Type::Char, .validation = 0.1}));
  EXPECT_THROW(Tokenizer(scratch / "model").id("b"), Failure);
  EXPECT_NO_THROW(Tokenizer(scratch / "model").id("a"));
}

TEST(Tokenizer, KeepsSymbolsOutOfText) {
  Scratch scratch;
  Tokenizer tokenizer = train(scratch, {.type = Type::Char, .symbols = {"<mask>", "<pad>"}});
  int64_t mask = tokenizer.id("<mask>");
  EXPECT_EQ(tokenizer.pad(), tokenizer.id("<pad>"));
  EXPECT_FALSE(tokenizer.isText(mask));
  std::vector<int32_t> ids;
  tokenizer.encode("<mask>", ids);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), mask), 0);
}

TEST(Tokenizer, RefusesMissingEmptyAndForeignFiles) {
  Scratch scratch;
  scratch.write("empty", "");
  scratch.write("text", "this is no model");
  for (const char *name : {"missing", "empty", "text", "."}) {
    try {
      Tokenizer tokenizer(scratch / name);
      ADD_FAILURE() << name << " was accepted";
    } catch (const Failure &failure) {
      EXPECT_EQ(failure.code, Exit::BadData);
    }
  }
}

/// A field of a protobuf message: length-delimited.
static std::string field(int number, const std::string &bytes) {
  std::string out(1, char(number << 3 | 2));
  size_t length = bytes.size();
  for (; length >= 128; length >>= 7)
    out += char((length & 0x7F) | 0x80);
  return out + char(length) + bytes;
}

static std::string piece(const std::string &text, const std::string &more = "") {
  return field(1, field(1, text) + more);
}

/// What follows the pieces.
static const std::string specs = field(2, "") + field(3, "");

static void expectDefect(const std::string &model, const std::string &what) {
  auto defect = findTokenizerDefect(model);
  ASSERT_TRUE(defect.has_value()) << what;
  EXPECT_NE(defect->find(what), std::string::npos) << *defect;
}

TEST(TokenizerFormat, RefusesPiecesThatAreNotUsable) {
  EXPECT_FALSE(findTokenizerDefect(piece("a") + specs));
  expectDefect(piece(std::string(400000, 'a')), "400000 bytes long");
  expectDefect(piece(""), "0 bytes long");
  expectDefect(piece("\xFF"), "not valid UTF-8");
  expectDefect(piece("a") + piece("a"), "twice");
  expectDefect(piece("a", std::string("\x15\x00\x00\xC0\x7F", 5)), "no usable number");
  expectDefect(piece("a", "\x18\x07"), "unknown type");
  expectDefect(piece("zz", "\x18\x06"), "without the form");
}

TEST(TokenizerFormat, RefusesAFileThatEndsBetweenTwoFields) {
  expectDefect(piece("a"), "cut off");
  expectDefect(piece("a") + field(2, ""), "cut off");
}

TEST(TokenizerFormat, RefusesMapsThatPointOutsideThemselves) {
  std::string array(1024, '\0');
  auto mapped = [&](const std::string &units, const std::string &strings) {
    uint32_t length = uint32_t(units.size());
    return piece("a") + field(2, "") +
           field(3, field(2, std::string(reinterpret_cast<char *>(&length), 4) + units + strings));
  };
  EXPECT_FALSE(findTokenizerDefect(mapped(array, std::string("b\0", 2))));
  expectDefect(mapped(array, "b"), "invalid text");
  expectDefect(mapped(array.substr(1), std::string("b\0", 2)), "wrong length");
  array[2] = '\x7F'; // an offset far outside
  expectDefect(mapped(array, std::string("b\0", 2)), "outside itself");
}

/// A small model with a real character map (NFKC).
static std::string modelWithMap(const Scratch &scratch) {
  scratch.write("corpus.txt", sampleText());
  std::string model;
  auto status = sentencepiece::SentencePieceTrainer::Train({{"input", scratch / "corpus.txt"},
                                                            {"vocab_size", "100"},
                                                            {"hard_vocab_limit", "false"},
                                                            {"model_type", "unigram"},
                                                            {"minloglevel", "2"}},
                                                           nullptr, &model);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return model;
}

/// Loads and uses a model; a refusal must be a clean one.
static bool survives(const Scratch &scratch, const std::string &model) {
  scratch.write("model", model);
  try {
    Tokenizer tokenizer(scratch / "model");
    std::vector<int32_t> ids;
    tokenizer.encode("The cat \xEF\xBC\xA1\xE7\x8C\xAB\n", ids);
    for (int64_t id = 0; id < tokenizer.size(); ++id)
      tokenizer.pieceBytes(id);
    return true;
  } catch (const Failure &failure) {
    EXPECT_EQ(failure.code, Exit::BadData);
    return false;
  }
}

TEST(TokenizerFormat, AcceptsARealCharacterMap) {
  Scratch scratch;
  std::string model = modelWithMap(scratch);
  EXPECT_GT(model.size(), 200000u);
  EXPECT_TRUE(survives(scratch, model)) << findTokenizerDefect(model).value_or("");
}

TEST(TokenizerFormat, SurvivesTruncationAndDamage) {
  Scratch scratch;
  std::string model = modelWithMap(scratch);
  uint64_t state = 1;
  auto random = [&] { return size_t((state = state * 6364136223846793005ull + 1442695040888963407ull) >> 33); };
  for (int i = 0; i < 60; ++i)
    survives(scratch, model.substr(0, random() % model.size()));
  for (int i = 0; i < 300; ++i) {
    std::string bad = model;
    size_t range = i % 2 ? bad.size() : 8000; // the pieces are in front, the map fills the rest
    for (int flips = 0; flips <= i % 4; ++flips)
      bad[random() % range] = char(random());
    survives(scratch, bad);
  }
}

TEST(TrainTokenizer, SaysWhatIsWrongWithTheText) {
  Scratch scratch;
  scratch.write("empty.txt", "");
  scratch.write("latin1.txt", "caf\xE9 au lait");
  for (const char *name : {"empty.txt", "latin1.txt", "missing.txt"}) {
    try {
      trainTokenizer({scratch / name}, {});
      ADD_FAILURE() << name << " was accepted";
    } catch (const Failure &failure) {
      EXPECT_EQ(failure.code, Exit::BadData);
      if (std::string(name) == "latin1.txt")
        EXPECT_NE(std::string(failure.what()).find("byte 3 is 0xe9"), std::string::npos) << failure.what();
    }
  }
}
