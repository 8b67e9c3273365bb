// The plan for programs: one JSON object. Bytes and counts are whole numbers.
#include "compiler/plan/Plan.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace kinu;
using namespace kinu::plan;
namespace json = llvm::json;

static json::Object memory(const Memory &from) {
  return json::Object{{"weights", from.weights},
                      {"copies", from.copies},
                      {"gradients", from.gradients},
                      {"optimizer", from.optimizer},
                      {"tables", from.tables},
                      {"activations", from.activations},
                      {"communication", from.communication},
                      {"unused", from.unused},
                      {"arena", from.arena}};
}

static json::Object stage(const Stage &from) {
  json::Array work, traffic, replicated, padded;
  int64_t payload = 0;
  for (const Work &one : from.work)
    work.push_back(json::Object{
        {"program", one.program}, {"runs", one.runs}, {"launches", one.launches}, {"operations", one.operations}});
  for (const Traffic &one : from.traffic) {
    traffic.push_back(json::Object{{"program", one.program},
                                   {"kind", one.kind},
                                   {"over", json::Array(one.axes)},
                                   {"ranks", one.ranks},
                                   {"calls", one.calls},
                                   {"payload", one.payload},
                                   {"sent", one.sent()},
                                   {"seconds", one.seconds},
                                   {"hidden", one.hidden}});
    payload += one.payload;
  }
  for (const Replicated &one : from.replicated)
    replicated.push_back(json::Object{{"name", one.name}, {"over", json::Array(one.over)}, {"bytes", one.bytes}});
  for (const Padded &one : from.padded)
    padded.push_back(json::Object{{"axis", one.axis},
                                  {"length", one.length},
                                  {"padded", one.padded},
                                  {"bytes", one.bytes},
                                  {"variables", json::Array(one.variables)}});
  return json::Object{{"memory", memory(from.memory)},
                      {"kept_for_backward", from.memory.kept},
                      {"work", std::move(work)},
                      {"messages", std::move(traffic)},
                      {"payload", payload},
                      {"replicated", std::move(replicated)},
                      {"padded", std::move(padded)}};
}

static json::Value placement(const Plan &plan) {
  if (!plan.placement)
    return nullptr;
  json::Array digits, flows;
  json::Object along, busiest;
  for (const Digit &digit : plan.placement->digits)
    digits.push_back(json::Object{{"mesh", plan.mesh[digit.mesh].name},
                                  {"on", nameOf(digit.slot)},
                                  {"factor", digit.factor},
                                  {"stride", digit.stride}});
  for (auto [flow, hops] : llvm::zip(plan.problem.flows, plan.distances.hops)) {
    json::Array axes;
    for (unsigned m : flow.axes)
      axes.push_back(plan.mesh[m].name);
    flows.push_back(json::Object{{"over", std::move(axes)}, {"sent", flow.bytes}, {"hops", hops}});
  }
  for (unsigned slot = kX; slot < kSlots; ++slot) {
    along[nameOf(slot)] = plan.distances.bytesAlong[slot];
    busiest[nameOf(slot)] = plan.distances.busiest[slot];
  }
  const auto &lengths = plan.placement->lengths;
  return json::Object{{"job", json::Array{lengths[kX], lengths[kY], lengths[kZ]}},
                      {"torus", plan.placement->torus},
                      {"cuboids", !plan.placement->inOrder},
                      {"digits", std::move(digits)},
                      {"flows", std::move(flows)},
                      {"hop_bytes", std::move(along)},
                      {"busiest_link", std::move(busiest)},
                      {"job_axes_assumed", plan.problem.network.jobAxesAssumed}};
}

static json::Value time(const Plan &plan) {
  if (!plan.time)
    return nullptr;
  return json::Object{{"total", plan.time->total},
                      {"kernels", plan.time->kernels},
                      {"messages", plan.time->messages},
                      {"hidden", plan.time->hidden},
                      {"idle", plan.time->idle}};
}

static json::Value pipeline(const Plan &plan) {
  if (plan.timeline.stages.empty())
    return nullptr;
  return json::Object{
      {"schedule", plan.scheduleWord}, {"chunks", plan.schedule.chunks}, {"bubble", plan.timeline.bubble()}};
}

void plan::printJson(const Plan &plan, llvm::raw_ostream &os) {
  json::Array mesh, stages, alternatives;
  for (const MeshAxis &axis : plan.mesh)
    mesh.push_back(json::Object{{"axis", axis.name}, {"degree", axis.degree}, {"does", axis.does}});
  for (const Stage &one : plan.stages)
    stages.push_back(stage(one));
  for (const Alternative &other : plan.alternatives)
    alternatives.push_back(json::Object{{"degrees", json::Array(other.degrees)},
                                        {"ranks", other.ranks},
                                        {"nodes", other.nodes},
                                        {"micro_batches", other.microBatches}});
  os << llvm::formatv("{0:2}\n", json::Value(json::Object{{"model", plan.model},
                                                          {"layout", plan.layout},
                                                          {"machine", plan.machine.name},
                                                          {"parameters", plan.parameters},
                                                          {"mesh", std::move(mesh)},
                                                          {"ranks", plan.ranks},
                                                          {"nodes", plan.nodes},
                                                          {"ranks_per_node", plan.ranksPerNode},
                                                          {"memory_of_rank", plan.memoryOfRank()},
                                                          {"batch", plan.batch},
                                                          {"micro_batches", plan.microBatches},
                                                          {"sequences_of_rank", plan.sequencesOfRank},
                                                          {"alternatives", std::move(alternatives)},
                                                          {"stages", std::move(stages)},
                                                          {"pipeline", pipeline(plan)},
                                                          {"placement", placement(plan)},
                                                          {"modelled_seconds", time(plan)}}));
}
