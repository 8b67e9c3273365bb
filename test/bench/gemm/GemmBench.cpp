// Kinu's matrix products against oneDNN's, on the shapes of training steps, interleaved in one run.
//
//   GemmBench [--json] [--precision=fp32,bf16] [--threads=2] [--rounds=5] [part of a product's name...]
//
// Results are in the operands' precision, gradients of weights in fp32, as training wants them.
// oneDNN runs twice: on weights as they lie, and on weights in its preferred layout, the copying not counted.
#include "test/bench/gemm/Measure.h"
#include "test/bench/gemm/OurKernel.h"
#include "test/bench/gemm/Report.h"

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstring>
#include <map>
#include <random>

using namespace kinu;
using namespace kinu::bench;

namespace {
struct Options {
  bool json = false, onlyOurs = false;
  std::vector<Precision> precisions = {Precision::fp32, Precision::bf16};
  std::vector<int> threads = {2};
  int rounds = 5;
  std::vector<std::string> parts; ///< of the names of products to measure; none: all

  bool chooses(const Product &product) const {
    for (const std::string &part : parts)
      if (product.name.find(part) != std::string::npos)
        return true;
    return parts.empty();
  }
};
} // namespace

static int64_t bytesOf(Precision precision) { return precision == Precision::fp32 ? 4 : 2; }

static uint16_t toBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// Small multiples of 1/8, exact in both precisions: what differs is the order of sums only.
static void fill(const Memory &memory, int64_t count, Precision precision, uint32_t seed) {
  std::minstd_rand random(seed);
  for (int64_t i = 0; i < count; ++i) {
    float value = float(int(random() >> 8 & 15) - 8) / 8;
    if (precision == Precision::fp32)
      memory.as<float>()[i] = value;
    else
      memory.as<uint16_t>()[i] = toBf16(value);
  }
}

static float numberAt(const Memory &memory, int64_t i, Precision precision) {
  if (precision == Precision::fp32)
    return memory.as<float>()[i];
  uint32_t bits = uint32_t(memory.as<uint16_t>()[i]) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

static double difference(const Memory &got, const Memory &wanted, int64_t count, Precision precision) {
  double largest = 0, size = 0;
  for (int64_t i = 0; i < count; ++i) {
    float there = numberAt(wanted, i, precision);
    double distance = std::fabs(numberAt(got, i, precision) - there);
    largest = distance <= largest ? largest : distance; // so that NaN counts
    size = std::max(size, double(std::fabs(there)));
  }
  return largest / size;
}

static double medianRatio(const Contestant &ours, const Contestant &theirs) {
  std::vector<double> ratios;
  for (size_t i = 0; i < ours.rates.size(); ++i)
    ratios.push_back(ours.rates[i] / theirs.rates[i]);
  return median(ratios);
}

static void compare(const Product &product, Precision precision, const Options &options, std::vector<Row> &rows) {
  Precision ofResult = product.sumsTokens ? Precision::fp32 : precision;
  int64_t left = product.rows * product.sums, right = product.sums * product.columns;
  int64_t result = product.rows * product.columns;
  Memory a(left * bytesOf(precision)), b(right * bytesOf(precision));
  Memory ours(result * bytesOf(ofResult)), theirs(result * bytesOf(ofResult));
  fill(a, left, precision, 1);
  fill(b, right, precision, 2);
  test::CompiledKernel kernel(kernelText(product, precision, ofResult));
  if (!kernel.ok())
    std::exit(1);
  for (int threads : options.threads) {
    setThreads(threads);
    Memory scratch(scratchBytes(kernel) * threads);
    Operands mine{a.as<void>(), b.as<void>(), ours.as<void>()}, other{a.as<void>(), b.as<void>(), theirs.as<void>()};
    std::vector<Contestant> contestants{{ourProduct(product, kernel, mine, scratch.as<char>(), threads)}};
    if (!options.onlyOurs)
      for (bool preferred : {false, true})
        contestants.push_back({oneDnnProduct(product, other, precision, ofResult, preferred)});
    int disturbed = measure(contestants, product.operations(), options.rounds, threads);
    const Contestant &plain = contestants[options.onlyOurs ? 0 : 1], &preferred = contestants[options.onlyOurs ? 0 : 2];
    rows.push_back({product.name, product.model, precision == Precision::fp32 ? "fp32" : "bf16", threads,
                    median(contestants[0].rates), median(plain.rates), median(preferred.rates),
                    medianRatio(contestants[0], plain), medianRatio(contestants[0], preferred),
                    options.onlyOurs ? 0 : difference(ours, theirs, result, ofResult), disturbed, options.rounds});
    if (!options.json)
      printRow(rows.back());
  }
}

int main(int argc, char **argv) {
  Options options;
  CLI::App app("Kinu's matrix products against oneDNN's");
  app.add_flag("--json", options.json, "print JSON instead of a table");
  app.add_flag("--ours", options.onlyOurs, "leave oneDNN out: ratios are 1");
  std::map<std::string, Precision> precisions{{"fp32", Precision::fp32}, {"bf16", Precision::bf16}};
  app.add_option("--precision", options.precisions, "of operands")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->transform(CLI::CheckedTransformer(precisions));
  app.add_option("--threads", options.threads, "numbers of threads")->delimiter(',')->allow_extra_args(false);
  app.add_option("--rounds", options.rounds, "measurements of each");
  app.add_option("part", options.parts, "parts of the names of products to measure; none: all");
  CLI11_PARSE(app, argc, argv);
  std::vector<Row> rows;
  if (!options.json)
    printHeader();
  for (Precision precision : options.precisions)
    for (const Product &product : trainingProducts())
      if (options.chooses(product))
        compare(product, precision, options, rows);
  if (options.json)
    printJson(rows);
  else
    printSummary(rows);
}
