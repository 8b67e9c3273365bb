// Chunked losses against whole ones, both interpreted in double precision: a sweep over lengths that divide and do not,
// definitions of the logits, and gradients that do and do not depend on the loss.
#include "compiler/fuse/Fuse.h"
#include "test/interpret/Run.h"

#include "mlir/Pass/PassManager.h"

#include <random>

using namespace kinu;
using namespace kinu::test;
using interpret::Tensor;

namespace {

struct Case {
  int64_t batch, seq, embed, vocab, chunkBytes;
  bool capped, biased, masked, dependent, usesLogsumexp, forwardOnly, weightByColumns;
};

std::string textOf(const Case &c) {
  auto axes = [&](const std::string &list, const char *element = "f32") {
    return "!kinu.tensor<" + list + (list.empty() ? "" : " : ") + element + ">";
  };
  std::string n = "batch=" + std::to_string(c.batch), s = "seq=" + std::to_string(c.seq);
  std::string e = "embed=" + std::to_string(c.embed), v = "v=" + std::to_string(c.vocab);
  std::string H = axes(n + ", " + s + ", " + e), W = axes(c.weightByColumns ? e + ", " + v : v + ", " + e);
  std::string ROW = axes(n + ", " + s), T = axes(n + ", " + s, "i64"), Z = axes(n + ", " + s + ", " + v);
  std::string B = axes(n + ", " + v), S = axes(""), MASK = axes(n + ", " + s, "i1");
  std::string extras = c.biased ? " extras %b" : "", extraType = c.biased ? ", " + B : "";
  std::string argument = c.biased ? ", %eb: " + B : "";
  std::string logit = "%x0 = kinu.mul %z, %scale : (" + Z + ", " + S + ") -> " + Z + "\n";
  std::string back = "%d0 = kinu.mul %dt, %scale : (" + Z + ", " + S + ") -> " + Z + "\n";
  std::string t = "%x0";
  if (c.biased) {
    logit += "%x1 = kinu.add " + t + ", %eb : (" + Z + ", " + B + ") -> " + Z + "\n";
    t = "%x1";
  }
  std::string dz = "%d0";
  if (c.capped) {
    std::string tanh = "%x2 = kinu.tanh " + t + " : " + Z + "\n";
    back = logit + tanh + "%sq = kinu.mul %x2, %x2 : (" + Z + ", " + Z + ") -> " + Z +
           "\n%slope = kinu.sub %one, %sq : (" + S + ", " + Z + ") -> " + Z + "\n%d1 = kinu.mul %dt, %slope : (" + Z +
           ", " + Z + ") -> " + Z + "\n%d0 = kinu.mul %d1, %scale : (" + Z + ", " + S + ") -> " + Z + "\n";
    logit += tanh;
    t = "%x2";
  }
  std::string text = "kinu.program @p {\n%h = kinu.input \"h\" : " + H + "\n%w = kinu.input \"w\" : " + W +
                     "\n%t = kinu.input \"t\" : " + T + "\n%b = kinu.input \"b\" : " + B +
                     "\n%scale = kinu.constant(1.5) : " + S + "\n%one = kinu.constant(1.0) : " + S +
                     "\n%zero = kinu.constant(0.0) : " + S + "\n%nil = kinu.constant(0 : i64) : !kinu.tensor<i64>\n";
  text += "%loss, %lse = kinu.linear_cross_entropy %h, %w, %t" + extras + " sum [\"embed\"] over \"v\" : (" + H + ", " +
          W + ", " + T + extraType + ") -> (" + ROW + ", " + ROW + ") {\n^bb0(%z: " + Z + argument + "):\n" + logit +
          "kinu.yield " + t + " : " + Z + "\n}\nkinu.output \"loss\", %loss : " + ROW + "\n";
  if (c.usesLogsumexp)
    text += "kinu.output \"lse\", %lse : " + ROW + "\n";
  if (c.forwardOnly)
    return text + "}\n";
  text += "%n = kinu.input \"n\" : " + S + "\n%i = kinu.div %one, %n : (" + S + ", " + S + ") -> " + S +
          "\n%all = kinu.broadcast %i : (" + S + ") -> " + ROW + "\n";
  std::string g = "%all";
  if (c.masked) {
    text += "%real = kinu.compare ne %t, %nil : (" + T + ", !kinu.tensor<i64>) -> " + MASK +
            "\n%some = kinu.select %real, %all, %zero : (" + MASK + ", " + ROW + ", " + S + ") -> " + ROW + "\n";
    g = "%some";
  }
  if (c.dependent) {
    text += "%dep = kinu.mul " + g + ", %loss : (" + ROW + ", " + ROW + ") -> " + ROW + "\n";
    g = "%dep";
  }
  text += "%dh, %dw = kinu.linear_cross_entropy_backward %h, %w, %t, %lse, " + g + extras +
          " sum [\"embed\"] over \"v\" : (" + H + ", " + W + ", " + T + ", " + ROW + ", " + ROW + extraType + ") -> (" +
          H + ", " + W + ") {\n^bb0(%z: " + Z + argument + "):\n" + logit + "kinu.yield " + t + " : " + Z +
          "\n} {\n^bb0(%z: " + Z + ", %dt: " + Z + argument + "):\n" + back + "kinu.yield " + dz + " : " + Z +
          "\n}\nkinu.output \"dh\", %dh : " + H + "\nkinu.output \"dw\", %dw : " + W + "\n}\n";
  return text;
}

/// Runs the program on inputs drawn from `seed` and gives its outputs.
std::vector<Tensor> outputsOf(Graph &graph, const Case &c, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  interpret::Interpreter interpreter(*graph.module);
  graph.module->walk([&](InputOp input) {
    Tensor value(input.getType());
    for (double &x : value.floats)
      x = normal(random);
    for (int64_t &x : value.ints)
      x = static_cast<int64_t>(random() % uint64_t(c.vocab));
    interpreter.setInput(input.getName(), value);
  });
  interpreter.setInput("n", 7.0);
  run(interpreter, "p");
  std::vector<Tensor> outputs{interpreter.output("loss")};
  if (c.usesLogsumexp)
    outputs.push_back(interpreter.output("lse"));
  if (!c.forwardOnly) {
    outputs.push_back(interpreter.output("dh"));
    outputs.push_back(interpreter.output("dw"));
  }
  return outputs;
}

/// The order in which a type lists its axes means nothing, and the two live in two contexts.
void expectSame(const Tensor &result, const Tensor &wanted) {
  llvm::SmallVector<Axis> axes;
  for (const Axis &axis : wanted.type.getAxes())
    axes.push_back({mlir::StringAttr::get(result.type.getContext(), axis.name.getValue()), axis.length});
  Tensor got = result.reordered(result.type.withAxes(axes));
  ASSERT_EQ(got.floats.size(), wanted.floats.size());
  for (size_t i = 0; i < wanted.floats.size(); ++i)
    ASSERT_NEAR(got.floats[i], wanted.floats[i], 1e-12 * (1 + std::fabs(wanted.floats[i]))) << "element " << i;
}

void check(const Case &c, uint64_t seed) {
  std::string text = textOf(c);
  SCOPED_TRACE("seed " + std::to_string(seed) + ", chunks of " + std::to_string(c.chunkBytes) + " bytes\n" + text);
  Graph whole(text), chunked(text);
  mlir::PassManager passes(&chunked.context);
  passes.addPass(fuse::createChunkLinearCrossEntropy({c.chunkBytes}));
  ASSERT_TRUE(succeeded(passes.run(*chunked.module)));
  int64_t most = 0;
  bool anyLeft = false;
  chunked.module->walk([&](DotOp dot) {
    if (dot.getType().has("v") && !dot.getType().has("embed"))
      most = std::max(most, dot.getType().getNumElements() * 4);
  });
  // Alone it may be left if its logits are one chunk.
  chunked.module->walk([&](LinearCrossEntropyBackwardOp op) {
    anyLeft |= typeOf(op.getLogsumexp()).getNumElements() * c.vocab * 4 > c.chunkBytes;
  });
  EXPECT_FALSE(anyLeft);
  EXPECT_LE(most, std::max(c.chunkBytes, c.vocab * 4)) << "more logits at once than a chunk may have";
  std::vector<Tensor> wanted = outputsOf(whole, c, seed), got = outputsOf(chunked, c, seed);
  for (size_t i = 0; i < wanted.size(); ++i)
    expectSame(got[i], wanted[i]);
}

TEST(ChunkLinearCrossEntropy, SweepOfShapesAndForms) {
  const char *replay = std::getenv("KINU_TEST_SEED");
  uint64_t first = replay ? std::stoull(replay) : 1, last = replay ? first : 200;
  for (uint64_t seed = first; seed <= last && !HasFatalFailure(); ++seed) {
    std::mt19937_64 random(seed);
    auto draw = [&](int64_t low, int64_t high) {
      return low + static_cast<int64_t>(random() % uint64_t(high - low + 1));
    };
    auto flip = [&] { return draw(0, 1) == 1; };
    Case c{};
    c.batch = draw(1, 5);
    c.seq = draw(1, 13);
    c.embed = draw(1, 4);
    c.vocab = draw(2, 9);
    c.chunkBytes = draw(1, c.batch * c.seq * c.vocab * 4 + 8);
    c.capped = flip();
    c.biased = flip();
    c.masked = flip();
    c.dependent = draw(0, 3) == 0;
    c.usesLogsumexp = draw(0, 3) == 0;
    c.forwardOnly = draw(0, 3) == 0;
    c.weightByColumns = flip();
    check(c, seed);
  }
}

} // namespace
