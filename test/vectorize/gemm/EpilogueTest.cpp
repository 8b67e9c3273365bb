// Contractions with epilogues, random ones among them, against the reference interpreter.
#include "test/vectorize/KernelRun.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>

using namespace kinu;
using namespace kinu::test;

namespace {

/// A tensor by the letters of its axes, the last one contiguous.
using Axes = std::string;
using Lengths = std::map<char, int64_t>;

std::string typeText(const Axes &axes, const Lengths &lengths, const std::string &element = "f32") {
  std::string text = "!kinu.tensor<";
  for (size_t i = 0; i < axes.size(); ++i)
    text += (i ? ", " : "") + std::string("ax_") + axes[i] + "=" + std::to_string(lengths.at(axes[i]));
  return text + (axes.empty() ? "" : " : ") + element + ">";
}

/// A dot and a random graph of elementwise ops on its axes, as the text of a kernel.
class Graph {
public:
  Graph(const Axes &lhs, const Axes &rhs, const Axes &result, Lengths lengths, unsigned seed)
      : axes(result), lengths(std::move(lengths)), random(seed) {
    std::string a = operand(lhs), b = operand(rhs), over;
    for (char axis : lhs)
      if (rhs.find(axis) != Axes::npos && result.find(axis) == Axes::npos)
        over += (over.empty() ? "\"ax_" : ", \"ax_") + std::string(1, axis) + "\"";
    line("kinu.dot " + a + ", " + b + " over [" + over + "]", {lhs, rhs});
    for (unsigned steps = 1 + random() % 6; steps-- > 0;)
      step();
  }

  std::string text() {
    std::string yielded, types, pairs;
    // The last value, and perhaps others: they are what a backward pass would read.
    std::vector<std::string> results{values.back()};
    for (const std::string &value : values)
      if (value != results[0] && random() % 3 == 0)
        results.push_back(value);
    for (size_t i = 0; i < results.size(); ++i) {
      yielded += (i ? ", " : "") + results[i];
      types += (i ? ", " : "") + typeText(axes, lengths);
      if (!full.empty() && random() % 2) {
        pairs += (pairs.empty() ? "" : ", ") + std::to_string(i) + ", " + std::to_string(full.back());
        full.pop_back();
      }
    }
    return "step.kernel @fused contraction rows [] inplace [" + pairs + "] {\n^bb0(" + arguments + "):\n" + body +
           "  kinu.yield " + yielded + " : " + types + "\n}\n";
  }

private:
  std::string operand(const Axes &of, const std::string &element = "f32") {
    std::string name = "%p" + std::to_string(operands++);
    arguments += (arguments.empty() ? "" : ", ") + name + ": " + typeText(of, lengths, element);
    return name;
  }

  /// Adds an op whose result has the product's axes.
  void line(const std::string &op, const std::vector<Axes> &from, const std::string &condition = "") {
    std::string types = condition;
    for (const Axes &axes : from)
      types += (types.empty() ? "" : ", ") + typeText(axes, lengths);
    add(op + " : (" + types + ") -> " + typeText(axes, lengths));
  }
  void tanh(const std::string &x) { add("kinu.tanh " + x + " : " + typeText(axes, lengths)); }

  void add(const std::string &op) {
    values.push_back("%v" + std::to_string(values.size()));
    body += "  " + values.back() + " = " + op + "\n";
  }

  /// Something to compute with: an operand with some of the axes, all of them one time in three.
  std::pair<std::string, Axes> other() {
    Axes some;
    bool all = random() % 3 == 0;
    for (char axis : axes)
      if (all || random() % 3 == 0)
        some += axis;
    if (some == axes)
      full.push_back(operands);
    return {operand(some), some};
  }

  void step() {
    std::string x = random() % 2 ? values.back() : values[random() % values.size()];
    auto [y, of] = other();
    switch (random() % 7) {
    case 0: return line("kinu.add " + x + ", " + y, {axes, of});
    case 1: return line("kinu.mul " + y + ", " + x, {of, axes});
    case 2: return line("kinu.max " + x + ", " + y, {axes, of});
    case 3: return line("kinu.sub " + x + ", " + values[random() % values.size()], {axes, axes});
    case 4: return tanh(x);
    case 5: { // as gelu does it
      tanh(x);
      std::string tanh = values.back();
      return line("kinu.mul " + tanh + ", " + y, {axes, of});
    }
    default: {
      Axes flags = random() % 2 ? "" : axes.substr(axes.size() - 1);
      std::string flag = operand(flags, "i1");
      return line("kinu.select " + flag + ", " + x + ", " + y, {axes, of}, typeText(flags, lengths, "i1"));
    }
    }
  }

  Axes axes;
  Lengths lengths;
  std::mt19937 random;
  std::string arguments, body;
  std::vector<std::string> values; ///< with all axes
  std::vector<int64_t> full;       ///< numbers of operands with all axes
  int64_t operands = 0;
};

void compare(const std::string &text, unsigned seed, const machines::Machine &machine = machines::detectLocal()) {
  SCOPED_TRACE("KINU_TEST_SEED=" + std::to_string(seed) + "\n" + text);
  CompiledKernel kernel(text, machine);
  ASSERT_TRUE(kernel.ok());
  // As for products alone: an element left out, added twice or taken from another place is off by far more.
  expectNear(kernel, kernel.randomOperands(seed), 2e-4);
}

/// The seed to begin with: another run's, to replay it.
unsigned firstSeed() {
  const char *given = std::getenv("KINU_TEST_SEED");
  unsigned seed = given ? unsigned(std::atoi(given)) : 1;
  std::printf("KINU_TEST_SEED=%u\n", seed);
  return seed;
}

TEST(Epilogue, randomGraphsAtEverySize) {
  int64_t sizes[] = {1, 2, 3, 7, 15, 16, 17, 64, 65, 97, 130};
  const char *layouts[][2] = {{"mk", "kn"}, {"mk", "nk"}, {"km", "kn"}, {"km", "nk"}};
  unsigned first = firstSeed();
  for (unsigned seed = first; seed < first + 24; ++seed) {
    std::mt19937 random(seed);
    auto pick = [&] { return sizes[random() % std::size(sizes)]; };
    Lengths lengths{{'m', pick()}, {'n', pick()}, {'k', pick()}};
    compare(Graph(layouts[seed % 4][0], layouts[seed % 4][1], random() % 2 ? "mn" : "nm", lengths, seed).text(), seed);
  }
}

// Several rounds of k, of rows and of columns: the product is kept in scratch until its last round.
TEST(Epilogue, severalBlocksOfEveryKind) {
  compare(Graph("mk", "kn", "mn", {{'m', 101}, {'n', 209}, {'k', 1201}}, 1).text(), 1);
  compare(Graph("mk", "nk", "mn", {{'m', 47}, {'n', 331}, {'k', 777}}, 2).text(), 2);
  compare(Graph("km", "kn", "mn", {{'m', 409}, {'n', 130}, {'k', 803}}, 3).text(), 3);
  compare(Graph("km", "nk", "nm", {{'m', 203}, {'n', 129}, {'k', 921}}, 4).text(), 4);
}

TEST(Epilogue, axesThatNestAndAxesThatDoNot) {
  Lengths lengths{{'b', 3}, {'s', 19}, {'e', 33}, {'h', 4}, {'d', 20}};
  const char *cases[][3] = {{"bse", "ehd", "bshd"},   {"bse", "ehd", "bhsd"},   {"bse", "ehd", "bhds"},
                            {"bhsd", "hde", "bse"},   {"bse", "bhsd", "ehd"},   {"bshd", "edh", "bes"},
                            {"bshd", "behd", "bhse"}, {"bseh", "behd", "sdhb"}, {"bhe", "bhe", "bh"}};
  unsigned seed = 1;
  for (auto [lhs, rhs, result] : cases) {
    compare(Graph(lhs, rhs, result, lengths, seed).text(), seed);
    lengths['d'] = lengths['d'] == 20 ? 16 : 20;
    ++seed;
  }
}

TEST(Epilogue, onNarrowerVectors) {
  machines::Machine machine = *machines::find("x86-64-v3");
  for (unsigned seed = 1; seed < 7; ++seed)
    compare(Graph("mk", seed % 2 ? "kn" : "nk", "mn", {{'m', 61}, {'n', 67}, {'k', 801}}, seed).text(), seed, machine);
}

const char *const kGelu = R"mlir(
  !x = !kinu.tensor<seq=96, embed=512 : f32>
  !w = !kinu.tensor<embed=512, ffn=256 : f32>
  !h = !kinu.tensor<seq=96, ffn=256 : f32>
  !b = !kinu.tensor<ffn=256 : f32>
  !s = !kinu.tensor<f32>
  step.kernel @gelu contraction rows [] inplace [] {
  ^bb0(%x: !x, %w: !w, %b: !b):
    %a = kinu.dot %x, %w over ["embed"] : (!x, !w) -> !h
    %z = kinu.add %a, %b : (!h, !b) -> !h
    %half = kinu.constant(0.5) : !s
    %one = kinu.constant(1.0) : !s
    %t = kinu.tanh %z : !h
    %u = kinu.add %t, %one : (!h, !s) -> !h
    %v = kinu.mul %u, %z : (!h, !h) -> !h
    %y = kinu.mul %v, %half : (!h, !s) -> !h
    kinu.yield %z, %y : !h, !h
  })mlir";

TEST(Epilogue, keepsWhatItWasComputedFrom) { expectAsInterpreted(kGelu, 1e-4); }

// The activation is vector code beside the product's: no call of a library, and no vector goes to the stack.
TEST(Epilogue, isVectorCodeOnA64FX) {
  std::string assembly = assemblyOf(kGelu, *machines::find("fugaku"));
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(assembly).split(lines, '\n');
  int64_t vectors = 0;
  for (llvm::StringRef line : lines) {
    line = line.trim();
    vectors += line.starts_with("fmla\tz") || line.starts_with("fmad\tz");
    EXPECT_FALSE(line.starts_with("bl\t") && !line.contains("micro_")) << line.str();
    EXPECT_FALSE((line.starts_with("str\tz") || line.starts_with("ldr\tz")) && line.contains("[sp")) << line.str();
  }
  EXPECT_GT(vectors, 0);
}

/// A product that is gated, whose result may lie over the gate where `inplace` says so.
std::string gateText(const std::string &inplace) {
  return "step.kernel @gate contraction rows [] inplace [" + inplace + R"mlir(] {
  ^bb0(%x: !kinu.tensor<seq=96, embed=512 : f32>, %w: !kinu.tensor<embed=512, out=256 : f32>,
       %r: !kinu.tensor<seq=96, out=256 : f32>):
    %a = kinu.dot %x, %w over ["embed"] : (!kinu.tensor<seq=96, embed=512 : f32>, !kinu.tensor<embed=512, out=256 : f32>)
        -> !kinu.tensor<seq=96, out=256 : f32>
    %y = kinu.mul %a, %r : (!kinu.tensor<seq=96, out=256 : f32>, !kinu.tensor<seq=96, out=256 : f32>)
        -> !kinu.tensor<seq=96, out=256 : f32>
    kinu.yield %y : !kinu.tensor<seq=96, out=256 : f32>
  })mlir";
}

struct Fetches {
  int64_t toRead = 0, toWrite = 0;
};

Fetches fetchesOf(const std::string &text) {
  CompiledKernel kernel(text, *machines::find("x86-64-v3"));
  Fetches fetches;
  if (kernel.ok())
    kernel.lowered().module.get()->walk(
        [&](mlir::LLVM::Prefetch fetch) { ++(fetch.getRw() ? fetches.toWrite : fetches.toRead); });
  return fetches;
}

// On x86-64 rows to come are fetched, to read or to write to, each line once: a result that lies over the gate is
// not fetched twice.
TEST(Epilogue, fetchesRowsAhead) {
  Fetches apart = fetchesOf(gateText("")), over = fetchesOf(gateText("0, 2"));
  EXPECT_GT(over.toWrite, 0);
  EXPECT_EQ(apart.toWrite, over.toWrite);
  EXPECT_GT(apart.toRead, over.toRead);
}

// A gradient that is added to: in place, and not read where `$first` says that nothing is there yet.
TEST(Epilogue, accumulates) {
  std::string text = R"mlir(
    !x = !kinu.tensor<seq=$, embed=100 : f32>
    !d = !kinu.tensor<seq=$, ffn=70 : f32>
    !w = !kinu.tensor<embed=100, ffn=70 : f32>
    !bool = !kinu.tensor<i1>
    !s = !kinu.tensor<f32>
    step.kernel @accumulate contraction rows [] inplace [0, 3] {
    ^bb0(%x: !x, %d: !d, %first: !bool, %old: !w):
      %g = kinu.dot %x, %d over ["seq"] : (!x, !d) -> !w
      %zero = kinu.constant(0.0) : !s
      %kept = kinu.select %first, %zero, %old : (!bool, !s, !w) -> !w
      %sum = kinu.add %g, %kept : (!w, !w) -> !w
      kinu.yield %sum : !w
    })mlir";
  for (int64_t sums : {40, 1500}) {
    CompiledKernel kernel(sized(text, sums));
    ASSERT_TRUE(kernel.ok());
    for (bool first : {false, true}) {
      std::vector<interpret::Tensor> operands = kernel.randomOperands(5);
      operands[2].ints[0] = first;
      if (first)
        operands[3].floats.assign(operands[3].floats.size(), NAN);
      expectNear(kernel, operands, 1e-4);
    }
  }
}

// The product may be read under another name of an axis, as keys are of positions.
TEST(Epilogue, renamesAxes) {
  expectAsInterpreted(R"mlir(
    !x = !kinu.tensor<batch=3, key=21, dim=40 : f32>
    !w = !kinu.tensor<dim=40, embed=50 : f32>
    !k = !kinu.tensor<batch=3, key=21, embed=50 : f32>
    !h = !kinu.tensor<batch=3, seq=21, embed=50 : f32>
    step.kernel @renamed contraction rows [] inplace [0, 2] {
    ^bb0(%x: !x, %w: !w, %h: !h):
      %k = kinu.dot %x, %w over ["dim"] : (!x, !w) -> !k
      %s = kinu.rename %k "key" to "seq" : (!k) -> !h
      %y = kinu.add %s, %h : (!h, !h) -> !h
      kinu.yield %y : !h
    })mlir",
                      1e-4);
}

// Dropout's numbers depend on the element, not on how the product is cut.
TEST(Epilogue, dropsOut) {
  expectAsInterpreted(R"mlir(
    !x = !kinu.tensor<batch=2, seq=21, dim=40 : f32>
    !w = !kinu.tensor<dim=40, embed=50 : f32>
    !h = !kinu.tensor<batch=2, seq=21, embed=50 : f32>
    !m = !kinu.tensor<batch=2, seq=21, embed=50 : i1>
    !i = !kinu.tensor<i64>
    !s = !kinu.tensor<f32>
    step.kernel @dropout contraction rows [] inplace [] {
    ^bb0(%x: !x, %w: !w, %h: !h, %seed: !i, %step: !i, %offset: !i):
      %k = kinu.dot %x, %w over ["dim"] : (!x, !w) -> !h
      %r = kinu.random 77 of 8 (%seed, %step, %offset) : (!i, !i, !i) -> !h
      %rate = kinu.constant(0.25) : !s
      %zero = kinu.constant(0.0) : !s
      %keep = kinu.compare ge %r, %rate : (!h, !s) -> !m
      %d = kinu.select %keep, %k, %zero : (!m, !h, !s) -> !h
      %y = kinu.add %d, %h : (!h, !h) -> !h
      kinu.yield %y : !h
    })mlir",
                      1e-4);
}

} // namespace
