// Machine descriptions: the ones built in, reading them, and what of them enters the cache key.
#include "compiler/machines/Timing.h"

#include "nlohmann/json.hpp"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace kinu::machines;
using nlohmann::json;

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc23-extensions"
static const char kFugaku[] = {
#embed "fugaku.json"
};
static const char kX86V4[] = {
#embed "x86-64-v4.json"
};
static const char kX86V3[] = {
#embed "x86-64-v3.json"
};
#pragma clang diagnostic pop

namespace {
struct BuiltIn {
  llvm::StringRef name;
  llvm::StringRef description;
};
} // namespace

static const BuiltIn kBuiltIn[] = {
    {"fugaku", {kFugaku, sizeof kFugaku}},
    {"x86-64-v4", {kX86V4, sizeof kX86V4}},
    {"x86-64-v3", {kX86V3, sizeof kX86V3}},
};

std::vector<std::string> kinu::machines::knownNames() {
  std::vector<std::string> names = {"local"};
  for (const BuiltIn &machine : kBuiltIn)
    names.push_back(machine.name.str());
  return names;
}

llvm::Expected<Machine> kinu::machines::find(llvm::StringRef name) {
  if (name == "local")
    return detectLocal();
  for (const BuiltIn &machine : kBuiltIn)
    if (machine.name == name)
      return parse(machine.description, (name + ".json").str());
  return llvm::createStringError(
      llvm::formatv("no machine is called `{0}` (known: {1})", name, llvm::join(knownNames(), ", ")).str());
}

static Network parseNetwork(const json &fields) {
  Network network;
  fields.at("name").get_to(network.name);
  fields.at("axisNames").get_to(network.axisNames);
  fields.at("axisLengths").get_to(network.axisLengths);
  fields.at("nodes").get_to(network.nodes);
  fields.at("unitNodes").get_to(network.unitNodes);
  fields.at("linkBandwidth").get_to(network.linkBandwidth);
  fields.at("latency").get_to(network.latency);
  fields.at("jobAxes").get_to(network.jobAxes);
  fields.at("jobAxesAssumed").get_to(network.jobAxesAssumed);
  fields.at("launcher").get_to(network.launcher);
  return network;
}

static Machine parseMachine(const json &fields) {
  Machine machine;
  fields.at("name").get_to(machine.name);
  fields.at("title").get_to(machine.title);
  fields.at("triple").get_to(machine.triple);
  fields.at("cpu").get_to(machine.cpu);
  fields.at("features").get_to(machine.features);
  fields.at("vectorBits").get_to(machine.vectorBits);
  fields.at("scalable").get_to(machine.scalable);
  fields.at("convertsFp16").get_to(machine.convertsFp16);
  fields.at("hasFp16").get_to(machine.hasFp16);
  fields.at("hasBf16").get_to(machine.hasBf16);
  fields.at("hasAmx").get_to(machine.hasAmx);
  fields.at("cores").get_to(machine.cores);
  fields.at("memoryGroups").get_to(machine.memoryGroups);
  fields.at("l1Bytes").get_to(machine.l1Bytes);
  fields.at("l2Bytes").get_to(machine.l2Bytes);
  fields.at("l2Cores").get_to(machine.l2Cores);
  fields.at("l3Bytes").get_to(machine.l3Bytes);
  fields.at("memoryBytes").get_to(machine.memoryBytes);
  fields.at("frequency").get_to(machine.frequency);
  fields.at("fmaPipes").get_to(machine.fmaPipes);
  fields.at("gemmRows").get_to(machine.gemmRows);
  fields.at("gemmVectors").get_to(machine.gemmVectors);
  if (fields.contains("network"))
    machine.network = parseNetwork(fields.at("network"));
  return machine;
}

llvm::Expected<Machine> kinu::machines::parse(llvm::StringRef description, llvm::StringRef origin) {
  try {
    return parseMachine(json::parse(description.begin(), description.end()));
  } catch (const json::exception &error) {
    return llvm::createStringError(llvm::formatv("machine description {0}: {1}", origin, error.what()).str());
  }
}

std::string Machine::fingerprint() const {
  return llvm::formatv(
             "{0} {1} {2} v{3}{4} gemm{5}x{6} L1:{7} L2:{8}/{9} L3:{10} cores:{11} pipes:{12}{13}{14}{15}{16}", triple,
             cpu, features, vectorBits, scalable ? "s" : "", gemmRows, gemmVectors, l1Bytes, l2Bytes, l2Cores, l3Bytes,
             coresPerGroup(), fmaPipes, convertsFp16 ? " converts-fp16" : "", hasFp16 ? " fp16" : "",
             hasBf16 ? " bf16" : "", hasAmx ? " amx" : "")
      .str();
}

static Timing parseTiming(const json &fields) {
  Timing timing;
  auto read = [&](const char *name, auto &value) {
    if (fields.contains(name))
      fields.at(name).get_to(value);
  };
  read("dispatch", timing.dispatch);
  read("registerFile", timing.registerFile);
  read("loadQueue", timing.loadQueue);
  read("storeQueue", timing.storeQueue);
  read("issueWidth", timing.issueWidth);
  read("loadsPerCycle", timing.loadsPerCycle);
  read("storesPerCycle", timing.storesPerCycle);
  read("lineBytes", timing.lineBytes);
  read("l1Ways", timing.l1Ways);
  read("l2Ways", timing.l2Ways);
  read("l2BytesPerCycle", timing.l2BytesPerCycle);
  read("l2GroupBytesPerCycle", timing.l2GroupBytesPerCycle);
  read("l3Bandwidth", timing.l3Bandwidth);
  return timing;
}

llvm::Expected<Timing> kinu::machines::findTiming(llvm::StringRef name) {
  if (name == "local")
    return detectLocalTiming();
  for (const BuiltIn &machine : kBuiltIn)
    if (machine.name == name) {
      json fields = json::parse(machine.description.begin(), machine.description.end());
      Timing timing = parseTiming(fields.at("timing"));
      fields.at("memoryBandwidth").get_to(timing.memoryBandwidth);
      return timing;
    }
  return find(name).takeError();
}
