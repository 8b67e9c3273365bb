// Trees: precedence, the forms of each construct, places, limits; and the round trip through the formatter.
#include "compiler/parse/Parse.h"
#include "test/parse/RoundTrip.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace kinu;

namespace {

struct Parsed {
  SourceMap sources;
  Diagnostics diagnostics;
  std::unique_ptr<syntax::File> file;

  explicit Parsed(std::string text) {
    FileId id = sources.addText("t.kinu", std::move(text));
    file = parse::parseFile(sources, id, diagnostics);
  }
  std::string dump() const {
    std::string text;
    llvm::raw_string_ostream out(text);
    if (diagnostics.hasErrors())
      renderText(diagnostics, sources, out);
    else
      syntax::dump(*file, out);
    return text;
  }
  std::vector<std::string> errors() const {
    std::vector<std::string> ids;
    for (const Diagnostic *diagnostic : diagnostics.sorted())
      ids.push_back(diagnostic->id);
    return ids;
  }
};

/// The dump of an expression.
std::string expr(std::string text) {
  std::string dump = Parsed("def f(x[...]) { return " + text + " }").dump();
  size_t begin = dump.find("(return ");
  return begin == std::string::npos ? dump : dump.substr(begin + 8, dump.find(")\nend") - begin - 8);
}

using Ids = std::vector<std::string>;

TEST(Expressions, ContractionsRankWithProductsFromLeftToRight) {
  EXPECT_EQ(expr("a * b @{e} c + d"), "(+ (@{e} (* a b) c) d)");
  EXPECT_EQ(expr("p @{key} v @{head, dim} wo + bo"), "(+ (@{head dim} (@{key} p v) wo) bo)");
  EXPECT_EQ(expr("q @{dim} k / sqrt(2)"), "(/ (@{dim} q k) (call sqrt 2))");
}

TEST(Expressions, PowerBindsTighterThanMinusAndGroupsToTheRight) {
  EXPECT_EQ(expr("-a ^ b ^ -c"), "(- (^ a (^ b (- c))))");
  EXPECT_EQ(expr("2 * -a"), "(* 2 (- a))");
}

TEST(Expressions, NotRanksBetweenAndAndComparisons) {
  EXPECT_EQ(expr("a or not b == c and d"), "(or a (and (not (== b c)) d))");
  EXPECT_EQ(Parsed("def f() { return a + not b }").errors(), Ids{"misplaced-not"});
}

TEST(Expressions, ComparisonsDoNotChainUnlessInParentheses) {
  EXPECT_EQ(Parsed("def f() { return a < b < c }").errors(), Ids{"chained-comparison"});
  EXPECT_EQ(expr("(a < b) == c"), "(== (< a b) c)");
}

TEST(Expressions, BracketsLookUpSliceRenameSplitAndJoin) {
  EXPECT_EQ(expr("w[a = i, b = j else 0]"), "(select w (lookup a i) (lookup b j) else 0)");
  EXPECT_EQ(expr("x[dim = 0..n / 2 as half]"), "(select x (slice dim 0 (/ n 2) -> half))");
  EXPECT_EQ(expr("x[seq as key]"), "(select x (rename seq -> key))");
  EXPECT_EQ(expr("x[d as (s, h)][(s, h) as d]"), "(select (select x (split d -> s h)) (join s h -> d))");
  EXPECT_EQ(Parsed("def f() { return x[a = 0..2] }").errors(), Ids{"slice-without-axis"});
}

TEST(Expressions, CallsTakePositionsLabelsAndIndices) {
  EXPECT_EQ(expr("scatter(x, over: {s, t}, a = i else drop)"), "(call scatter x over: {s t} a = i else drop)");
  EXPECT_EQ(expr("top(x, over: a, as: c)"), "(call top x over: a as: c)");
  EXPECT_EQ(Parsed("def f() { return g(over: a, x) }").errors(), Ids{"positional-after-labelled"});
}

TEST(Expressions, ListsInParenthesesStandOnlyBehindLabels) {
  EXPECT_EQ(expr("g(betas: (0.9, 0.95))"), "(call g betas: (tuple 0.9 0.95))");
  EXPECT_EQ(Parsed("def f() { return (a, b) }").errors(), Ids{"misplaced-tuple"});
  EXPECT_EQ(Parsed("def f() { return g(betas: (a, b) + 1) }").errors(), Ids{"misplaced-tuple"});
}

TEST(Expressions, WholeNumbersFitIn64Bits) {
  EXPECT_EQ(expr("9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(Parsed("def f() { return 9223372036854775808 }").errors(), Ids{"number-out-of-range"});
  EXPECT_EQ(Parsed("def f() { return 1e999 }").errors(), Ids{"number-out-of-range"});
}

TEST(Limits, NestingOfAMillionIsOneError) {
  for (std::string open : {"(", "-", "not ", "f(", "x[a = ", "1 ^ "}) {
    std::string text = "def f() { return ";
    for (int level = 0; level < 1000000; ++level)
      text += open;
    EXPECT_EQ(Parsed(text).errors(), Ids{"nested-too-deeply"}) << open;
  }
}

TEST(Limits, ChainsOfAMillionAreOneError) {
  for (std::string link : {" + 1", " @{e} w", "[a as b]"}) {
    std::string text = "def f() { return 1";
    for (int level = 0; level < 1000000; ++level)
      text += link;
    EXPECT_EQ(Parsed(text).errors(), Ids{"nested-too-deeply"}) << link;
  }
}

TEST(Limits, BodiesInBodiesOfAMillionAreOneError) {
  std::string text = "model m {\n";
  for (int level = 0; level < 1000000; ++level)
    text += "repeat r = 2 {\n";
  EXPECT_EQ(Parsed(text).errors(), Ids{"nested-too-deeply"});
}

TEST(Limits, FilesAbove16MiBAreRefused) {
  EXPECT_EQ(Parsed(std::string(maxSourceBytes + 1, ' ')).errors(), Ids{"source-too-large"});
}

TEST(Statements, ListsShareTheNextShapeAndInitialiser) {
  Parsed parsed("model m { weight wq[e, h], wk, wv[e, g] = normal(0.02) }");
  auto &model = std::get<syntax::ModelDecl>(parsed.file->items.front());
  auto &weights = llvm::cast<syntax::WeightStatement>(*model.body.statements.front());
  EXPECT_EQ(weights.axesOf(1)->entries[1].name.text, "g");
  EXPECT_EQ(weights.axesOf(0)->entries[1].name.text, "h");
  EXPECT_TRUE(weights.initialiserOf(0) != nullptr && weights.initialiserOf(0) == weights.initialiserOf(2));
}

TEST(Statements, ANodeCoversItsSource) {
  Parsed parsed("model m {\n  let q = (a + b) * c // note\n}");
  auto &model = std::get<syntax::ModelDecl>(parsed.file->items.front());
  auto &let = llvm::cast<syntax::LetStatement>(*model.body.statements.front());
  EXPECT_EQ(parsed.sources.text(let.range), "let q = (a + b) * c");
  EXPECT_EQ(parsed.sources.text(let.value->range), "(a + b) * c");
  EXPECT_EQ(parsed.sources.text(let.name.range), "q");
}

TEST(Statements, GainAndBiasAreGoodNames) {
  EXPECT_FALSE(Parsed("block n(x[a]) -> [a] { gain gain[a] = ones bias bias[a] = zeros return x * gain + bias }")
                   .diagnostics.hasErrors());
}

TEST(Clauses, CommasGoOnWithAClauseUnlessAWordOfLayoutsFollows) {
  EXPECT_EQ(Parsed("layout l { mesh a = 1 | 2, b = 3, nodes 4, recompute layers e.l 0..2, 3, zero 1 on a }").dump(),
            "(layout l\n  (mesh (a 1 2) (b 3))\n  (nodes 4)\n  (recompute layers (e.l 0 .. 2) ( 3))\n"
            "  (zero 1 on a)\nend)\n");
}

TEST(Clauses, SayingAThingTwiceIsAnError) {
  EXPECT_EQ(Parsed("train m { steps 1 batch 2 seq 3 steps 4 seq 5 }").errors(),
            (Ids{"duplicate-clause", "duplicate-clause"}));
}

TEST(RoundTrip, EverySpecOfTheRepositoryKeepsItsTree) {
  unsigned files = 0;
  for (std::string folder : {"/examples", "/compiler/std", "/test"}) {
    std::error_code error;
    for (llvm::sys::fs::recursive_directory_iterator entry(KINU_SOURCE_DIR + folder, error), end;
         entry != end && !error; entry.increment(error)) {
      if (!llvm::StringRef(entry->path()).ends_with(".kinu"))
        continue;
      auto buffer = llvm::MemoryBuffer::getFile(entry->path());
      ASSERT_TRUE(static_cast<bool>(buffer)) << entry->path();
      EXPECT_EQ(roundTrip((*buffer)->getBuffer().str()), "") << entry->path();
      ++files;
    }
  }
  EXPECT_GT(files, 4u);
}

} // namespace
