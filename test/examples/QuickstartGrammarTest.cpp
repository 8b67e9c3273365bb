// The quickstart's corpus has the entropy it is said to have, and asks for more memory than a bigram has.
#include "examples/quickstart/Bigram.h"
#include "examples/quickstart/Languages.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <map>
#include <set>

using namespace quickstart;

TEST(QuickstartGrammar, theWholeGrammarIsUnambiguous) {
  Grammar grammar;
  Phrase root = line(grammar);
  EXPECT_EQ(grammar.ambiguity(root), std::nullopt);
  EXPECT_GT(grammar.derivations(root), 1e8);
}

TEST(QuickstartGrammar, twoAlternativesThatBeginTheSameAreFound) {
  Grammar grammar;
  Phrase ab = grammar.sequence({grammar.text("a"), grammar.text("b")}), abc = grammar.text("abc");
  EXPECT_EQ(grammar.ambiguity(grammar.choice({{1, ab}, {1, abc}})),
            "`a` and `abc` begin two alternatives of one choice");
  Phrase twice = grammar.choice({{1, ab}, {2, ab}});
  EXPECT_TRUE(grammar.ambiguity(twice).has_value());
  EXPECT_EQ(grammar.ambiguity(grammar.choice({{1, ab}, {1, grammar.text("ba")}})), std::nullopt);
}

// With short word lists every line can be written down: no two derivations give the same text, and the entropy and
// the length computed phrase by phrase are those of the list.
TEST(QuickstartGrammar, aShrunkGrammarHasOneDerivationPerTextAndTheComputedEntropy) {
  Grammar grammar;
  Phrase root = line(grammar, {.topics = 2, .words = 2, .names = 2});
  auto all = grammar.enumerate(root);
  EXPECT_EQ(double(all.size()), grammar.derivations(root));
  std::set<std::string> texts;
  double total = 0, entropy = 0, characters = 0;
  for (const auto &[text, share] : all) {
    EXPECT_TRUE(texts.insert(text).second) << text;
    total += share;
    entropy -= share * std::log(share);
    for (char byte : text)
      characters += share * ((byte & 0xC0) != 0x80);
  }
  EXPECT_NEAR(total, 1, 1e-9);
  EXPECT_NEAR(entropy, grammar.entropy(root), 1e-9);
  EXPECT_NEAR(characters, grammar.characters(root), 1e-9);
}

/// Lines of the whole grammar and their -ln p.
static std::pair<std::string, double> sampled(int lines) {
  Grammar grammar;
  Phrase root = line(grammar);
  std::mt19937_64 random(7);
  std::string text;
  double nats = 0;
  for (int i = 0; i < lines; ++i)
    nats -= grammar.sample(root, random, text);
  return {text, nats};
}

static std::vector<int32_t> charactersOf(const std::string &text) {
  std::map<std::string, int32_t> known;
  std::vector<int32_t> ids;
  for (size_t i = 0, end; i < text.size(); i = end) {
    for (end = i + 1; end < text.size() && (text[end] & 0xC0) == 0x80;)
      ++end;
    ids.push_back(known.emplace(text.substr(i, end - i), int32_t(known.size())).first->second);
  }
  return ids;
}

TEST(QuickstartGrammar, sampledLinesCostWhatTheEntropySays) {
  Grammar grammar;
  Phrase root = line(grammar);
  auto [text, nats] = sampled(40000);
  double measured = nats / double(charactersOf(text).size());
  EXPECT_NEAR(measured / (grammar.entropy(root) / grammar.characters(root)), 1, 0.005);
}

TEST(QuickstartGrammar, bigramsOfCharactersAreAtLeastThirtyPercentWorse) {
  Grammar grammar;
  Phrase root = line(grammar);
  std::vector<int32_t> ids = charactersOf(sampled(20000).first);
  std::vector<int32_t> training(ids.begin(), ids.end() - 100000), test(ids.end() - 100000, ids.end());
  int32_t symbols = *std::max_element(ids.begin(), ids.end()) + 1;
  EXPECT_GT(bigramCrossEntropy(training, test, symbols), 1.3 * grammar.entropy(root) / grammar.characters(root));
}

TEST(Bigram, aPatternOfTwoCostsNothingAndACoinCostsLnTwo) {
  std::vector<int32_t> pattern, coin;
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    pattern.push_back(i % 2);
    coin.push_back(int32_t(random() >> 63));
  }
  EXPECT_NEAR(bigramCrossEntropy(pattern, pattern, 2), 0, 1e-3);
  EXPECT_NEAR(bigramCrossEntropy(coin, coin, 2), std::log(2), 1e-3);
}
