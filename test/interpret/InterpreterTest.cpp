// Every op of the reference interpreter against values worked out by hand.
#include "test/interpret/Run.h"

#include "runtime/Philox.h"

#include <cmath>

using namespace kinu;
using namespace kinu::test;
using interpret::Interpreter;
using interpret::Tensor;

/// Runs the ops of `body`, whose last value is %r of type `type`, over x[a=2, b=3] = 1..6, y[b=3] = 3, -1, 2 and
/// i[b=3] = 2, 0, 1; returns the elements of %r.
static std::vector<double> evaluate(const std::string &body, const std::string &type) {
  Graph graph("kinu.program @p {\n"
              "%x = kinu.input \"x\" : !kinu.tensor<a=2, b=3 : f32>\n"
              "%y = kinu.input \"y\" : !kinu.tensor<b=3 : f32>\n"
              "%i = kinu.input \"i\" : !kinu.tensor<b=3 : i64>\n" +
              body + "\nkinu.output \"r\", %r : !kinu.tensor<" + type + ">\n}");
  Interpreter interpreter(*graph.module);
  interpreter.setInput("x", graph.floats("a=2, b=3", {1, 2, 3, 4, 5, 6}));
  interpreter.setInput("y", graph.floats("b=3", {3, -1, 2}));
  interpreter.setInput("i", graph.ints("b=3", {2, 0, 1}));
  run(interpreter, "p");
  if (!interpreter.hasOutput("r"))
    return {};
  const Tensor &result = interpreter.output("r");
  std::vector<double> values;
  for (int64_t k = 0; k < result.size(); ++k)
    values.push_back(result[k]);
  return values;
}

using Values = std::vector<double>;
#define X "!kinu.tensor<a=2, b=3 : f32>"
#define Y "!kinu.tensor<b=3 : f32>"
#define I "!kinu.tensor<b=3 : i64>"

TEST(Interpreter, UnaryOpsComputeInDouble) {
  EXPECT_EQ(evaluate("%r = kinu.neg %y : " Y, "b=3 : f32"), (Values{-3, 1, -2}));
  EXPECT_EQ(evaluate("%r = kinu.abs %y : " Y, "b=3 : f32"), (Values{3, 1, 2}));
  EXPECT_EQ(evaluate("%r = kinu.exp %y : " Y, "b=3 : f32"), (Values{std::exp(3.0), std::exp(-1.0), std::exp(2.0)}));
  EXPECT_EQ(evaluate("%r = kinu.erf %y : " Y, "b=3 : f32"), (Values{std::erf(3.0), std::erf(-1.0), std::erf(2.0)}));
  EXPECT_EQ(evaluate("%r = kinu.fp32 %y : " Y, "b=3 : f32"), (Values{3, -1, 2}));
  EXPECT_EQ(evaluate("%r = kinu.to_float %i : (" I ") -> " Y, "b=3 : f32"), (Values{2, 0, 1}));
}

TEST(Interpreter, ToIntRoundsDown) {
  EXPECT_EQ(evaluate("%h = kinu.constant(0.5) : !kinu.tensor<f32>\n"
                     "%p = kinu.mul %y, %h : (" Y ", !kinu.tensor<f32>) -> " Y "\n"
                     "%r = kinu.to_int %p : (" Y ") -> " I,
                     "b=3 : i64"),
            (Values{1, -1, 1}));
}

TEST(Interpreter, BinaryOpsJoinByName) {
  EXPECT_EQ(evaluate("%r = kinu.mul %x, %y : (" X ", " Y ") -> " X, "a=2, b=3 : f32"), (Values{3, -2, 6, 12, -5, 12}));
  EXPECT_EQ(evaluate("%r = kinu.sub %y, %x : (" Y ", " X ") -> !kinu.tensor<b=3, a=2 : f32>", "b=3, a=2 : f32"),
            (Values{2, -1, -3, -6, -1, -4}));
  EXPECT_EQ(evaluate("%r = kinu.max %x, %y : (" X ", " Y ") -> " X, "a=2, b=3 : f32"), (Values{3, 2, 3, 4, 5, 6}));
}

TEST(Interpreter, FloorDivisionAndModuloRoundDown) {
  std::string offset =
      "%m = kinu.constant(-3 : i64) : !kinu.tensor<i64>\n%d = kinu.constant(2 : i64) : !kinu.tensor<i64>\n"
      "%j = kinu.add %i, %m : (" I ", !kinu.tensor<i64>) -> " I "\n"; // -1, -3, -2
  EXPECT_EQ(evaluate(offset + "%r = kinu.floordiv %j, %d : (" I ", !kinu.tensor<i64>) -> " I, "b=3 : i64"),
            (Values{-1, -2, -1}));
  EXPECT_EQ(evaluate(offset + "%r = kinu.mod %j, %d : (" I ", !kinu.tensor<i64>) -> " I, "b=3 : i64"),
            (Values{1, 1, 0}));
}

TEST(Interpreter, ChainKeepsAnExactZeroZero) {
  EXPECT_EQ(evaluate("%z = kinu.constant(0.0) : !kinu.tensor<f32>\n"
                     "%q = kinu.div %y, %z : (" Y ", !kinu.tensor<f32>) -> " Y "\n" // infinities
                     "%r = kinu.chain %z, %q : (!kinu.tensor<f32>, " Y ") -> " Y,
                     "b=3 : f32"),
            (Values{0, 0, 0}));
}

TEST(Interpreter, SelectTakesOneSide) {
  EXPECT_EQ(evaluate("%c = kinu.compare gt %x, %y : (" X ", " Y ") -> !kinu.tensor<a=2, b=3 : i1>\n"
                     "%r = kinu.select %c, %x, %y : (!kinu.tensor<a=2, b=3 : i1>, " X ", " Y ") -> " X,
                     "a=2, b=3 : f32"),
            (Values{3, 2, 3, 4, 5, 6}));
}

TEST(Interpreter, DotSumsOverExactlyTheAxesNamed) {
  EXPECT_EQ(evaluate("%r = kinu.dot %x, %y over [\"b\"] : (" X ", " Y ") -> !kinu.tensor<a=2 : f32>", "a=2 : f32"),
            (Values{1 * 3 - 2 + 3 * 2, 4 * 3 - 5 + 6 * 2}));
  EXPECT_EQ(evaluate("%r = kinu.dot %x, %x over [\"a\"] : (" X ", " X ") -> " Y, "b=3 : f32"), (Values{17, 29, 45}));
}

TEST(Interpreter, ReductionsAndRunningSums) {
  EXPECT_EQ(evaluate("%r = kinu.reduce sum %x over [\"a\"] : (" X ") -> " Y, "b=3 : f32"), (Values{5, 7, 9}));
  EXPECT_EQ(evaluate("%r = kinu.reduce max %x over [\"b\"] : (" X ") -> !kinu.tensor<a=2 : f32>", "a=2 : f32"),
            (Values{3, 6}));
  EXPECT_EQ(evaluate("%r = kinu.reduce min %y over [\"b\"] : (" Y ") -> !kinu.tensor<f32>", "f32"), (Values{-1}));
  EXPECT_EQ(evaluate("%r = kinu.cumsum %x over \"b\" : " X, "a=2, b=3 : f32"), (Values{1, 3, 6, 4, 9, 15}));
  EXPECT_EQ(evaluate("%r = kinu.cumsum %x over \"b\" reverse : " X, "a=2, b=3 : f32"), (Values{6, 5, 3, 15, 11, 6}));
}

TEST(Interpreter, LookupReplacesAnAxisAndAlignsTheRest) {
  EXPECT_EQ(evaluate("%r = kinu.lookup %x[\"b\"] at %i : (" X ", " I ") -> " X, "a=2, b=3 : f32"),
            (Values{3, 1, 2, 6, 4, 5}));
}

TEST(Interpreter, LookupElseReadsTheNumberOutsideTheRange) {
  EXPECT_EQ(evaluate("%r = kinu.lookup %x[\"a\"] at %i else 9.0 : (" X ", " I ") -> " Y, "b=3 : f32"),
            (Values{9, 2, 6}));
}

TEST(Interpreter, ScatterSumsAndDrops) {
  EXPECT_EQ(evaluate("%h = kinu.constant(2 : i64) : !kinu.tensor<i64>\n"
                     "%j = kinu.floordiv %i, %h : (" I ", !kinu.tensor<i64>) -> " I "\n" // 1, 0, 0
                     "%r = kinu.scatter %x over [\"b\"] to [\"c\"] at %j : (" X ", " I
                     ") -> !kinu.tensor<a=2, c=2 : f32>",
                     "a=2, c=2 : f32"),
            (Values{5, 1, 11, 4}));
  EXPECT_EQ(evaluate("%r = kinu.scatter %y over [\"b\"] to [\"c\"] at %i drop : (" Y ", " I
                     ") -> !kinu.tensor<c=2 : f32>",
                     "c=2 : f32"),
            (Values{-1, 2}));
}

TEST(Interpreter, TopOrdersByValueThenByIndex) {
  EXPECT_EQ(evaluate("%r = kinu.top %y over \"b\" as \"k\" : (" Y ") -> !kinu.tensor<k=2 : i64>", "k=2 : i64"),
            (Values{0, 2}));
  EXPECT_EQ(evaluate("%z = kinu.sub %y, %y : (" Y ", " Y ") -> " Y "\n"
                     "%r = kinu.top %z over \"b\" as \"k\" : (" Y ") -> !kinu.tensor<k=2 : i64>",
                     "k=2 : i64"),
            (Values{0, 1}));
}

TEST(Interpreter, AxesAreRenamedSlicedAndPadded) {
  EXPECT_EQ(evaluate("%r = kinu.rename %x \"b\" to \"c\" : (" X ") -> !kinu.tensor<c=3, a=2 : f32>", "c=3, a=2 : f32"),
            (Values{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(
      evaluate("%r = kinu.slice %x \"b\" from 1 as \"c\" : (" X ") -> !kinu.tensor<a=2, c=2 : f32>", "a=2, c=2 : f32"),
      (Values{2, 3, 5, 6}));
  EXPECT_EQ(evaluate("%r = kinu.pad %y \"b\" at 1 as \"c\" : (" Y ") -> !kinu.tensor<c=5 : f32>", "c=5 : f32"),
            (Values{0, 3, -1, 2, 0}));
}

TEST(Interpreter, SplitsJoinsAndConcatenates) {
  EXPECT_EQ(evaluate("%r = kinu.join %x [\"b\", \"a\"] into \"c\" : (" X ") -> !kinu.tensor<c=6 : f32>", "c=6 : f32"),
            (Values{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(
      evaluate(
          "%j = kinu.join %x [\"a\", \"b\"] into \"c\" : (" X ") -> !kinu.tensor<c=6 : f32>\n"
          "%r = kinu.split %j \"c\" into [\"d\", \"e\"] : (!kinu.tensor<c=6 : f32>) -> !kinu.tensor<e=2, d=3 : f32>",
          "e=2, d=3 : f32"),
      (Values{1, 3, 5, 2, 4, 6}));
  EXPECT_EQ(evaluate("%r = kinu.concat %x, %y along [\"b\", \"b\"] as \"c\" : (" X ", " Y
                     ") -> !kinu.tensor<a=2, c=6 : f32>",
                     "a=2, c=6 : f32"),
            (Values{1, 2, 3, 3, -1, 2, 4, 5, 6, 3, -1, 2}));
  EXPECT_EQ(evaluate("%r = kinu.broadcast %y : (" Y ") -> " X, "a=2, b=3 : f32"), (Values{3, -1, 2, 3, -1, 2}));
}

TEST(Interpreter, RepeatCarriesSumsSavesAndStacks) {
  std::string body = "{\n^bb0(%n: !kinu.tensor<i64>, %h: " Y ", %s: !kinu.tensor<f32>):\n"
                     "%g = kinu.mul %h, %s : (" Y ", !kinu.tensor<f32>) -> " Y "\n"
                     "%t = kinu.to_float %n : (!kinu.tensor<i64>) -> !kinu.tensor<f32>\n"
                     "kinu.yield %g, %t, %h : " Y ", !kinu.tensor<f32>, " Y "\n}\n";
  std::string head = "%w = kinu.slice %y \"b\" from 0 as \"l\" : (" Y ") -> !kinu.tensor<l=2 : f32>\n";
  std::string operands = "carried(%y : " Y ") stacked(%w : !kinu.tensor<l=2 : f32>) -> carried(" Y
                         ") sums(!kinu.tensor<f32>) saved(!kinu.tensor<b=3, l=2 : f32>) ";
  std::string forward = head + "%q:3 = kinu.repeat \"l\" 2 " + operands + body;
  EXPECT_EQ(evaluate(forward + "%r = kinu.fp32 %q#0 : " Y, "b=3 : f32"), (Values{-9, 3, -6}));
  EXPECT_EQ(evaluate(forward + "%r = kinu.fp32 %q#1 : !kinu.tensor<f32>", "f32"), (Values{1}));
  EXPECT_EQ(evaluate(forward + "%r = kinu.fp32 %q#2 : !kinu.tensor<b=3, l=2 : f32>", "b=3, l=2 : f32"),
            (Values{3, 9, -1, -3, 2, 6}));
  EXPECT_EQ(evaluate(head + "%q:3 = kinu.repeat \"l\" 2 reverse " + operands + body +
                         "%r = kinu.fp32 %q#2 : !kinu.tensor<b=3, l=2 : f32>",
                     "b=3, l=2 : f32"),
            (Values{-3, 3, 1, -1, -2, 2}));
}

TEST(Interpreter, VariablesAreReadWrittenAndAccumulatedByRound) {
  Graph graph(R"(
    kinu.variable @w weight ones(0.0, 0.0) : !kinu.tensor<l=2, b=2 : f32>
    kinu.variable @g gradient zeros(0.0, 0.0) of "w" : !kinu.tensor<l=2, b=2 : f32>
    kinu.program @p {
      %n = kinu.constant(1 : i64) : !kinu.tensor<i64>
      %w = kinu.read @w[%n : !kinu.tensor<i64>] : !kinu.tensor<b=2 : f32>
      %d = kinu.add %w, %w : (!kinu.tensor<b=2 : f32>, !kinu.tensor<b=2 : f32>) -> !kinu.tensor<b=2 : f32>
      kinu.write @w[%n : !kinu.tensor<i64>], %d : !kinu.tensor<b=2 : f32>
      kinu.accumulate @g[%n : !kinu.tensor<i64>], %d : !kinu.tensor<b=2 : f32>
    })");
  Interpreter interpreter(*graph.module);
  interpreter.initializeVariables(1);
  run(interpreter, "p"); // without `$first`, accumulation replaces
  EXPECT_EQ(interpreter.variable("w").floats, (Values{1, 1, 2, 2}));
  EXPECT_EQ(interpreter.variable("g").floats, (Values{0, 0, 2, 2}));
  interpreter.setInput("$first", int64_t(0));
  run(interpreter, "p");
  EXPECT_EQ(interpreter.variable("g").floats, (Values{0, 0, 6, 6}));
}

TEST(Interpreter, RandomCountsElementsOfTheGlobalBatch) {
  Graph graph(R"(
    kinu.program @p {
      %seed = kinu.input "$seed" : !kinu.tensor<i64>
      %step = kinu.input "$step" : !kinu.tensor<i64>
      %first = kinu.input "$batch_offset" : !kinu.tensor<i64>
      %round = kinu.constant(5 : i64) : !kinu.tensor<i64>
      %r = kinu.random 77 of 8(%seed, %step, %first, %round)
        : (!kinu.tensor<i64>, !kinu.tensor<i64>, !kinu.tensor<i64>, !kinu.tensor<i64>) -> !kinu.tensor<batch=2, axis=3 : f32>
      kinu.output "r", %r : !kinu.tensor<batch=2, axis=3 : f32>
    })");
  Interpreter interpreter(*graph.module);
  interpreter.setInput("$seed", int64_t(3));
  interpreter.setInput("$step", int64_t(9));
  interpreter.setInput("$batch_offset", int64_t(4));
  run(interpreter, "p");
  // Sorted by name the axes are (axis, batch of 8): element (batch 1, axis 2) is number 2 * 8 + 4 + 1.
  EXPECT_EQ(interpreter.output("r").floats[1 * 3 + 2], rt::randomElement(3, 77, 21, 9, 5));
}

TEST(Interpreter, FaultsAreReported) {
  Graph graph(R"(
    kinu.program @p {
      %x = kinu.input "x" : !kinu.tensor<a=2 : f32>
      %i = kinu.input "i" : !kinu.tensor<i64>
      %r = kinu.lookup %x["a"] at %i : (!kinu.tensor<a=2 : f32>, !kinu.tensor<i64>) -> !kinu.tensor<f32>
    })");
  Interpreter interpreter(*graph.module);
  EXPECT_EQ(llvm::toString(interpreter.run("q")), "no program q");
  EXPECT_EQ(llvm::toString(interpreter.run("p")), "input x is not set");
  interpreter.setInput("x", graph.floats("a=3", {1, 2, 3}));
  EXPECT_EQ(llvm::toString(interpreter.run("p")), "input x has other axes or elements than the program reads");
  interpreter.setInput("x", graph.floats("a=2", {1, 2}));
  interpreter.setInput("i", int64_t(2));
  EXPECT_EQ(llvm::toString(interpreter.run("p")), "an index of kinu.lookup is out of range");
}

// 16-bit numbers are rounded where they are made, ties to even, unless an exact oracle is asked for.
TEST(Interpreter, CastsRound) {
  auto values = [](const char *format, bool rounds) {
    std::string to = std::string("!kinu.tensor<b=3 : ") + format + ">";
    Graph graph("kinu.program @p {\n%y = kinu.input \"y\" : " Y "\n%h = kinu.cast %y : (" Y ") -> " + to +
                "\n%r = kinu.cast %h : (" + to + ") -> " Y "\nkinu.output \"r\", %r : " Y "\n}");
    Interpreter interpreter(*graph.module);
    interpreter.roundCasts = rounds;
    interpreter.setInput("y", graph.floats("b=3", {1 + 1.0 / 256, 1 + 3.0 / 2048, 65520}));
    run(interpreter, "p");
    return interpreter.output("r").floats;
  };
  EXPECT_EQ(values("bf16", true), (Values{1, 1, 65536}));
  EXPECT_EQ(values("f16", true), (Values{1 + 1.0 / 256, 1 + 4.0 / 2048, HUGE_VAL}));
  EXPECT_EQ(values("f16", false), (Values{1 + 1.0 / 256, 1 + 3.0 / 2048, 65520}));
}
