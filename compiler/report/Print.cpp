// The report as a page of text and as JSON.
#include "compiler/report/Report.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace kinu::report;
namespace json = llvm::json;

/// Three digits and a unit: 1.61 G.
static std::string scaled(double value) {
  static const char *const kUnits[] = {"", "k", "M", "G", "T", "P"};
  int unit = 0;
  while (value >= 999.5 && unit < 5) {
    value /= 1000;
    ++unit;
  }
  int digits = unit == 0 ? 0 : value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return llvm::formatv(digits == 0 ? "{0:f0}{1}" : digits == 1 ? "{0:f1}{1}" : "{0:f2}{1}", value, kUnits[unit]).str();
}

static std::string seconds(double value) {
  const char *unit = value >= 1 ? "s" : value >= 1e-3 ? "ms" : "us";
  return llvm::formatv("{0:f2} {1}", value * (value >= 1 ? 1 : value >= 1e-3 ? 1e3 : 1e6), unit).str();
}

static double peakShareOf(const Report &report, const KernelRow &row) {
  return row.seconds > 0 ? row.operations / row.seconds / report.peak : 0;
}

static void printHead(const Report &report, llvm::raw_ostream &os) {
  os << llvm::formatv("Kernels of one training step of {0}, modelled for {1} ({2})\n", report.model,
                      report.machine.name, report.machine.title);
  os << "Every time and cycle below is computed by a model; nothing was run. "
     << (report.timing.usesScheduling() ? "Cycles: LLVM's scheduling model with corrections.\n"
                                        : "Cycles: the machine's limits per cycle.\n");
  os << llvm::formatv("  one rank{0}: {1} threads, {2} micro-batch{3} of {4} x {5} tokens, {6}\n",
                      report.ranks > 1 ? llvm::formatv(" of {0}", report.ranks).str() : "", report.threads,
                      report.microBatches, report.microBatches == 1 ? "" : "es", report.sequences, report.length,
                      report.precision);
  os << llvm::formatv("  at {0:f2} GHz: peak {1:f2} Tflop/s, memory {2:f1} GB/s\n\n", report.machine.frequency * 1e-9,
                      report.peak * 1e-12, report.timing.memoryBandwidth / report.machine.memoryGroups * 1e-9);
}

static constexpr const char *kRow =
    "{0,6} {1,5} {2,9} {3,7} {4,6} {5,7} {6,6} {7,-7} {8,5}  {9,-9} {10,4} {11,6}  {12}\n";

void kinu::report::printText(const Report &report, llvm::raw_ostream &os) {
  printHead(report, os);
  os << llvm::formatv(kRow, "share", "count", "time each", "cycles", "flop", "bytes", "flop/B", "bound", "peak", "tile",
                      "regs", "spills", "kernel");
  for (const KernelRow &row : report.kernels)
    os << llvm::formatv(kRow, llvm::formatv("{0:f1}%", 100 * row.share).str(), row.count, seconds(row.seconds),
                        scaled(row.model.longest), scaled(row.operations), scaled(row.bytes),
                        llvm::formatv("{0:f1}", row.bytes > 0 ? row.operations / row.bytes : 0).str(), name(row.bound),
                        llvm::formatv("{0:f0}%", 100 * peakShareOf(report, row)).str(),
                        row.tile.empty() ? "-" : row.tile, row.model.vectorRegisters, row.model.spills,
                        row.name + " (" + row.where + "): " + row.what);
  for (const CollectiveRow &row : report.collectives)
    os << llvm::formatv(kRow, llvm::formatv("{0:f1}%", 100 * row.share).str(), row.count, seconds(row.seconds), "-",
                        "-", scaled(row.bytes), "-", "network", "-", "-", "-", "-",
                        row.name + " over " + row.axes + ", " + std::to_string(row.ranks) + " ranks");
  os << llvm::formatv("\nstep: {0} modelled, {1}flop, {2:f1}% of peak\n", seconds(report.seconds),
                      scaled(report.operations), 100 * report.shareOfPeak());
  os << R"(
cycles  of the thread that is done last      flop   floating-point operations of one launch, as the kernel is written
bytes   operands and results, once each      bound  of most of the time: instructions, or what delivers the bytes
peak    of one rank at the run's precision   tile   of the product, kept in registers; regs: vector registers
count   launches in a step                   spills stack accesses in the hottest loop (regs: in it, too)
)";
}

static json::Object kernel(const Report &report, const KernelRow &row) {
  const KernelModel &model = row.model;
  return json::Object{
      {"name", row.name},
      {"what", row.what},
      {"where", row.where},
      {"count", row.count},
      {"operations", row.operations},
      {"bytes", row.bytes},
      {"bytes_from", json::Object{{"l2", row.moved.l2}, {"l3", row.moved.l3}, {"memory", row.moved.memory}}},
      {"tile", row.tile.empty() ? json::Value(nullptr) : json::Value(row.tile)},
      {"vector_registers", model.vectorRegisters},
      {"spills", model.spills},
      {"loop", json::Object{{"instructions", model.loopInstructions},
                            {"cycles", model.loopCycles},
                            {"share_of_cycles", model.loopShare}}},
      {"instructions", model.instructions},
      {"cycles", model.longest},
      {"cycles_of_all_threads", model.cycles},
      {"bound", name(row.bound)},
      {"seconds", row.seconds},
      {"share_of_peak", peakShareOf(report, row)},
      {"share", row.share}};
}

void kinu::report::printJson(const Report &report, llvm::raw_ostream &os) {
  json::Array kernels, collectives;
  for (const KernelRow &row : report.kernels)
    kernels.push_back(kernel(report, row));
  for (const CollectiveRow &row : report.collectives)
    collectives.push_back(json::Object{{"name", row.name},
                                       {"axes", row.axes},
                                       {"where", row.where},
                                       {"count", row.count},
                                       {"ranks", row.ranks},
                                       {"bytes", row.bytes},
                                       {"seconds", row.seconds},
                                       {"share", row.share}});
  json::Object machine{{"name", report.machine.name},
                       {"frequency", report.machine.frequency},
                       {"cycles_from", report.timing.usesScheduling() ? "scheduling model" : "limits per cycle"},
                       {"memory_bandwidth", report.timing.memoryBandwidth / double(report.machine.memoryGroups)}};
  json::Object step{
      {"seconds", report.seconds}, {"operations", report.operations}, {"share_of_peak", report.shareOfPeak()}};
  json::Object root{{"modelled", true},
                    {"model", report.model},
                    {"machine", std::move(machine)},
                    {"layout", report.layout.empty() ? json::Value(nullptr) : json::Value(report.layout)},
                    {"precision", report.precision},
                    {"ranks", report.ranks},
                    {"threads", report.threads},
                    {"micro_batches", report.microBatches},
                    {"sequences", report.sequences},
                    {"length", report.length},
                    {"peak", report.peak},
                    {"kernels", std::move(kernels)},
                    {"collectives", std::move(collectives)},
                    {"step", std::move(step)}};
  os << llvm::formatv("{0:2}\n", json::Value(std::move(root)));
}
