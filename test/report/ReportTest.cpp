// Times, bounds and shares of a report, and its two forms.
#include "compiler/report/Report.h"

#include "llvm/Support/JSON.h"

#include <gtest/gtest.h>

using namespace kinu;
using namespace kinu::report;

static KernelRow row(const std::string &name, int64_t count, double cycles, double operations, double bytes) {
  KernelRow row;
  row.name = name;
  row.what = "64x64x64 product";
  row.where = "a.kinu:1";
  row.count = count;
  row.operations = operations;
  row.bytes = bytes;
  (bytes <= 4 << 20 ? row.traffic.l2 : row.traffic.memory) = bytes * double(count);
  row.model.longest = cycles;
  row.model.threads = 12;
  return row;
}

/// One memory group of A64FX: 12 threads at 2 GHz, 256 GB/s, 8 MiB of second cache at 512 bytes per cycle.
static Report fugaku() {
  Report report;
  report.machine = llvm::cantFail(machines::find("fugaku"));
  report.timing = llvm::cantFail(machines::findTiming("fugaku"));
  report.threads = threadsOfRank(report.machine);
  report.peak = peakOfRank(report.machine, "fp32");
  return report;
}

TEST(Report, peakFollowsPrecision) {
  Report report = fugaku();
  EXPECT_EQ(report.threads, 12);
  EXPECT_NEAR(report.peak, 1.536e12, 1);
  EXPECT_NEAR(peakOfRank(report.machine, "fp16"), 3.072e12, 1);
  EXPECT_NEAR(peakOfRank(report.machine, "fp16 safe"), 1.536e12, 1);
}

TEST(Report, whatTakesLongestIsTheBound) {
  Report report = fugaku();
  report.kernels = {row("computes", 1, 2e9, 1e9, 1e9), row("moves", 2, 1e6, 1e6, 256e9),
                    row("stays", 1, 10, 1e3, 1 << 20)};
  complete(report);
  EXPECT_EQ(report.kernels[0].name, "moves");
  EXPECT_EQ(report.kernels[0].bound, Bound::Memory);
  EXPECT_NEAR(report.kernels[0].seconds, 1.25, 1e-9) << "through memory and second cache, one after the other";
  EXPECT_EQ(report.kernels[1].bound, Bound::Compute);
  EXPECT_NEAR(report.kernels[1].seconds, 1, 1e-9);
  EXPECT_EQ(report.kernels[2].bound, Bound::L2);
  EXPECT_NEAR(report.kernels[2].seconds, (1 << 20) / 1024e9, 1e-12);
  EXPECT_NEAR(report.seconds, 3.5, 1e-5);
  EXPECT_EQ(report.operations, 1e9 + 2e6 + 1e3);
}

// A loop that packs does not hide behind one that multiplies: each takes the longer of its own two times.
TEST(Report, blocksFollowOneAnother) {
  Report report = fugaku();
  KernelRow both = row("k0_contraction", 1, 0, 1e9, 128e9);
  both.model.threads = 12;
  both.model.longest = 2e9; // one second
  both.model.blocks = {{12 * 2e9, {}}, {0, {0, 0, 0, 128e9}}};
  report.kernels = {both};
  complete(report);
  EXPECT_NEAR(report.seconds, 1 + 0.5, 1e-9);
  EXPECT_EQ(report.kernels[0].bound, Bound::Compute);
  both.model.blocks = {{12 * 2e9, {0, 0, 64e9, 0}}, {0, {512e9, 0, 0, 128e9}}};
  report.kernels = {both};
  complete(report);
  EXPECT_NEAR(report.seconds, 1 + 0.5 + 0.5, 1e-9) << "512 GB from second caches at 1.024 TB/s";
  EXPECT_EQ(report.kernels[0].moved.memory, 192e9);
}

TEST(Report, sharesAddUpToOne) {
  Report report = fugaku();
  report.ranks = 4;
  for (int i = 1; i <= 20; ++i)
    report.kernels.push_back(row("k" + std::to_string(i), i, 1e6 / i, 1e6, 1e5 * i * i));
  report.collectives.push_back({"all_reduce", "data", "", 3, 4, 1e8});
  complete(report);
  double sum = 0;
  for (const KernelRow &each : report.kernels)
    sum += each.share;
  for (const CollectiveRow &each : report.collectives)
    sum += each.share;
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_TRUE(std::is_sorted(report.kernels.begin(), report.kernels.end(),
                             [](const KernelRow &x, const KernelRow &y) { return x.share > y.share; }));
  EXPECT_NEAR(report.collectives[0].seconds, 3 * 1e8 / 256e9, 1e-12);
}

TEST(Report, bothFormsSayThatItIsAModel) {
  Report report = fugaku();
  report.kernels = {row("k0_contraction", 12, 1e6, 1e9, 1e6)};
  report.kernels[0].tile = "6x64 f32";
  complete(report);
  std::string text, json;
  llvm::raw_string_ostream textStream(text), jsonStream(json);
  printText(report, textStream);
  printJson(report, jsonStream);
  EXPECT_NE(text.find("computed by a model; nothing was run"), std::string::npos) << text;
  EXPECT_NE(text.find("100.0%"), std::string::npos) << text;
  llvm::json::Value root = llvm::cantFail(llvm::json::parse(json));
  EXPECT_EQ(root.getAsObject()->getBoolean("modelled"), true);
  const llvm::json::Object &kernel = *(*root.getAsObject()->getArray("kernels"))[0].getAsObject();
  EXPECT_EQ(kernel.getString("tile"), "6x64 f32");
  EXPECT_EQ(kernel.getInteger("count"), 12);
  EXPECT_EQ(kernel.getString("bound"), "compute");
  EXPECT_EQ(kernel.getNumber("operations"), 1e9);
}
