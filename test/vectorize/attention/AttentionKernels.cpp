// The text of attention's kernels.
#include "test/vectorize/attention/AttentionKernels.h"

using namespace kinu::test;

static std::string typeText(const std::string &axes, const std::map<char, int64_t> &lengths,
                            const std::string &element = "f32") {
  std::string text;
  for (char axis : axes)
    text +=
        "ax_" + std::string(1, axis) + "=" + std::to_string(lengths.at(axis)) + (axis == axes.back() ? " : " : ", ");
  return "!kinu.tensor<" + text + element + ">";
}

static std::string without(std::string axes, const std::string &gone) {
  std::erase_if(axes, [&](char axis) { return gone.find(axis) != std::string::npos; });
  return axes;
}

/// The axes of the scores: q's and then k's that are left, without the summed ones.
static std::string scoreAxes(const AttentionCase &c) {
  std::string axes = without(c.q, c.sum);
  return axes + without(without(c.k, c.sum), axes);
}

static std::string typeAliases(const AttentionCase &c) {
  std::string scores = scoreAxes(c), text;
  auto alias = [&](const std::string &name, const std::string &type) { text += "!" + name + " = " + type + "\n"; };
  alias("q", typeText(c.q, c.lengths, c.element));
  alias("k", typeText(c.k, c.lengths, c.element));
  alias("v", typeText(c.v, c.lengths, c.element));
  alias("o", typeText(c.result, c.lengths, c.element));
  alias("lse", typeText(without(scores, "t"), c.lengths));
  alias("raw", typeText(scores, c.lengths));
  alias("rawbool", typeText(scores, c.lengths, "i1"));
  alias("is", typeText("s", c.lengths, "i64"));
  alias("it", typeText("t", c.lengths, "i64"));
  alias("ist", typeText("st", c.lengths, "i64"));
  alias("fst", typeText("st", c.lengths));
  alias("st", typeText("st", c.lengths, "i1"));
  alias("s", "!kinu.tensor<f32>");
  alias("i", "!kinu.tensor<i64>");
  for (size_t i = 0; i < c.extras.size(); ++i)
    alias("x" + std::to_string(i), typeText(c.extras[i].first, c.lengths, c.extras[i].second));
  return text;
}

/// `prefix` and, for each extra operand, what `format` makes of its number in place of `#`.
static std::string withExtras(std::string prefix, const AttentionCase &c, const std::string &format) {
  for (size_t i = 0; i < c.extras.size(); ++i)
    for (char letter : ", " + format)
      prefix += letter == '#' ? std::to_string(i) : std::string(1, letter);
  return prefix;
}

static std::string attributes(const AttentionCase &c) {
  std::string sum;
  for (char axis : c.sum)
    sum += (sum.empty() ? "\"ax_" : ", \"ax_") + std::string(1, axis) + "\"";
  std::string extras = c.extras.empty() ? "" : " extras " + withExtras("", c, "%x#").substr(2);
  std::string promote = c.promote ? " promote " + std::to_string(c.promote) : "";
  return extras + " sum [" + sum + "] query \"ax_s\" key \"ax_t\"" + promote;
}

std::string kinu::test::forwardText(const AttentionCase &c) {
  return typeAliases(c) + "step.kernel @attention attention rows [] inplace [] {\n^bb0(" +
         withExtras("%q: !q, %k: !k, %v: !v", c, "%x#: !x#") + "):\n  %o, %lse = kinu.attention %q, %k, %v" +
         attributes(c) + " : (" + withExtras("!q, !k, !v", c, "!x#") + ") -> (!o, !lse) {\n  ^bb0(" +
         withExtras("%raw: !raw", c, "%y#: !x#") + "):\n" + c.score +
         "    kinu.yield %score : !raw\n  }\n  kinu.yield %o, %lse : !o, !lse\n}\n";
}

std::string kinu::test::backwardText(const AttentionCase &c) {
  return typeAliases(c) + "step.kernel @backward attention_backward rows [] inplace [] {\n^bb0(" +
         withExtras("%q: !q, %k: !k, %v: !v, %o: !o, %lse: !lse, %g: !o", c, "%x#: !x#") +
         "):\n  %dq, %dk, %dv = kinu.attention_backward %q, %k, %v, %o, %lse, %g" + attributes(c) + " : (" +
         withExtras("!q, !k, !v, !o, !lse, !o", c, "!x#") + ") -> (!q, !k, !v) {\n  ^bb0(" +
         withExtras("%raw: !raw", c, "%y#: !x#") + "):\n" + c.score + "    kinu.yield %score : !raw\n  } {\n  ^bb0(" +
         withExtras("%raw: !raw, %dt: !raw", c, "%y#: !x#") + "):\n" + c.backward +
         "    kinu.yield %ds : !raw\n  }\n  kinu.yield %dq, %dk, %dv : !q, !k, !v\n}\n";
}

static const char kIndices[] = "    %it = kinu.index : !it\n    %is = kinu.index : !is\n";
static const char kFactor[] = "    %c = kinu.constant(0.25) : !s\n";

/// `condition` computes `%seen` of type `!st`; `bias` is added to scores.
static Mask masked(const std::string &condition, const std::string &bias = "") {
  std::string scaled = bias.empty() ? "%scaled" : "%biased";
  return {condition + kFactor + "    %scaled = kinu.mul %raw, %c : (!raw, !s) -> !raw\n" + bias +
              "    %lowest = kinu.constant(0xFFF0000000000000 : f64) : !s\n    %score = kinu.select %seen, " + scaled +
              ", %lowest : (!st, !raw, !s) -> !raw\n",
          condition + kFactor +
              "    %zero = kinu.constant(0.0) : !s\n"
              "    %inner = kinu.select %seen, %dt, %zero : (!st, !raw, !s) -> !raw\n"
              "    %ds = kinu.mul %inner, %c : (!raw, !s) -> !raw\n"};
}

Mask kinu::test::noMask() {
  return {std::string(kFactor) + "    %score = kinu.mul %raw, %c : (!raw, !s) -> !raw\n",
          std::string(kFactor) + "    %ds = kinu.mul %dt, %c : (!raw, !s) -> !raw\n"};
}

Mask kinu::test::compared(const std::string &predicate) {
  return masked(std::string(kIndices) + "    %seen = kinu.compare " + predicate + " %it, %is : (!it, !is) -> !st\n");
}

Mask kinu::test::causal(int64_t offset) {
  return masked(std::string(kIndices) + "    %off = kinu.constant(" + std::to_string(offset) +
                " : i64) : !i\n    %last = kinu.add %is, %off : (!is, !i) -> !is\n"
                "    %seen = kinu.compare le %it, %last : (!it, !is) -> !st\n");
}

Mask kinu::test::slidingWindow(int64_t window) {
  return masked(std::string(kIndices) + "    %w = kinu.constant(" + std::to_string(window) +
                " : i64) : !i\n    %first = kinu.sub %is, %w : (!is, !i) -> !is\n"
                "    %old = kinu.compare gt %it, %first : (!it, !is) -> !st\n"
                "    %past = kinu.compare le %it, %is : (!it, !is) -> !st\n"
                "    %seen = kinu.and %past, %old : (!st, !st) -> !st\n");
}

Mask kinu::test::packedDocuments() {
  return masked(std::string(kIndices) + "    %past = kinu.compare le %it, %is : (!it, !is) -> !st\n"
                                        "    %same = kinu.compare eq %y0, %y1 : (!x0, !x1) -> !st\n"
                                        "    %seen = kinu.and %past, %same : (!st, !st) -> !st\n");
}

Mask kinu::test::causalOfParts() {
  return masked(std::string(kIndices) + "    %key = kinu.add %it, %y1 : (!it, !x1) -> !it\n"
                                        "    %query = kinu.add %is, %y0 : (!is, !x0) -> !is\n"
                                        "    %seen = kinu.compare le %key, %query : (!it, !is) -> !st\n");
}

Mask kinu::test::alibi() {
  return masked(std::string(kIndices) + "    %seen = kinu.compare le %it, %is : (!it, !is) -> !st\n",
                "    %far = kinu.sub %it, %is : (!it, !is) -> !ist\n    %farf = kinu.to_float %far : (!ist) -> !fst\n"
                "    %slope = kinu.constant(0.125) : !s\n    %bias = kinu.mul %farf, %slope : (!fst, !s) -> !fst\n"
                "    %biased = kinu.add %scaled, %bias : (!raw, !fst) -> !raw\n");
}
