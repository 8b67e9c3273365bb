// Tokens: every byte has one, `//` is told apart, and what is no text is refused with its place.
#include "compiler/parse/Lexer.h"

#include "gtest/gtest.h"

using namespace kinu;
using syntax::TokenKind;

namespace {

struct Lexed {
  SourceMap sources;
  Diagnostics diagnostics;
  std::vector<syntax::Token> tokens;

  explicit Lexed(std::string text) {
    FileId id = sources.addText("t.kinu", std::move(text));
    tokens = parse::lex(sources, id, diagnostics);
  }
  std::vector<std::string> words() const {
    std::vector<std::string> result;
    for (const syntax::Token &token : tokens)
      if (token.kind != TokenKind::Space && token.kind != TokenKind::EndOfFile)
        result.push_back(sources.text(token.range).str());
    return result;
  }
  std::string firstError() const {
    auto sorted = diagnostics.sorted();
    return sorted.empty() ? "" : sorted.front()->id + "@" + std::to_string(sorted.front()->range.begin);
  }
};

using Words = std::vector<std::string>;

TEST(Lexer, NumbersStopBeforeRanges) {
  EXPECT_EQ(Lexed("0..4").words(), (Words{"0", "..", "4"}));
  EXPECT_EQ(Lexed("0.5e-3..1e4").words(), (Words{"0.5e-3", "..", "1e4"}));
}

TEST(Lexer, DigitsThatRunIntoLettersAreOneWord) {
  Lexed lexed("1f1b");
  EXPECT_EQ(lexed.tokens.front().kind, TokenKind::NumberWord);
  EXPECT_EQ(lexed.words(), (Words{"1f1b"}));
}

TEST(Lexer, SlashesDivideOnlyInParenthesesBehindAnOperand) {
  EXPECT_EQ(Lexed("(a // b)").words(), (Words{"(", "a", "//", "b", ")"}));
  EXPECT_EQ(Lexed("[a // b]").words(), (Words{"[", "a", "//", "b", "]"}));
  EXPECT_EQ(Lexed("a // b)").words(), (Words{"a", "// b)"}));
  EXPECT_EQ(Lexed("(a, // b)").words(), (Words{"(", "a", ",", "// b)"}));
  EXPECT_EQ(Lexed("(a\n// b\n)").words(), (Words{"(", "a", "\n", "// b", "\n", ")"}));
}

TEST(Lexer, AForgottenParenthesisDoesNotTurnLaterCommentsIntoDivisions) {
  EXPECT_EQ(Lexed("(a\nlet b = c // d").words().back(), "// d");
}

TEST(Lexer, SizeOfAnAxisAtTheStartOfALineStaysInItsParentheses) {
  EXPECT_EQ(Lexed("(a,\nsize(b) // c)").words().back(), ")");
}

TEST(Lexer, EveryByteHasAToken) {
  std::string text = "\xef\xbb\xbfmodel\tx \r\n{ \xe6\x97\xa5 $ \"open\n } \r // end";
  Lexed lexed(text);
  std::string joined;
  for (const syntax::Token &token : lexed.tokens)
    joined += lexed.sources.text(token.range);
  EXPECT_EQ(joined, text);
}

TEST(Lexer, ARunOfForeignCharactersIsOneError) {
  Lexed lexed("let \xe6\x97\xa5\xe6\x9c\xac = 1");
  EXPECT_EQ(lexed.diagnostics.errorCount(), 1u);
  EXPECT_EQ(lexed.firstError(), "unexpected-character@4");
}

TEST(Lexer, JapaneseIsFineInCommentsAndStrings) {
  EXPECT_FALSE(Lexed("\"\xe6\x97\xa5\" // \xe6\x9c\xac").diagnostics.hasErrors());
}

TEST(Lexer, WhatIsNoTextIsRefusedWithItsPlace) {
  EXPECT_EQ(Lexed(std::string("ab\0cd", 5)).firstError(), "nul-byte@2");
  EXPECT_EQ(Lexed("abc // \xff").firstError(), "invalid-utf8@7");
  EXPECT_EQ(Lexed("abc \xe6\x97").firstError(), "invalid-utf8@4");
}

TEST(Lexer, AnOpenStringEndsWithItsLine) {
  Lexed lexed("\"abc\nlet");
  EXPECT_EQ(lexed.firstError(), "unterminated-string@0");
  EXPECT_EQ(lexed.words().back(), "let");
}

} // namespace
