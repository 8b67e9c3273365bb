// What formatted source looks like.
#include "compiler/fmt/Format.h"
#include "compiler/parse/Parse.h"
#include "test/parse/RoundTrip.h"

#include "gtest/gtest.h"

using namespace kinu;

namespace {

std::string formatted(std::string text) {
  EXPECT_EQ(roundTrip(text), "");
  SourceMap sources;
  Diagnostics diagnostics;
  FileId id = sources.addText("t.kinu", std::move(text));
  auto file = parse::parseFile(sources, id, diagnostics);
  EXPECT_FALSE(diagnostics.hasErrors());
  return fmt::format(*file, sources);
}

TEST(Format, BlanksAndIndentationAreMadeUniform) {
  EXPECT_EQ(formatted("model   m{\nlet a=- x[ seq as key ]@{ embed }w+f( over :b )\n   return a\n }"),
            "model m {\n  let a = -x[seq as key] @{embed} w + f(over: b)\n  return a\n}\n");
}

TEST(Format, StatementsGetLinesOfTheirOwn) {
  EXPECT_EQ(formatted("model m { let a = 1 let b = 2 }"), "model m {\n  let a = 1\n  let b = 2\n}\n");
}

TEST(Format, AShortBodyStaysOnItsLine) {
  EXPECT_EQ(formatted("layout l for local {mesh data=1|2}"), "layout l for local { mesh data = 1 | 2 }\n");
  EXPECT_EQ(formatted("model m {\n\n}"), "model m {}\n");
}

TEST(Format, AShortBodyThatDoesNotFitIsOpened) {
  std::string name(90, 'x');
  EXPECT_EQ(formatted("def f(x[...]) -> [...] { return " + name + " }"),
            "def f(x[...]) -> [...] {\n  return " + name + "\n}\n");
}

TEST(Format, CommasKeepClausesTogether) {
  EXPECT_EQ(formatted("train m { batch 1,seq 2\nsteps 3 }"), "train m {\n  batch 1, seq 2\n  steps 3\n}\n");
}

TEST(Format, CommentsStayWhereTheyWere) {
  EXPECT_EQ(
      formatted("// top\n\n\n\nmodel m { // open\n\n  // before\n  let a = 1 // behind\n  // last\n}  // end\n// tail"),
      "// top\n\nmodel m {  // open\n  // before\n  let a = 1  // behind\n  // last\n}  // end\n// tail\n");
}

TEST(Format, CommentsInsideAStatementStayAtTheirToken) {
  EXPECT_EQ(formatted("model m {\n  let a = f(b, // first\n    // second\n    c)\n}\n"),
            "model m {\n  let a = f(b,  // first\n      // second\n      c)\n}\n");
}

TEST(Format, LongLinesAreBrokenAtTheLoosestPlace) {
  std::string a(40, 'a'), b(40, 'b'), c(40, 'c');
  EXPECT_EQ(formatted("model m { let x = f(" + a + ", 1) + " + b + " * " + c + " }"),
            "model m {\n  let x = f(" + a + ", 1) +\n      " + b + " * " + c + "\n}\n");
}

TEST(Format, ALineNeverBreaksBeforeADivisionThatRoundsDown) {
  std::string a(60, 'a'), b(60, 'b');
  EXPECT_EQ(formatted("model m { let x = (" + a + " // " + b + ") }"),
            "model m {\n  let x = (" + a + " //\n      " + b + ")\n}\n");
}

TEST(Format, LineEndsOfWindowsBecomePlain) {
  EXPECT_EQ(formatted("model m {\r\n  let a = 1 // x\r\n\r\n  let b = 2\r\n}\r\n"),
            "model m {\n  let a = 1  // x\n\n  let b = 2\n}\n");
}

TEST(Format, NothingGivesNothing) {
  EXPECT_EQ(formatted(""), "");
  EXPECT_EQ(formatted("\n\n"), "");
}

} // namespace
