// Attention and its backward against their definitions in the reference interpreter.
#include "test/machines/EmulatedMachines.h"
#include "test/vectorize/KernelRun.h"
#include "test/vectorize/attention/AttentionKernels.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

using namespace kinu;
using namespace kinu::test;
using interpret::Tensor;
using Case = AttentionCase;

namespace {

/// Sums of 16-bit products: probabilities, and gradients of scores, are rounded once, and so is what is written.
double tolerance(const Case &c) { return c.element == "f32" ? 1e-5 : c.element == "f16" ? 3e-3 : 2e-2; }

/// Runs forward, and backward on what the interpreter says of forward. `scalars`: the first extras.
void compare(const Case &c, const machines::Machine &machine = machines::detectLocal(), uint64_t seed = 5,
             const std::vector<int64_t> &scalars = {}) {
  SCOPED_TRACE(forwardText(c));
  CompiledKernel forward(forwardText(c), machine);
  ASSERT_TRUE(forward.ok());
  std::vector<Tensor> operands = forward.randomOperands(seed);
  for (size_t i = 0; i < scalars.size(); ++i)
    operands[3 + i].ints = {scalars[i]};
  expectNear(forward, operands, tolerance(c));
  if (c.backward.empty())
    return;
  CompiledKernel backward(backwardText(c), machine);
  ASSERT_TRUE(backward.ok());
  // q, k, v, result, logsumexp, gradient, extras; each kernel has types of its own.
  std::vector<Tensor> given = forward.expected(operands), all = backward.randomOperands(seed + 1);
  for (double &x : given[0].floats)
    x = roundedTo(given[0].type.getElement(), x);
  for (size_t i = 0; i < all.size(); ++i)
    if (i != 5)
      all[i].floats = i < 3 ? operands[i].floats : i < 5 ? given[i - 3].floats : operands[i - 3].floats;
  for (size_t i = 6; i < all.size(); ++i)
    all[i].ints = operands[i - 3].ints;
  expectNear(backward, all, 3 * tolerance(c));
}

const std::string kScale = noMask().score, kScaleBack = noMask().backward;

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
             compared("le").score,
             compared("le").backward});
}

// The first query sees no key: its result, logsumexp and gradients are 0.
TEST(Attention, rowsWithoutAnyKey) {
  compare({{{'h', 2}, {'s', 20}, {'t', 20}, {'d', 4}},
           "hsd",
           "htd",
           "htd",
           "hsd",
           "d",
           compared("lt").score,
           compared("lt").backward});
}

TEST(Attention, crossAttentionWithAWindowFromAbove) {
  compare(
      {{{'s', 50}, {'t', 210}, {'d', 4}}, "sd", "td", "td", "sd", "d", compared("ge").score, compared("ge").backward});
  compare(
      {{{'s', 210}, {'t', 50}, {'d', 4}}, "sd", "td", "td", "sd", "d", compared("le").score, compared("le").backward});
}

TEST(Attention, queryHeadsThatShareKeys) {
  std::map<char, int64_t> lengths{{'b', 2}, {'g', 2}, {'r', 3}, {'s', 21}, {'t', 21}, {'d', 16}};
  compare({lengths, "bsgrd", "btgd", "btgd", "bsgrd", "d", compared("le").score, compared("le").backward});
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
  compare({{{'b', 2}, {'s', 50}, {'t', 61}, {'d', 12}},
           "bsd",
           "btd",
           "btd",
           "bsd",
           "d",
           compared("le").score,
           compared("le").backward},
          *machines::find("x86-64-v3"));
}

// Blocks of keys, panels and groups of panels that are full, that end early, and that a mask begins or ends inside.
TEST(Attention, manyBlocks) {
  for (const Mask &mask : {causal(), causal(37), slidingWindow(50), alibi(), noMask()})
    compare(
        {{{'h', 1}, {'s', 611}, {'t', 611}, {'d', 20}}, "shd", "thd", "thd", "shd", "d", mask.score, mask.backward});
}

// Parts of sequences, as ranks have them that share these out: where the parts begin is known only when they run.
TEST(Attention, partsOfSequences) {
  Mask mask = causalOfParts();
  for (auto [query, key] : {std::pair<int64_t, int64_t>(0, 0), {300, 0}, {0, 300}, {300, 211}, {211, 300}})
    compare({{{'h', 1}, {'s', 300}, {'t', 300}, {'d', 20}},
             "shd",
             "thd",
             "thd",
             "shd",
             "d",
             mask.score,
             mask.backward,
             {{"", "i64"}, {"", "i64"}}},
            machines::detectLocal(), 5, {query, key});
}

// Keys that no query sees are not read: NaN in them does no harm. Of some keys only, the logsumexp of a query that sees
// none is -inf.
TEST(Attention, keysThatNoQuerySees) {
  Mask mask = causalOfParts();
  std::map<char, int64_t> lengths{{'s', 200}, {'t', 200}, {'d', 20}};
  Case c{lengths, "sd", "td", "td", "sd", "d", mask.score, mask.backward, {{"", "i64"}, {"", "i64"}}};
  std::string text = forwardText(c);
  text.insert(text.find(" : (!q"), " {kinu.some_keys}");
  CompiledKernel kernel(text);
  ASSERT_TRUE(kernel.ok());
  std::vector<Tensor> operands = kernel.randomOperands(7);
  for (int64_t key : {200, 600}) {
    operands[3].ints = {0};
    operands[4].ints = {key};
    for (size_t i : {1, 2})
      std::fill(operands[i].floats.begin(), operands[i].floats.end(), std::nan(""));
    std::vector<Tensor> got = kernel.results(operands);
    for (double x : got[0].floats)
      ASSERT_EQ(x, 0);
    for (double x : got[1].floats)
      ASSERT_EQ(x, -std::numeric_limits<double>::infinity());
  }
  CompiledKernel backward(backwardText(c));
  ASSERT_TRUE(backward.ok());
  std::vector<Tensor> all = backward.randomOperands(7);
  all[6].ints = {0};
  all[7].ints = {200};
  for (size_t i : {1, 2})
    std::fill(all[i].floats.begin(), all[i].floats.end(), std::nan(""));
  for (const Tensor &gradient : backward.results(all))
    for (double x : gradient.floats)
      ASSERT_EQ(x, 0);
}

// Keys of several stretches; head sizes that divide nothing.
TEST(Attention, longSequences) {
  Mask mask = slidingWindow(300), far = causal();
  compare({{{'s', 1700}, {'t', 1700}, {'d', 64}}, "sd", "td", "td", "sd", "d", mask.score, mask.backward});
  compare({{{'s', 100}, {'t', 2300}, {'d', 72}}, "sd", "td", "td", "sd", "d", far.score, far.backward});
}

// One head on many cores: tasks of keys and tasks of queries.
TEST(Attention, fewHeads) {
  machines::Machine machine = machines::detectLocal();
  machine.cores = 8;
  Mask mask = slidingWindow(300);
  std::map<char, int64_t> lengths{{'g', 1}, {'r', 2}, {'s', 1200}, {'t', 1200}, {'d', 16}};
  compare({lengths, "sgrd", "tgd", "tgd", "sgrd", "d", mask.score, mask.backward}, machine);
  compare({lengths, "sgrd", "tgd", "tgd", "sgrd", "d", kScale, kScaleBack}, machine);
}

/// A case of random sizes, order of axes, mask and element.
Case randomCase(std::mt19937_64 &random, const std::string &element) {
  auto pick = [&](std::initializer_list<int64_t> from) { return from.begin()[random() % from.size()]; };
  int64_t queries = pick({1, 2, 7, 16, 31, 48, 63, 64, 65, 97, 128, 193, 257});
  int64_t keys = random() % 2 ? queries : pick({1, 3, 15, 32, 47, 95, 96, 97, 101, 192, 229});
  std::map<char, int64_t> lengths{{'b', pick({1, 2})}, {'g', pick({1, 2})},
                                  {'r', pick({1, 3})}, {'s', queries},
                                  {'t', keys},         {'d', pick({1, 5, 16, 20, 33, 64, 72, 144})}};
  lengths['e'] = random() % 2 ? lengths['d'] : pick({1, 8, 17, 65});
  const char *orders[][4] = {
      {"bsgrd", "btgd", "btge", "bsgre"}, {"bgrsd", "bgtd", "bgte", "bgrse"}, {"dsbrg", "tbgd", "etgb", "sgreb"}};
  auto &order = orders[random() % std::size(orders)];
  Mask masks[] = {noMask(), causal(),       causal(pick({-3, 5, 40})), slidingWindow(pick({1, 9, 70})),
                  alibi(),  compared("gt"), packedDocuments()};
  size_t which = random() % std::size(masks);
  Case c{lengths, order[0], order[1], order[2], order[3], "d", masks[which].score, masks[which].backward};
  if (which + 1 == std::size(masks))
    c.extras = {{"s", "i64"}, {"t", "i64"}};
  c.element = element;
  return c;
}

/// As many rounds as KINU_ROUNDS says, from the seed KINU_SEED, which is printed.
void sweep(const std::string &element, const machines::Machine &machine = machines::detectLocal()) {
  auto number = [](const char *name, uint64_t otherwise) {
    const char *text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
  };
  uint64_t first = number("KINU_SEED", 1), rounds = number("KINU_ROUNDS", 8);
  for (uint64_t seed = first; seed < first + rounds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("KINU_SEED=" + std::to_string(seed) + " KINU_ROUNDS=1");
    std::mt19937_64 random(seed);
    compare(randomCase(random, element), machine, seed);
  }
}

TEST(AttentionSweep, fp32) { sweep("f32"); }
TEST(AttentionSweep, bf16) { sweep("bf16"); }
TEST(AttentionSweep, bf16InTiles) { sweep("bf16", withTiles()); }
TEST(AttentionSweep, fp16) { sweep("f16"); }

// Where there are no tiles pairs of bf16 are multiplied by vectors; where there are no instructions for that, either,
// bf16 is widened while it is packed.
TEST(Attention, bf16WithoutTiles) {
  Case c{
      {{'h', 2}, {'s', 99}, {'t', 99}, {'d', 24}}, "shd", "thd", "thd", "shd", "d", causal().score, causal().backward};
  c.element = "bf16";
  machines::Machine machine = machines::detectLocal();
  machine.hasAmx = false;
  compare(c, machine);
  machine.hasBf16 = false;
  compare(c, machine);
}

/// The bytes that a thread needs beside inputs and outputs.
int64_t scratchOf(const std::string &text, const machines::Machine &machine) {
  mlir::MLIRContext context;
  vectorize::loadDialects(context);
  auto source = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!source)
    return -1;
  auto lowered = vectorize::lowerKernel(*source->getOps<step::KernelOp>().begin(), machine, context);
  return lowered ? lowered->scratchBytes : (llvm::consumeError(lowered.takeError()), -1);
}

// At most 2 MB a thread at 4096 positions and 12 heads of 64, forward and backward, whatever the machine multiplies
// with. What is in memory beside that are the kernels' operands: q, k, v, the result and a number for each query.
TEST(Attention, scratchAt4096Positions) {
  Case c{{{'b', 1}, {'h', 12}, {'s', 4096}, {'t', 4096}, {'d', 64}},
         "bshd",
         "bthd",
         "bthd",
         "bshd",
         "d",
         causal().score,
         causal().backward};
  machines::Machine tiles = *machines::find("x86-64-v4"), manyCores = *machines::find("x86-64-v4");
  tiles.hasAmx = tiles.hasBf16 = true;
  manyCores.cores = 48;
  for (const machines::Machine &machine :
       {machines::detectLocal(), *machines::find("x86-64-v3"), tiles, manyCores, *machines::find("fugaku")})
    for (const char *element : {"f32", "bf16", "f16"})
      for (bool masked : {true, false}) {
        c.element = element;
        c.score = masked ? causal().score : kScale;
        c.backward = masked ? causal().backward : kScaleBack;
        int64_t forward = scratchOf(forwardText(c), machine), backward = scratchOf(backwardText(c), machine);
        SCOPED_TRACE(machine.name + " " + element);
        EXPECT_GT(forward, 0);
        EXPECT_GT(backward, 0);
        EXPECT_LE(forward, 2'000'000);
        EXPECT_LE(backward, 2'000'000);
        if (masked)
          std::printf("%s %s: %.2f MB forward, %.2f MB backward\n", machine.name.c_str(), element,
                      1e-6 * double(forward), 1e-6 * double(backward));
      }
}

} // namespace
