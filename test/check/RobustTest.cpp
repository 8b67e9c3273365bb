// Check never crashes and never passes what it cannot mean: specs with tokens dropped, doubled and swapped at random,
// and the hostile sizes that people do write.
#include "test/check/CheckedSpec.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

using namespace kinu;
using kinu::test::CheckedSpec;

namespace {

std::vector<std::string> exampleTexts() {
  std::vector<std::string> texts;
  for (const auto &folder : std::filesystem::directory_iterator(std::string(KINU_SOURCE_DIR) + "/examples")) {
    if (!folder.is_directory())
      continue;
    std::ifstream file(folder.path() / (folder.path().filename().string() + ".kinu"));
    std::stringstream text;
    text << file.rdbuf();
    if (!text.str().empty())
      texts.push_back(text.str());
  }
  return texts;
}

/// The texts of the tokens that carry meaning, each followed by the blanks behind it.
std::vector<std::string> tokensOf(const std::string &text) {
  CheckedSpec spec(text);
  std::vector<std::string> tokens;
  for (const syntax::Token &token : spec.file->tokens) {
    std::string piece = spec.sources.text(token.range).str();
    if (token.isTrivia() && !tokens.empty())
      tokens.back() += piece;
    else
      tokens.push_back(piece);
  }
  return tokens;
}

/// KINU_MUTATIONS asks for more than the short run's, with another sequence of random numbers.
unsigned mutations() {
  const char *asked = std::getenv("KINU_MUTATIONS");
  return asked ? std::atoi(asked) : 150;
}

TEST(Robust, MutatedExamplesGiveAModelOrErrors) {
  std::mt19937 random(20261122 + mutations());
  for (const std::string &text : exampleTexts()) {
    std::vector<std::string> tokens = tokensOf(text);
    for (unsigned round = 0; round < mutations(); ++round) {
      std::vector<std::string> mutated = tokens;
      for (unsigned change = random() % 3; change < 3; ++change) {
        size_t place = random() % mutated.size(), other = random() % mutated.size();
        switch (random() % 4) {
        case 0: mutated.erase(mutated.begin() + place); break;
        case 1: mutated.insert(mutated.begin() + place, mutated[other]); break;
        case 2: std::swap(mutated[place], mutated[other]); break;
        default: mutated[place] = mutated[other]; break;
        }
      }
      std::string source;
      for (const std::string &token : mutated)
        source += token;
      CheckedSpec spec(source);
      EXPECT_EQ(spec.model.has_value(), !spec.diagnostics.hasErrors()) << source;
    }
  }
}

TEST(Robust, HostileSizesAreErrors) {
  const char *cases[][2] = {
      {"size n = 9223372036854775807 * 2", "size-overflow"},
      {"size n = 0 - 9223372036854775807 - 2", "size-overflow"},
      {"axis none = 0", "size-too-small"},
      {"axis minus = 0 - 4", "size-too-small"},
      {"size width = 10, heads = 3\naxis dim = width / heads", "inexact-division"},
      {"size n = 4 % 0", "division-by-zero"},
      {"repeat layer = 0 { let y = 1.0 }", "size-too-small"},
      {"axis a = 3037000500\nweight w[a] = zeros\naxis b = 3037000500\nweight v[a, b] = zeros", "tensor-too-large"},
      {"axis a = 4000000000, b = 4000000000, c = (a, b)", "size-overflow"},
  };
  for (auto &[body, id] : cases) {
    CheckedSpec spec(std::string("model m {\n") + body + "\n}\n");
    EXPECT_EQ(spec.ids(), id) << body << "\n" << spec.messages;
  }
}

TEST(Robust, ADivisionThatLeavesARemainderNamesTheNearestSizes) {
  CheckedSpec spec("model m { size width = 770, heads = 12\n axis dim = width / heads }\n");
  EXPECT_NE(spec.messages.find("770 / 12 leaves a remainder of 2"), std::string::npos) << spec.messages;
  EXPECT_NE(spec.messages.find("768 and 780"), std::string::npos) << spec.messages;
}

TEST(Robust, OneCauseGivesOneMessage) {
  CheckedSpec spec("import std\nmodel m {\n axis batch, seq up to 8\n axis embed = 4\n input x[batch, seq, embed]\n"
                   " let a = x * missing\n let b = softmax(a, over: embed)\n let h = b\n"
                   " repeat layer = 3 { h = h + rmsnorm(b, over: embed) }\n output h\n loss h where b > 0.0\n}\n");
  EXPECT_EQ(spec.ids(), "unknown-name") << spec.messages;
}

TEST(Robust, IndependentErrorsAreAllReported) {
  CheckedSpec spec("model m {\n axis batch, seq up to 8\n input x[batch, seq]\n let a = y\n let b = sum(x, over: sek)\n"
                   " let c = x and x\n}\n");
  EXPECT_EQ(spec.ids(), "unknown-name unknown-axis number-as-bool number-as-bool") << spec.messages;
}

TEST(Robust, AForgottenRenameIsSuggestedWhereTheSoftmaxMissesTheAxis) {
  CheckedSpec spec(
      "import std\nmodel m {\n axis batch, seq up to 8, key like seq\n axis dim = 4\n input q[batch, seq, dim]\n"
      " let s = q @{dim} q\n let p = softmax(s, over: key)\n}\n");
  EXPECT_EQ(spec.ids(), "argument-axes");
  EXPECT_NE(spec.messages.find("`[seq as key]`"), std::string::npos) << spec.messages;
}

TEST(Robust, ErrorsInsideTheLibraryAreReportedAtTheCall) {
  CheckedSpec spec("import std\nmodel m {\n axis batch, seq up to 8\n axis dim = 5\n input q[batch, seq, dim]\n"
                   " let p = rope(q, over: dim, at: seq)\n}\n");
  EXPECT_EQ(spec.ids(), "inexact-division");
  EXPECT_EQ(spec.messages.find("spec.kinu:6:10: error: 5 / 2 leaves a remainder of 1"), 0u) << spec.messages;
}

} // namespace
