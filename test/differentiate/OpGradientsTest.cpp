// Every op's derivative against central differences, relative 1e-6.
#include "test/differentiate/Gradients.h"

using namespace kinu::test;

#define X "!kinu.tensor<a=2, b=3 : f32>"
#define Y "!kinu.tensor<b=3 : f32>"
#define Z "!kinu.tensor<f32>"
#define I "!kinu.tensor<b=3 : i64>"

TEST(OpGradients, UnaryOps) {
  for (const char *name : {"neg", "fp32", "exp", "tanh", "erf", "sin", "cos", "abs"}) {
    SCOPED_TRACE(name);
    checkOps("%r = kinu." + std::string(name) + " %x : " X, "a=2, b=3");
  }
  for (const char *name : {"log", "sqrt"}) {
    SCOPED_TRACE(name);
    checkOps("%r = kinu." + std::string(name) + " %x : " X, "a=2, b=3", 0.5, 2);
  }
}

TEST(OpGradients, BinaryOpsOfTheSameAxesAndOfFewer) {
  for (const char *name : {"add", "sub", "mul", "div", "pow", "max", "min"}) {
    SCOPED_TRACE(name);
    std::string op = "%r = kinu." + std::string(name);
    checkOps(op + " %x, %y : (" X ", " Y ") -> " X, "a=2, b=3", 0.5, 2);
    checkOps(op + " %z, %x : (" Z ", " X ") -> !kinu.tensor<b=3, a=2 : f32>", "b=3, a=2", 0.5, 2);
    checkOps("%w = kinu.rename %y \"b\" to \"c\" : (" Y ") -> !kinu.tensor<c=3 : f32>\n" + op +
                 " %y, %w : (" Y ", !kinu.tensor<c=3 : f32>) -> !kinu.tensor<b=3, c=3 : f32>",
             "b=3, c=3", 0.5, 2);
  }
}

TEST(OpGradients, AnOpUsedTwiceByOneOp) { checkOps("%r = kinu.mul %x, %x : (" X ", " X ") -> " X, "a=2, b=3"); }

TEST(OpGradients, SelectPassesNothingToTheOtherSide) {
  checkOps("%c1 = kinu.compare gt %x, %y : (" X ", " Y ") -> !kinu.tensor<a=2, b=3 : i1>\n"
           "%r = kinu.select %c1, %x, %z : (!kinu.tensor<a=2, b=3 : i1>, " X ", " Z ") -> " X,
           "a=2, b=3");
}

// where(x > 0, log(x), 0): the derivative of the logarithm is never seen where it is not chosen.
TEST(OpGradients, AZeroGradientStaysZeroWhateverTheDerivative) {
  checkOps("%o = kinu.constant(0.0) : " Z "\n"
           "%m = kinu.max %x, %o : (" X ", " Z ") -> " X "\n" // exact zeros
           "%c1 = kinu.compare gt %m, %o : (" X ", " Z ") -> !kinu.tensor<a=2, b=3 : i1>\n"
           "%g = kinu.log %m : " X "\n"
           "%r = kinu.select %c1, %g, %o : (!kinu.tensor<a=2, b=3 : i1>, " X ", " Z ") -> " X,
           "a=2, b=3");
}

TEST(OpGradients, Dots) {
  checkOps("%r = kinu.dot %x, %y over [\"b\"] : (" X ", " Y ") -> !kinu.tensor<a=2 : f32>", "a=2");
  checkOps("%r = kinu.dot %x, %y over [] : (" X ", " Y ") -> !kinu.tensor<b=3, a=2 : f32>", "b=3, a=2");
  checkOps("%w = kinu.rename %x \"a\" to \"c\" : (" X ") -> !kinu.tensor<c=2, b=3 : f32>\n"
           "%r = kinu.dot %w, %x over [\"b\"] : (!kinu.tensor<c=2, b=3 : f32>, " X ") -> !kinu.tensor<c=2, a=2 : f32>",
           "c=2, a=2");
  checkOps("%w = kinu.rename %x \"a\" to \"c\" : (" X
           ") -> !kinu.tensor<c=2, b=3 : f32>\n" // one-sided and carried axes
           "%r = kinu.dot %w, %x over [] : (!kinu.tensor<c=2, b=3 : f32>, " X ") -> !kinu.tensor<c=2, b=3, a=2 : f32>",
           "c=2, b=3, a=2");
  checkOps("%r = kinu.dot %x, %x over [\"a\", \"b\"] : (" X ", " X ") -> " Z, "");
}

TEST(OpGradients, Reductions) {
  for (const char *kind : {"sum", "max", "min"}) {
    SCOPED_TRACE(kind);
    std::string op = "%r = kinu.reduce " + std::string(kind);
    checkOps(op + " %x over [\"b\"] : (" X ") -> !kinu.tensor<a=2 : f32>", "a=2");
    checkOps(op + " %x over [\"b\", \"a\"] : (" X ") -> " Z, "");
  }
}

// Of two equal maxima the first has the whole gradient.
TEST(OpGradients, AMaximumPassesItsGradientToTheFirstThatAttainsIt) {
  Differentiated graph(weight("x", "a=3") + R"(kinu.program @train {
    %x = kinu.read @x : !kinu.tensor<a=3 : f32>
    %m = kinu.reduce max %x over ["a"] : (!kinu.tensor<a=3 : f32>) -> !kinu.tensor<f32>
    kinu.output "$loss_sum", %m : !kinu.tensor<f32>
  })");
  graph.interpreter->setVariable("x", graph.floats("a=3", {1, 2, 2}));
  graph.loss();
  EXPECT_EQ(graph.interpreter->variable("x.gradient").floats, (std::vector<double>{0, 1.0 / 3, 0}));
}

TEST(OpGradients, BroadcastAndRunningSums) {
  checkOps("%r = kinu.broadcast %y : (" Y ") -> " X, "a=2, b=3");
  checkOps("%r = kinu.cumsum %x over \"b\" : " X, "a=2, b=3");
  checkOps("%r = kinu.cumsum %x over \"a\" reverse : " X, "a=2, b=3");
}

TEST(OpGradients, AxesRenamedSlicedPaddedSplitJoinedAndConcatenated) {
  checkOps("%r = kinu.rename %x \"b\" to \"c\" : (" X ") -> !kinu.tensor<c=3, a=2 : f32>", "c=3, a=2");
  checkOps("%r = kinu.slice %x \"b\" from 1 as \"c\" : (" X ") -> !kinu.tensor<a=2, c=2 : f32>", "a=2, c=2");
  checkOps("%r = kinu.pad %x \"b\" at 1 as \"c\" : (" X ") -> !kinu.tensor<c=5, a=2 : f32>", "c=5, a=2");
  checkOps("%r = kinu.join %x [\"b\", \"a\"] into \"c\" : (" X ") -> !kinu.tensor<c=6 : f32>", "c=6");
  checkOps("%j = kinu.join %x [\"a\", \"b\"] into \"c\" : (" X ") -> !kinu.tensor<c=6 : f32>\n"
           "%r = kinu.split %j \"c\" into [\"d\", \"e\"] : (!kinu.tensor<c=6 : f32>) -> !kinu.tensor<e=2, d=3 : f32>",
           "e=2, d=3");
  checkOps("%r = kinu.concat %x, %y along [\"b\", \"b\"] as \"c\" : (" X ", " Y ") -> !kinu.tensor<a=2, c=6 : f32>",
           "a=2, c=6");
}

TEST(OpGradients, LookupsThatPickOneOfEachRow) {
  // i has axis b, which %j keeps: x[a = j] is elementwise in b. 2 is outside a and reads the number.
  checkOps("%r = kinu.lookup %x[\"a\"] at %i else 0.5 : (" X ", " I ") -> " Y, "b=3");
  checkOps("%k = kinu.constant(1 : i64) : !kinu.tensor<i64>\n"
           "%r = kinu.lookup %x[\"b\"] at %k : (" X ", !kinu.tensor<i64>) -> !kinu.tensor<a=2 : f32>",
           "a=2");
}

TEST(OpGradients, LookupsThatGather) {
  checkOps("%k = kinu.rename %i \"b\" to \"c\" : (" I ") -> !kinu.tensor<c=3 : i64>\n"
           "%r = kinu.lookup %x[\"b\"] at %k : (" X ", !kinu.tensor<c=3 : i64>) -> !kinu.tensor<c=3, a=2 : f32>",
           "c=3, a=2", -1, 1, {2, 0, 2});
  checkOps("%r = kinu.lookup %x[\"b\"] at %i : (" X ", " I ") -> " X, "a=2, b=3", -1, 1, {1, 1, 0}); // same name
  checkOps("%n = kinu.index : !kinu.tensor<a=2 : i64>\n" // several axes, an aligned index, some outside
           "%k = kinu.add %i, %n : (" I ", !kinu.tensor<a=2 : i64>) -> !kinu.tensor<a=2, b=3 : i64>\n"
           "%m = kinu.rename %k \"a\" to \"c\" : (!kinu.tensor<a=2, b=3 : i64>) -> !kinu.tensor<c=2, b=3 : i64>\n"
           "%r = kinu.lookup %x[\"a\", \"b\"] at %m, %i else 0.0 : (" X ", !kinu.tensor<c=2, b=3 : i64>, " I
           ") -> !kinu.tensor<c=2, b=3 : f32>",
           "c=2, b=3");
}

TEST(OpGradients, Scatters) {
  checkOps("%r = kinu.scatter %x over [\"b\"] to [\"c\"] at %i : (" X ", " I ") -> !kinu.tensor<a=2, c=4 : f32>",
           "a=2, c=4", -1, 1, {3, 0, 3});
  checkOps("%r = kinu.scatter %x over [\"b\"] to [\"c\"] at %i drop : (" X ", " I ") -> !kinu.tensor<a=2, c=2 : f32>",
           "a=2, c=2");
  checkOps("%n = kinu.index : !kinu.tensor<d=2 : i64>\n" // the operand is repeated along d
           "%k = kinu.add %i, %n : (" I ", !kinu.tensor<d=2 : i64>) -> !kinu.tensor<d=2, b=3 : i64>\n"
           "%r = kinu.scatter %x over [\"b\", \"d\"] to [\"c\"] at %k drop : (" X
           ", !kinu.tensor<d=2, b=3 : i64>) -> !kinu.tensor<a=2, c=3 : f32>",
           "a=2, c=3");
}

// Routing by the largest passes gradients to what is routed, and none through the choice.
TEST(OpGradients, TopChoosesWithoutAGradientOfItsOwn) {
  checkOps("%t1 = kinu.top %x over \"b\" as \"c\" : (" X ") -> !kinu.tensor<a=2, c=2 : i64>\n"
           "%r = kinu.lookup %x[\"b\"] at %t1 : (" X ", !kinu.tensor<a=2, c=2 : i64>) -> !kinu.tensor<a=2, c=2 : f32>",
           "a=2, c=2");
}
