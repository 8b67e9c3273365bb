// Gradients through repeats: carried values, weights of each round, shared and tied weights, sums, nesting.
#include "test/differentiate/Gradients.h"

using namespace kinu::test;

#define H "!kinu.tensor<n=2, d=3 : f32>"
#define W "!kinu.tensor<d=3, e=3 : f32>"
#define S "!kinu.tensor<f32>"
#define N "!kinu.tensor<i64>"

/// One layer: %y = %x + tanh(%x W), for the weight in %w.
static const std::string layer = "%p = kinu.dot %x, %w over [\"d\"] : (" H ", " W ") -> !kinu.tensor<n=2, e=3 : f32>\n"
                                 "%t = kinu.tanh %p : !kinu.tensor<n=2, e=3 : f32>\n"
                                 "%u = kinu.rename %t \"e\" to \"d\" : (!kinu.tensor<n=2, e=3 : f32>) -> " H "\n"
                                 "%y = kinu.add %x, %u : (" H ", " H ") -> " H "\n";
static const std::string readEach = "%w = kinu.read @w[%i : " N "] : " W "\n";
static const std::string finish = "%l = kinu.dot %h, %h over [\"n\", \"d\"] : (" H ", " H ") -> " S "\n"
                                  "kinu.output \"$loss_sum\", %l : " S "\n}\n";

static void check(const std::string &text) {
  Differentiated graph(text);
  graph.drawInputs();
  graph.check();
}

TEST(RepeatGradients, EveryRoundHasItsWeights) {
  check(weight("w", "l=4, d=3, e=3") + weight("x", "n=2, d=3") +
        "kinu.program @train {\n%x0 = kinu.read @x : " H "\n%h = kinu.repeat \"l\" 4 carried(%x0 : " H
        ") stacked() -> carried(" H ") sums() saved() {\n^bb0(%i: " N ", %x: " H "):\n" +
        readEach + layer + "kinu.yield %y : " H "\n}\n" + finish);
}

// One weight for all rounds is read inside them; the same weight is used before and after the repeat as well.
TEST(RepeatGradients, SharedAndTiedWeightsSumTheirGradients) {
  check(weight("w", "d=3, e=3") + weight("x", "n=2, d=3") +
        "kinu.program @train {\n%x = kinu.read @x : " H "\n%w = kinu.read @w : " W "\n" + layer +
        "%h1 = kinu.repeat \"l\" 3 carried(%y : " H ") stacked() -> carried(" H ") sums() saved() {\n^bb0(%i: " N
        ", %x1: " H "):\n%w1 = kinu.read @w : " W "\n"
        "%p1 = kinu.dot %x1, %w1 over [\"d\"] : (" H ", " W ") -> !kinu.tensor<n=2, e=3 : f32>\n"
        "%u1 = kinu.rename %p1 \"e\" to \"d\" : (!kinu.tensor<n=2, e=3 : f32>) -> " H "\nkinu.yield %u1 : " H "\n}\n"
        "%q1 = kinu.dot %h1, %w over [\"d\"] : (" H ", " W ") -> !kinu.tensor<n=2, e=3 : f32>\n"
        "%h = kinu.rename %q1 \"e\" to \"d\" : (!kinu.tensor<n=2, e=3 : f32>) -> " H "\n" +
        finish);
}

TEST(RepeatGradients, OneAccumulationForEachVariable) {
  Differentiated graph(weight("w", "d=3, e=3") + weight("x", "n=2, d=3") +
                       "kinu.program @train {\n%x0 = kinu.read @x : " H "\n%h = kinu.repeat \"l\" 4 carried(%x0 : " H
                       ") stacked() -> carried(" H ") sums() saved() {\n^bb0(%i: " N ", %x: " H
                       "):\n%w = kinu.read @w : " W "\n" +
                       layer + "kinu.yield %y : " H "\n}\n" + finish);
  std::map<std::string, int> count;
  graph.module->walk([&](kinu::AccumulateOp op) { ++count[op.getVariable().str()]; });
  EXPECT_EQ(count, (std::map<std::string, int>{{"w.gradient", 1}, {"x.gradient", 1}}));
}

// A value from outside that is not a read; a carried value that is overwritten; one that the loss does not see.
TEST(RepeatGradients, CapturedOverwrittenAndUnseenValues) {
  check(weight("w", "l=3, d=3, e=3") + weight("x", "n=2, d=3") +
        "kinu.program @train {\n%x0 = kinu.read @x : " H "\n%k = kinu.exp %x0 : " H
        "\n%h, %o, %m = kinu.repeat \"l\" 3 carried(%x0 : " H ", %x0 : " H ", %x0 : " H ") stacked() -> carried(" H
        ", " H ", " H ") sums() saved() {\n^bb0(%i: " N ", %x: " H ", %v: " H ", %z: " H "):\n" +
        readEach + layer +
        "%g = kinu.mul %y, %k : (" H ", " H ") -> " H "\n%s = kinu.sin %g : " H "\n%zz = kinu.mul %z, %g : (" H ", " H
        ") -> " H "\nkinu.yield %s, %y, %zz : " H ", " H ", " H "\n}\n"
        "%aux = kinu.reduce sum %o over [\"n\", \"d\"] : (" H ") -> " S "\nkinu.output \"$aux_sum\", %aux : " S "\n" +
        finish);
}

// Auxiliary losses of every round are summed in a carried scalar, and by the repeat itself.
TEST(RepeatGradients, AuxiliaryLossesOfEveryRound) {
  check(weight("w", "l=3, d=3, e=3") + weight("x", "n=2, d=3") +
        "kinu.program @train {\n%x0 = kinu.read @x : " H "\n%zero = kinu.constant(0.0) : " S
        "\n%h, %a, %b = kinu.repeat \"l\" 3 carried(%x0 : " H ", %zero : " S ") stacked() -> carried(" H ", " S
        ") sums(" S ") saved() {\n^bb0(%i: " N ", %x: " H ", %c: " S "):\n" +
        readEach + layer +
        "%e = kinu.dot %u, %u over [\"n\", \"d\"] : (" H ", " H ") -> " S "\n%next = kinu.add %c, %e : (" S ", " S
        ") -> " S "\n%f = kinu.reduce sum %u over [\"n\", \"d\"] : (" H ") -> " S "\n"
        "kinu.yield %y, %next, %f : " H ", " S ", " S "\n}\n"
        "%aux = kinu.mul %a, %b : (" S ", " S ") -> " S "\nkinu.output \"$aux_sum\", %aux : " S "\n" +
        finish);
}

// What a round saves may be a reduction of what it is computed from; masks depend on the round.
TEST(RepeatGradients, MasksOfTheRound) {
  check(weight("w", "l=3, d=3, e=3") + weight("x", "n=2, d=3") +
        "kinu.program @train {\n%x0 = kinu.read @x : " H "\n%h = kinu.repeat \"l\" 3 carried(%x0 : " H
        ") stacked() -> carried(" H ") sums() saved() {\n^bb0(%i: " N ", %x: " H "):\n" +
        readEach + layer +
        "%two = kinu.constant(2 : i64) : " N "\n%m = kinu.mod %i, %two : (" N ", " N ") -> " N
        "\n%j = kinu.index : !kinu.tensor<d=3 : i64>\n%c = kinu.compare le %j, %m : (!kinu.tensor<d=3 : i64>, " N
        ") -> !kinu.tensor<d=3 : i1>\n%r = kinu.select %c, %y, %x : (!kinu.tensor<d=3 : i1>, " H ", " H ") -> " H
        "\n%top = kinu.reduce max %r over [\"d\"] : (" H ") -> !kinu.tensor<n=2 : f32>\n%s = kinu.sub %r, %top : (" H
        ", !kinu.tensor<n=2 : f32>) -> " H "\n%e = kinu.exp %s : " H "\nkinu.yield %e : " H "\n}\n" +
        finish);
}

TEST(RepeatGradients, RepeatsInsideRepeats) {
  check(weight("w", "l=2, k=3, d=3, e=3") + weight("v", "l=2, d=3") + weight("x", "n=2, d=3") +
        "kinu.program @train {\n%x0 = kinu.read @x : " H "\n%h = kinu.repeat \"l\" 2 carried(%x0 : " H
        ") stacked() -> carried(" H ") sums() saved() {\n^bb0(%i: " N ", %a: " H "):\n%v = kinu.read @v[%i : " N
        "] : !kinu.tensor<d=3 : f32>\n%b = kinu.mul %a, %v : (" H ", !kinu.tensor<d=3 : f32>) -> " H
        "\n%c = kinu.repeat \"k\" 3 carried(%b : " H ") stacked() -> carried(" H ") sums() saved() {\n^bb0(%j: " N
        ", %x: " H "):\n%w = kinu.read @w[%i, %j : " N ", " N "] : " W "\n" +
        layer +
        "%z = kinu.mul %y, %v : (" H ", !kinu.tensor<d=3 : f32>) -> " H "\nkinu.yield %z : " H
        "\n}\n%q = kinu.tanh %c : " H "\nkinu.yield %q : " H "\n}\n" +
        finish);
}

// The derivative of what an earlier pass stacked: slices in, slices out.
TEST(RepeatGradients, StackedInputsAndSavedResults) {
  check(weight("w", "l=3, d=3, e=3") + weight("x", "n=2, d=3") +
        "kinu.program @train {\n%x0 = kinu.read @x : " H
        "\n%all = kinu.read @w : !kinu.tensor<l=3, d=3, e=3 : f32>\n%h, %kept = kinu.repeat \"l\" 3 carried(%x0 : " H
        ") stacked(%all : !kinu.tensor<l=3, d=3, e=3 : f32>) -> carried(" H
        ") sums() saved(!kinu.tensor<l=3, n=2, d=3 : f32>) {\n"
        "^bb0(%i: " N ", %x: " H ", %w: " W "):\n" +
        layer +
        "kinu.yield %y, %u : " H ", " H "\n}\n"
        "%sq = kinu.dot %kept, %kept over [\"l\", \"n\", \"d\"] : (!kinu.tensor<l=3, n=2, d=3 : f32>, "
        "!kinu.tensor<l=3, n=2, d=3 : f32>) -> " S "\nkinu.output \"$aux_sum\", %sq : " S "\n" +
        finish);
}
