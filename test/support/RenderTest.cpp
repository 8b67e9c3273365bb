// Diagnostics as people and programs see them.
#include "compiler/support/Diagnostics.h"

#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace kinu;

namespace {

struct Report {
  SourceMap sources;
  Diagnostics diagnostics;
  FileId file;

  explicit Report(std::string text) : file(sources.addText("t.kinu", std::move(text))) {}

  /// The place of the first `word` in the source.
  SourceRange place(llvm::StringRef word) const {
    uint32_t begin = sources.text(file).find(word);
    return {file, begin, begin + static_cast<uint32_t>(word.size())};
  }
  std::string text(RenderOptions options = {}) const {
    std::string result;
    llvm::raw_string_ostream out(result);
    renderText(diagnostics, sources, out, options);
    return result;
  }
};

TEST(Render, ShowsTheLineAllPlacesAndTheHelp) {
  Report report("model m {\n  let q = x @ wq\n}\n");
  report.diagnostics.error("some-id", report.place("wq"), "the sentence").also(report.place("x @")).suggest("do this");
  EXPECT_EQ(report.text(), "t.kinu:2:15: error: the sentence\n"
                           "    2 |   let q = x @ wq\n"
                           "      |           ~~~ ~~\n"
                           "   help: do this\n");
}

TEST(Render, OtherLinesAreShownInOrder) {
  Report report("one\ntwo\n");
  report.diagnostics.error("id", report.place("two"), "both").also(report.place("one"));
  EXPECT_EQ(report.text(), "t.kinu:2:1: error: both\n    1 | one\n      | ~~~\n    2 | two\n      | ~~~\n");
}

TEST(Render, ANoteHasAPlaceAndASentence) {
  Report report("one\ntwo\n");
  report.diagnostics.warning("id", report.place("two"), "again").note(report.place("one"), "first here");
  EXPECT_EQ(report.text(), "t.kinu:2:1: warning: again\n    2 | two\n      | ~~~\n"
                           "t.kinu:1:1: note: first here\n    1 | one\n      | ~~~\n");
}

TEST(Render, WideCharactersTakeTwoCellsAndOneColumn) {
  Report report("\"\xe6\x97\xa5\xe6\x9c\xac\" x\n");
  report.diagnostics.error("id", report.place("x"), "m");
  EXPECT_EQ(report.text(), "t.kinu:1:6: error: m\n    1 | \"\xe6\x97\xa5\xe6\x9c\xac\" x\n      |        ^\n");
}

TEST(Render, TabsAreBlanksAndLineEndsOfWindowsVanish) {
  Report report("\tx\r\ny\r\n");
  report.diagnostics.error("id", report.place("x"), "m");
  EXPECT_EQ(report.text(), "t.kinu:1:2: error: m\n    1 |     x\n      |     ^\n");
}

TEST(Render, NothingThatATerminalObeysIsWritten) {
  Report report("a\x1b[31m\xff b\n");
  report.diagnostics.error("id", report.place("b"), "m");
  EXPECT_EQ(report.text(), "t.kinu:1:9: error: m\n    1 | a?[31m? b\n      |         ^\n");
}

TEST(Render, ALongLineIsCutAroundThePlace) {
  Report report(std::string(5000, 'a') + " here " + std::string(5000, 'b'));
  report.diagnostics.error("id", report.place("here"), "m");
  std::string text = report.text();
  EXPECT_LT(text.size(), 500u);
  EXPECT_NE(text.find(" here "), std::string::npos);
  EXPECT_NE(text.find("~~~~"), std::string::npos);
}

TEST(Render, ErrorsAreSortedOnceEachAndLimited) {
  Report report("a b c\n");
  report.diagnostics.error("id", report.place("c"), "third");
  report.diagnostics.error("id", report.place("a"), "first");
  report.diagnostics.error("id", report.place("a"), "first");
  report.diagnostics.error("id", report.place("b"), "second");
  std::string text = report.text({.color = false, .limit = 2});
  EXPECT_LT(text.find("first"), text.find("second"));
  EXPECT_EQ(text.find("first"), text.rfind("first"));
  EXPECT_EQ(text.find("third"), std::string::npos);
  EXPECT_NE(text.find("1 more error not shown"), std::string::npos);
}

TEST(Render, ColorIsOnlyWrittenWhenAsked) {
  Report report("a\n");
  report.diagnostics.error("id", report.place("a"), "m");
  EXPECT_EQ(report.text().find('\x1b'), std::string::npos);
  EXPECT_NE(report.text({.color = true}).find('\x1b'), std::string::npos);
}

TEST(Render, JsonIsOneObjectALine) {
  Report report("a\nbb\n");
  report.diagnostics.error("some-id", report.place("bb"), "say \"x\"").note(report.place("a"), "n").suggest("h");
  std::string text;
  llvm::raw_string_ostream out(text);
  renderJson(report.diagnostics, report.sources, out);
  EXPECT_EQ(text, R"({"column":1,"endColumn":3,"endLine":2,"file":"t.kinu","help":"h","id":"some-id","line":2,)"
                  R"("message":"say \"x\"","notes":[{"column":1,"endColumn":2,"endLine":1,"file":"t.kinu","line":1,)"
                  R"("message":"n"}],"severity":"error"})"
                  "\n");
}

TEST(ClosestWord, OnlyLikelySlipsAreOffered) {
  std::vector<std::string> words = {"embed", "seq", "key"};
  EXPECT_EQ(closestWord("embd", words), "embed");
  EXPECT_EQ(closestWord("kye", words), "key");
  EXPECT_EQ(closestWord("position", words), "");
}

} // namespace
