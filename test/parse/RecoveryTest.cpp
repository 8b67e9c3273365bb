// After an error: the next ones are found, and nothing is reported that a fix of the first would make go away.
#include "compiler/parse/Parse.h"

#include "gtest/gtest.h"

using namespace kinu;

namespace {

/// `id:line` of every error.
std::vector<std::string> errorsOf(std::string text) {
  SourceMap sources;
  Diagnostics diagnostics;
  FileId id = sources.addText("t.kinu", std::move(text));
  parse::parseFile(sources, id, diagnostics);
  std::vector<std::string> result;
  for (const Diagnostic *diagnostic : diagnostics.sorted())
    result.push_back(diagnostic->id + ":" + std::to_string(sources.lineColumn(id, diagnostic->range.begin).line));
  return result;
}

using Errors = std::vector<std::string>;

TEST(Recovery, EachBadStatementIsReportedOnce) {
  EXPECT_EQ(errorsOf("model m {\n"
                     "  let a = (1 + \n"
                     "  let b = 2\n"
                     "  axis = 3\n"
                     "  let c = x @ y\n"
                     "  return a\n"
                     "}\n"
                     "train m { stepz }\n"),
            (Errors{"expected:2", "expected:4", "contract-without-axes:5", "expected:8"}));
}

TEST(Recovery, ABadSignatureStillChecksTheBody) {
  EXPECT_EQ(errorsOf("block b(x[batch) -> [batch] {\n  let a = )\n  return x\n}\nblock c( { return }\n"),
            (Errors{"expected:1", "expected:2", "expected:5"}));
}

TEST(Recovery, AnUnknownBlockIsSkippedWhole) {
  EXPECT_EQ(errorsOf("model m {\n  foreach x {\n    let a = 1\n  }\n  let b = (\n}\n"),
            (Errors{"expected:2", "expected:5"}));
}

TEST(Recovery, AMissingBraceIsOneErrorAtTheBrace) {
  EXPECT_EQ(errorsOf("model m {\n  repeat r = 2 {\n    let a = 1\n}\ntrain m { steps 1 }\n"),
            (Errors{"unclosed-brace:1"}));
}

TEST(Recovery, ASpareBraceIsOneError) {
  EXPECT_EQ(errorsOf("model m { }\n}\ntrain m { steps 1 }\n"), (Errors{"unopened-brace:2"}));
}

TEST(Recovery, AnErrorOfTheLexerIsNotRepeatedByTheParser) {
  EXPECT_EQ(errorsOf("model m {\n  let a = 1 $ 2\n  let b = \"x\n  let c = 1\n}\n"),
            (Errors{"unexpected-character:2", "unterminated-string:3"}));
}

TEST(Recovery, NoiseBehindADefIsReported) {
  EXPECT_EQ(errorsOf("def f() { return 1 } noise {\n}\ndef g() { return 2 }\n"), (Errors{"expected:1"}));
}

TEST(Recovery, AStatementAtTheTopIsMisplaced) {
  EXPECT_EQ(errorsOf("let a = 1\nmodel m { }\n"), (Errors{"misplaced-statement:1"}));
}

TEST(Recovery, WhatIsMissingAtTheEndOfALineIsReportedThere) {
  EXPECT_EQ(errorsOf("model m {\n  let a = f(1\n  let b = 2\n}\n"), (Errors{"expected:2"}));
}

TEST(Comments, ADivisorLostInACommentIsReported) {
  EXPECT_EQ(
      errorsOf("model m {\n  size a = 8 // 2\n  let b = n // (2 * a)\n  size heads = 2\n  axis c = a // heads\n}\n"),
      (Errors{"comment-reads-as-division:2", "comment-reads-as-division:3", "comment-reads-as-division:5"}));
}

TEST(Comments, ProseIsAComment) {
  EXPECT_EQ(errorsOf("model m {\n  size a = 8 // 1.25 even shares\n  let b = n // tied\n"
                     "  let c = b // [batch, seq]\n  axis d = (a // 2) // the half\n}\n"),
            Errors{});
}

} // namespace
