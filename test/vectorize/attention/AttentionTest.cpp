// Attention and its backward against their definitions in the reference interpreter.
#include "test/vectorize/KernelRun.h"

#include "llvm/ADT/StringExtras.h"

#include <gtest/gtest.h>

#include <map>

using namespace kinu;
using namespace kinu::test;
using interpret::Tensor;

namespace {

/// Axes are letters: s the query axis, t the key axis, the rest as a case likes; in memory order.
struct Case {
  std::map<char, int64_t> lengths;
  std::string q, k, v, result, sum;
  /// MLIR between `%raw` and `%score`, and between `%raw`, `%dt` and `%ds`; `!raw` is the scores' type, `!s` a scalar.
  std::string score, backward;
  /// Axes and element of each extra operand, `%x0`, `%x1` ... of types `!x0` ...
  std::vector<std::pair<std::string, std::string>> extras = {};
};

std::string typeText(const std::string &axes, const std::map<char, int64_t> &lengths,
                     const std::string &element = "f32") {
  std::string text;
  for (char axis : axes)
    text +=
        "ax_" + std::string(1, axis) + "=" + std::to_string(lengths.at(axis)) + (axis == axes.back() ? " : " : ", ");
  return "!kinu.tensor<" + text + element + ">";
}

std::string without(std::string axes, const std::string &gone) {
  std::erase_if(axes, [&](char axis) { return gone.find(axis) != std::string::npos; });
  return axes;
}

/// The axes of the scores: q's and then k's that are left, without the summed ones.
std::string scoreAxes(const Case &c) {
  std::string axes = without(c.q, c.sum);
  return axes + without(without(c.k, c.sum), axes);
}

std::string typeAliases(const Case &c) {
  std::string scores = scoreAxes(c), text;
  auto alias = [&](const std::string &name, const std::string &type) { text += "!" + name + " = " + type + "\n"; };
  alias("q", typeText(c.q, c.lengths));
  alias("k", typeText(c.k, c.lengths));
  alias("v", typeText(c.v, c.lengths));
  alias("o", typeText(c.result, c.lengths));
  alias("lse", typeText(without(scores, "t"), c.lengths));
  alias("raw", typeText(scores, c.lengths));
  alias("rawbool", typeText(scores, c.lengths, "i1"));
  alias("is", typeText("s", c.lengths, "i64"));
  alias("it", typeText("t", c.lengths, "i64"));
  alias("st", typeText("st", c.lengths, "i1"));
  alias("s", "!kinu.tensor<f32>");
  for (size_t i = 0; i < c.extras.size(); ++i)
    alias("x" + std::to_string(i), typeText(c.extras[i].first, c.lengths, c.extras[i].second));
  return text;
}

/// `prefix` and, for each extra operand, what `format` makes of its number in place of `#`.
std::string withExtras(std::string prefix, const Case &c, const std::string &format) {
  for (size_t i = 0; i < c.extras.size(); ++i)
    for (char letter : ", " + format)
      prefix += letter == '#' ? std::to_string(i) : std::string(1, letter);
  return prefix;
}

std::string attributes(const Case &c) {
  std::string sum;
  for (char axis : c.sum)
    sum += (sum.empty() ? "\"ax_" : ", \"ax_") + std::string(1, axis) + "\"";
  std::string extras = c.extras.empty() ? "" : " extras " + withExtras("", c, "%x#").substr(2);
  return extras + " sum [" + sum + "] query \"ax_s\" key \"ax_t\"";
}

std::string forwardText(const Case &c) {
  return typeAliases(c) + "step.kernel @attention attention rows [] inplace [] {\n^bb0(" +
         withExtras("%q: !q, %k: !k, %v: !v", c, "%x#: !x#") + "):\n  %o, %lse = kinu.attention %q, %k, %v" +
         attributes(c) + " : (" + withExtras("!q, !k, !v", c, "!x#") + ") -> (!o, !lse) {\n  ^bb0(" +
         withExtras("%raw: !raw", c, "%y#: !x#") + "):\n" + c.score +
         "    kinu.yield %score : !raw\n  }\n  kinu.yield %o, %lse : !o, !lse\n}\n";
}

std::string backwardText(const Case &c) {
  return typeAliases(c) + "step.kernel @backward attention_backward rows [] inplace [] {\n^bb0(" +
         withExtras("%q: !q, %k: !k, %v: !v, %o: !o, %lse: !lse, %g: !o", c, "%x#: !x#") +
         "):\n  %dq, %dk, %dv = kinu.attention_backward %q, %k, %v, %o, %lse, %g" + attributes(c) + " : (" +
         withExtras("!q, !k, !v, !o, !lse, !o", c, "!x#") + ") -> (!q, !k, !v) {\n  ^bb0(" +
         withExtras("%raw: !raw", c, "%y#: !x#") + "):\n" + c.score + "    kinu.yield %score : !raw\n  } {\n  ^bb0(" +
         withExtras("%raw: !raw, %dt: !raw", c, "%y#: !x#") + "):\n" + c.backward +
         "    kinu.yield %ds : !raw\n  }\n  kinu.yield %dq, %dk, %dv : !q, !k, !v\n}\n";
}

/// Runs forward, and backward on what the interpreter says of forward.
void compare(const Case &c, const machines::Machine &machine = machines::detectLocal()) {
  SCOPED_TRACE(forwardText(c));
  CompiledKernel forward(forwardText(c), machine);
  ASSERT_TRUE(forward.ok());
  std::vector<Tensor> operands = forward.randomOperands(5);
  expectNear(forward, operands, 1e-5);
  if (c.backward.empty())
    return;
  CompiledKernel backward(backwardText(c), machine);
  ASSERT_TRUE(backward.ok());
  // q, k, v, result, logsumexp, gradient, extras; each kernel has types of its own.
  std::vector<Tensor> given = forward.expected(operands), all = backward.randomOperands(6);
  for (size_t i = 0; i < all.size(); ++i)
    if (i != 5)
      all[i].floats = i < 3 ? operands[i].floats : i < 5 ? given[i - 3].floats : operands[i - 3].floats;
  for (size_t i = 6; i < all.size(); ++i)
    all[i].ints = operands[i - 3].ints;
  expectNear(backward, all, 3e-5);
}

const std::string kScale = "    %c = kinu.constant(0.25) : !s\n"
                           "    %score = kinu.mul %raw, %c : (!raw, !s) -> !raw\n";
const std::string kScaleBack = "    %c = kinu.constant(0.25) : !s\n"
                               "    %ds = kinu.mul %dt, %c : (!raw, !s) -> !raw\n";

/// Scores where `predicate` holds between key and query, -inf elsewhere.
std::string masked(const std::string &predicate) {
  return "    %it = kinu.index : !it\n    %is = kinu.index : !is\n"
         "    %seen = kinu.compare " +
         predicate +
         " %it, %is : (!it, !is) -> !st\n"
         "    %c = kinu.constant(0.25) : !s\n    %scaled = kinu.mul %raw, %c : (!raw, !s) -> !raw\n"
         "    %lowest = kinu.constant(0xFFF0000000000000 : f64) : !s\n"
         "    %score = kinu.select %seen, %scaled, %lowest : (!st, !raw, !s) -> !raw\n";
}
std::string maskedBack(const std::string &predicate) {
  return "    %it = kinu.index : !it\n    %is = kinu.index : !is\n"
         "    %seen = kinu.compare " +
         predicate +
         " %it, %is : (!it, !is) -> !st\n"
         "    %zero = kinu.constant(0.0) : !s\n    %inner = kinu.select %seen, %dt, %zero : (!st, !raw, !s) -> !raw\n"
         "    %c = kinu.constant(0.25) : !s\n    %ds = kinu.mul %inner, %c : (!raw, !s) -> !raw\n";
}

TEST(Attention, everyLength) {
  for (int64_t queries : {1, 5, 17, 49, 130})
    for (int64_t keys : {1, 3, 16, 33, 97})
      compare({{{'b', 2}, {'s', queries}, {'t', keys}, {'d', 8}}, "bsd", "btd", "btd", "bsd", "d", kScale, kScaleBack});
}

TEST(Attention, causalMask) {
  for (int64_t length : {7, 64, 100, 401})
    compare({{{'h', 2}, {'s', length}, {'t', length}, {'d', 16}},
             "shd",
             "thd",
             "thd",
             "shd",
             "d",
             masked("le"),
             maskedBack("le")});
}

// The first query sees no key: its result, logsumexp and gradients are 0.
TEST(Attention, rowsWithoutAnyKey) {
  compare(
      {{{'h', 2}, {'s', 20}, {'t', 20}, {'d', 4}}, "hsd", "htd", "htd", "hsd", "d", masked("lt"), maskedBack("lt")});
}

TEST(Attention, crossAttentionWithAWindowFromAbove) {
  compare({{{'s', 50}, {'t', 210}, {'d', 4}}, "sd", "td", "td", "sd", "d", masked("ge"), maskedBack("ge")});
  compare({{{'s', 210}, {'t', 50}, {'d', 4}}, "sd", "td", "td", "sd", "d", masked("le"), maskedBack("le")});
}

TEST(Attention, queryHeadsThatShareKeys) {
  std::map<char, int64_t> lengths{{'b', 2}, {'g', 2}, {'r', 3}, {'s', 21}, {'t', 21}, {'d', 16}};
  compare({lengths, "bsgrd", "btgd", "btgd", "bsgrd", "d", masked("le"), maskedBack("le")});
  compare({lengths, "brgsd", "bgtd", "gbtd", "srgbd", "d", kScale, kScaleBack});
}

TEST(Attention, axesInAnyOrder) {
  std::map<char, int64_t> lengths{{'b', 2}, {'h', 3}, {'s', 35}, {'t', 19}, {'d', 10}, {'e', 5}, {'f', 3}};
  compare({lengths, "bhds", "dthb", "etbhf", "sbehf", "d", kScale, kScaleBack});  // two value axes, apart in memory
  compare({lengths, "dbhse", "bthed", "bthf", "bshf", "de", kScale, kScaleBack}); // two summed axes
}

TEST(Attention, valuesWiderThanAPanel) {
  compare({{{'s', 60}, {'t', 70}, {'d', 72}, {'e', 130}}, "sd", "td", "te", "se", "d", kScale, kScaleBack});
}

// A soft-cap, a mask of keys per sequence, and a bias per head and distance.
TEST(Attention, extraOperands) {
  std::map<char, int64_t> lengths{{'b', 2}, {'h', 3}, {'s', 18}, {'t', 37}, {'d', 8}};
  std::string score = "    %cap = kinu.constant(2.0) : !s\n    %in = kinu.div %raw, %cap : (!raw, !s) -> !raw\n"
                      "    %th = kinu.tanh %in : !raw\n    %soft = kinu.mul %th, %cap : (!raw, !s) -> !raw\n"
                      "    %biased = kinu.add %soft, %y1 : (!raw, !x1) -> !raw\n"
                      "    %lowest = kinu.constant(0xFFF0000000000000 : f64) : !s\n"
                      "    %score = kinu.select %y0, %biased, %lowest : (!x0, !raw, !s) -> !raw\n";
  std::string back = "    %cap = kinu.constant(2.0) : !s\n    %in = kinu.div %raw, %cap : (!raw, !s) -> !raw\n"
                     "    %th = kinu.tanh %in : !raw\n    %sq = kinu.mul %th, %th : (!raw, !raw) -> !raw\n"
                     "    %one = kinu.constant(1.0) : !s\n    %slope = kinu.sub %one, %sq : (!s, !raw) -> !raw\n"
                     "    %zero = kinu.constant(0.0) : !s\n"
                     "    %inner = kinu.select %y0, %dt, %zero : (!x0, !raw, !s) -> !raw\n"
                     "    %ds = kinu.mul %inner, %slope : (!raw, !raw) -> !raw\n";
  compare({lengths, "bshd", "bthd", "bthd", "bshd", "d", score, back, {{"bt", "i1"}, {"hst", "f32"}}});
}

// Where nobody wants a gradient, or the logsumexp, the kernel has fewer results.
TEST(Attention, resultsThatNobodyWants) {
  Case c{{{'b', 2}, {'s', 20}, {'t', 33}, {'d', 8}}, "bsd", "btd", "btd", "bsd", "d", kScale, kScaleBack};
  auto yielding = [](std::string text, const std::string &from, const std::string &to) {
    return text.replace(text.find(from), from.size(), to);
  };
  expectAsInterpreted(yielding(forwardText(c), "yield %o, %lse : !o, !lse", "yield %o : !o"), 1e-5);
  // Its logsumexp is random here, so probabilities are not below 1.
  expectAsInterpreted(yielding(backwardText(c), "yield %dq, %dk, %dv : !q, !k, !v", "yield %dk : !k"), 1e-4);
}

TEST(Attention, onNarrowerVectors) {
  compare(
      {{{'b', 2}, {'s', 50}, {'t', 61}, {'d', 12}}, "bsd", "btd", "btd", "bsd", "d", masked("le"), maskedBack("le")},
      *machines::find("x86-64-v3"));
}

} // namespace
