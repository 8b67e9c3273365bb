// Reads memory, work and messages off an allocated module.
#include "compiler/plan/Plan.h"

#include "compiler/syntax/PrecisionName.h"
#include "dialects/tofu/Tofu.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::plan;

double Traffic::sent() const {
  if (kind == "broadcast" || kind == "send" || kind == "shift")
    return double(payload);
  if (kind == "receive")
    return 0;
  double n = double(ranks), share = (n - 1) / n * double(payload);
  return kind == "all_reduce" ? 2 * share : share;
}

int64_t Plan::memoryOfRank() const {
  // A rank per memory group, or several, use what is theirs; a rank for several groups, all of these.
  int64_t groups = std::max<int64_t>(1, machine.memoryGroups);
  if (ranksPerNode >= groups)
    return machine.memoryBytes / groups / llvm::divideCeil(ranksPerNode, groups);
  return machine.memoryBytes / groups * (groups / ranksPerNode);
}

static const typed::LayoutRule *findRule(const typed::Layout &layout, StringRef verb) {
  auto rule = llvm::find_if(layout.rules, [&](const typed::LayoutRule &rule) { return rule.verb == verb; });
  return rule == layout.rules.end() ? nullptr : &*rule;
}

Job plan::jobOf(const typed::Layout &layout, const machines::Machine &machine, int64_t ranks) {
  Job job{1, machine.network ? 1 : ranks};
  if (const typed::LayoutRule *per = findRule(layout, "ranks"))
    job.ranksPerNode = std::stoll(per->subjects[0]) * (per->detail == "per group" ? machine.memoryGroups : 1);
  job.ranksPerNode = std::min(job.ranksPerNode, ranks);
  job.nodes = llvm::divideCeil(ranks, job.ranksPerNode);
  return job;
}

/// All choices among the alternatives of the mesh, the first ones first.
static std::vector<std::vector<int64_t>> choices(const typed::Layout &layout) {
  std::vector<std::vector<int64_t>> all{{}};
  for (const typed::MeshAxis &axis : layout.mesh) {
    std::vector<std::vector<int64_t>> next;
    for (const std::vector<int64_t> &chosen : all)
      for (int64_t degree : axis.degrees) {
        next.push_back(chosen);
        next.back().push_back(degree);
      }
    all = std::move(next);
    if (all.size() > 4096) // nobody reads so many
      all.resize(4096);
  }
  return all;
}

static int64_t product(ArrayRef<int64_t> degrees) {
  int64_t ranks = 1;
  for (int64_t degree : degrees)
    ranks *= degree;
  return ranks;
}

std::optional<std::vector<int64_t>> plan::degreesFor(const typed::Layout &layout, const machines::Machine &machine,
                                                     int64_t nodes, Diagnostics &diagnostics) {
  std::vector<std::string> known;
  for (std::vector<int64_t> &degrees : choices(layout)) {
    int64_t here = jobOf(layout, machine, product(degrees)).nodes;
    if (here == nodes)
      return degrees;
    known.push_back(std::to_string(here));
  }
  diagnostics
      .error("no-such-degree", layout.range,
             "no alternative of the mesh of `" + layout.name + "` is for " + std::to_string(nodes) + " nodes")
      .suggest("its alternatives are for " + llvm::join(known, ", ") + "; add a degree for " + std::to_string(nodes));
  return std::nullopt;
}

/// Micro-batches of a step, as the shard stage counts them.
static int64_t microBatches(const typed::Layout &layout, ArrayRef<int64_t> degrees, const typed::TrainConfig &train) {
  const typed::LayoutRule *size = findRule(layout, "microbatch");
  if (!size)
    return train.accumulate;
  int64_t sharing = 1;
  for (const typed::LayoutRule &rule : layout.rules)
    if (rule.verb == "shard" && llvm::is_contained(rule.subjects, "batch"))
      for (auto [axis, degree] : llvm::zip(layout.mesh, degrees))
        sharing *= llvm::is_contained(rule.mesh, axis.name) ? degree : 1;
  return std::max<int64_t>(1, train.batch / (std::stoll(size->subjects[0]) * sharing));
}

static int64_t bytesOf(NamedTensorType type) {
  return type.getNumElements() * (type.isBool() ? 1 : type.getElement().getIntOrFloatBitWidth() / 8);
}

static int64_t number(Operation *op, StringRef name) {
  auto attribute = op->getAttrOfType<IntegerAttr>(name);
  return attribute ? attribute.getInt() : 0;
}

static int64_t &partOf(Memory &memory, StringRef role) {
  return role == "gradient" || role == "sum" ? memory.gradients
         : role.starts_with("moment")        ? memory.optimizer
         : role == "copy"                    ? memory.copies
         : role == "table"                   ? memory.tables
         : role == "stash"                   ? memory.kept
         : role == "message"                 ? memory.communication
                                             : memory.weights;
}

/// What variables take up to the next one counts as theirs, and as often as there are stores of those of micro-batches;
/// what programs share is as the program that needs most of it uses it.
static Memory memoryOf(ModuleOp module) {
  Memory memory;
  memory.arena = number(module, "kinu.arena_bytes");
  SmallVector<VariableOp> variables(module.getOps<VariableOp>());
  llvm::sort(variables, [](VariableOp x, VariableOp y) { return number(x, "kinu.offset") < number(y, "kinu.offset"); });
  int64_t stores = std::max<int64_t>(1, number(module, "kinu.stores")), store = number(module, "kinu.store_offset"),
          storeBytes = number(module, "kinu.store_bytes"), end = number(module, "kinu.variable_bytes");
  for (VariableOp variable : llvm::reverse(variables)) {
    int64_t offset = number(variable, "kinu.offset");
    bool inStore = storeBytes > 0 && offset >= store;
    int64_t bytes = std::min(end, inStore ? store + storeBytes : end) - offset;
    partOf(memory, variable.getRole()) += inStore ? stores * bytes : bytes;
    end = offset;
  }
  Operation *largest = nullptr;
  for (ProgramOp program : module.getOps<ProgramOp>())
    if (!largest || number(program, "kinu.program_bytes") > number(largest, "kinu.program_bytes"))
      largest = program;
  memory.activations = memory.kept;
  if (largest) {
    int64_t sent = number(largest, "kinu.sent_bytes");
    memory.communication += sent;
    memory.activations += number(largest, "kinu.live_bytes") - sent;
    memory.unused = number(largest, "kinu.program_bytes") - number(largest, "kinu.live_bytes");
  }
  return memory;
}

/// What the shard stage wrote down of a pipeline: of each stage [direction, micro-batch, store, chunk] for each pass.
static tofu::MicroBatchSchedule scheduleOf(ArrayRef<ModuleOp> stages) {
  tofu::MicroBatchSchedule schedule;
  for (ModuleOp module : stages)
    if (auto passes = module->getAttrOfType<DenseI64ArrayAttr>("kinu.schedule")) {
      std::vector<tofu::Slot> &slots = schedule.stages.emplace_back();
      for (int64_t i = 0; i + 3 < passes.size(); i += 4) {
        slots.push_back({static_cast<tofu::Direction>(passes[i]), passes[i + 1], passes[i + 2], passes[i + 3]});
        schedule.chunks = std::max(schedule.chunks, passes[i + 3] + 1);
      }
    }
  return schedule;
}

/// Returns where it is counted.
static size_t addTraffic(std::vector<Traffic> &traffic, Traffic one) {
  auto same = llvm::find_if(traffic, [&](const Traffic &other) {
    return other.program == one.program && other.kind == one.kind && other.axes == one.axes;
  });
  if (same == traffic.end()) {
    traffic.push_back(std::move(one));
    return traffic.size() - 1;
  }
  same->calls += one.calls;
  same->payload += one.payload;
  return same - traffic.begin();
}

static Traffic trafficOf(Operation *op, tofu::MeshOp mesh, StringRef program, int64_t runs) {
  Traffic one;
  one.program = program;
  one.kind = op->getName().stripDialect();
  if (auto on = op->getAttrOfType<StringAttr>("on"))
    one.axes.push_back(on.str());
  else
    for (StringRef axis : op->getAttrOfType<ArrayAttr>("on").getAsValueRange<StringAttr>())
      one.axes.push_back(axis.str());
  for (const std::string &axis : one.axes)
    one.ranks *= mesh.degree(axis);
  one.calls = runs;
  int64_t bytes = 0;
  for (Value value : op->getOperands())
    bytes = std::max(bytes, bytesOf(typeOf(value)));
  for (Value value : op->getResults())
    bytes = std::max(bytes, bytesOf(typeOf(value)));
  one.payload = runs * bytes;
  return one;
}

/// What a program does in a run, messages counted as those of `runs` runs.
static Work workOf(ProgramOp program, int64_t runs, const llvm::StringMap<double> &operations, tofu::MeshOp mesh,
                   std::vector<Traffic> &traffic) {
  Work work{program.getSymName().str(), runs, 0, 0, {}};
  llvm::DenseMap<Operation *, unsigned> started; // to where its event is
  for (Operation &op : program.getBody().front()) {
    WorkEvent event;
    if (auto launch = dyn_cast<step::LaunchOp>(op)) {
      event.operations = operations.lookup(launch.getKernel());
      ++work.launches;
      work.operations += event.operations;
    } else if (auto wait = dyn_cast<tofu::WaitOp>(op)) {
      event = work.events[started.lookup(wait.getStarted().getDefiningOp())];
      event.kind = Event::Wait;
    } else if (tofu::isCollective(&op)) {
      Traffic one = trafficOf(&op, mesh, program.getSymName(), runs);
      event.kind = tofu::isAsync(&op) ? Event::Start : Event::Message;
      event.payload = runs ? one.payload / runs : 0;
      event.traffic = addTraffic(traffic, std::move(one));
      event.message = started.size();
      if (event.kind == Event::Start)
        started[&op] = work.events.size();
    } else {
      continue;
    }
    work.events.push_back(event);
  }
  return work;
}

/// Sums of losses and metrics, which the runtime adds up over ranks once a step, in double precision.
static void addSums(ModuleOp module, const Plan &plan, const std::vector<std::string> &all,
                    std::vector<Traffic> &traffic) {
  for (StringRef name : {"count", "micro", "forward"}) {
    auto program = module.lookupSymbol<ProgramOp>(name);
    if (!program)
      continue;
    Traffic sums{"step", "all_reduce", {}, 1, 1, name == "count" ? 8 : 16, 0, 0}; // `$loss_sum` and `$aux_sum`
    llvm::StringSet<> over;
    for (OutputOp output : program.getOps<OutputOp>()) {
      sums.payload += output.getName().starts_with("metric.") && name != "count" ? 8 : 0;
      if (auto axes = output->getAttrOfType<ArrayAttr>(tofu::kSumOver))
        for (StringRef axis : axes.getAsValueRange<StringAttr>())
          over.insert(axis);
    }
    for (const MeshAxis &axis : plan.mesh)
      if (name == "forward" || over.contains(axis.name)) {
        sums.axes.push_back(axis.name);
        sums.ranks *= axis.degree;
      }
    if (!sums.axes.empty())
      addTraffic(traffic, std::move(sums));
  }
}

/// Whether every stage of a pipeline has the same variable, not its own layers of it.
static bool isOnAllStages(VariableOp variable, DictionaryAttr pipeline, const PlanInputs &inputs) {
  auto type = cast<NamedTensorType>(variable.getType());
  return variable.getRole() != "stash" && variable.getRole() != "message" &&
         !type.has(pipeline.getAs<StringAttr>("repeat")) && llvm::all_of(inputs.stages, [&](ModuleOp stage) {
           return stage.lookupSymbol<VariableOp>(variable.getSymName());
         });
}

static void addReplicated(ModuleOp module, const PlanInputs &inputs, const Plan &plan, Stage &stage) {
  auto pipeline = module->getAttrOfType<DictionaryAttr>("kinu.pipeline");
  for (VariableOp variable : module.getOps<VariableOp>()) {
    auto split = variable->getAttrOfType<DictionaryAttr>("kinu.split");
    if ((!split && !pipeline) || variable.getRole() == "table")
      continue;
    Replicated entry{variable.getSymName().str(), {}, bytesOf(cast<NamedTensorType>(variable.getType()))};
    for (const MeshAxis &axis : plan.mesh) {
      bool isSplit =
          split && llvm::any_of(split, [&](NamedAttribute on) {
            return llvm::is_contained(cast<ArrayAttr>(on.getValue()).getAsValueRange<StringAttr>(), axis.name);
          });
      bool isOfStages = pipeline && pipeline.getAs<StringAttr>("on") == axis.name;
      if (axis.degree > 1 && !isSplit && (!isOfStages || isOnAllStages(variable, pipeline, inputs)))
        entry.over.push_back(axis.name);
    }
    if (!entry.over.empty())
      stage.replicated.push_back(std::move(entry));
  }
}

static Stage stageOf(ModuleOp module, const PlanInputs &inputs, const Plan &plan) {
  Stage stage;
  stage.memory = memoryOf(module);
  tofu::MeshOp mesh = tofu::meshOf(module);
  llvm::StringMap<double> operations;
  for (step::KernelOp kernel : module.getOps<step::KernelOp>())
    operations[kernel.getSymName()] = inputs.operations(kernel);
  for (ProgramOp program : module.getOps<ProgramOp>()) {
    if (int64_t runs = step::runsInStep(module, program.getSymName(), plan.microBatches))
      stage.work.push_back(workOf(program, runs, operations, mesh, stage.traffic));
  }
  // What the runtime itself sends: whether somebody is to stop and, where the time decides on checkpoints, the time.
  std::vector<std::string> all;
  for (const MeshAxis &axis : plan.mesh)
    all.push_back(axis.name);
  if (plan.ranks > 1) {
    addTraffic(stage.traffic, {"step", "all_reduce", all, plan.ranks, 1, 4, 0, 0});
    if (inputs.model.train->checkpointEvery == 0)
      addTraffic(stage.traffic, {"step", "broadcast", all, plan.ranks, 1, 8, 0, 0});
  }
  addSums(module, plan, all, stage.traffic);
  addReplicated(module, inputs, plan, stage);
  stage.padded = paddedIn(module);
  return stage;
}

/// The clauses that name a mesh axis, in the layout's words.
static std::string doesAlong(const typed::Layout &layout, const std::string &axis) {
  std::vector<std::string> all;
  for (const typed::LayoutRule &rule : layout.rules) {
    if (rule.verb == "place" || !llvm::is_contained(rule.mesh, axis))
      continue;
    std::string text = rule.verb + " " + llvm::join(rule.subjects, ", ");
    if (!rule.detail.empty())
      text += (rule.verb == "pipeline" ? ", " : " ") + rule.detail;
    all.push_back(text);
  }
  return llvm::join(all, "; ");
}

/// `nodes` says for whom a layout is meant; how many it takes follows from its mesh.
static void warnOfNodes(const Plan &plan, const typed::Layout &layout, Diagnostics &diagnostics) {
  const typed::LayoutRule *said = findRule(layout, "nodes");
  if (!said || llvm::any_of(plan.alternatives,
                            [&](const Alternative &one) { return std::to_string(one.nodes) == said->subjects[0]; }))
    return;
  diagnostics
      .warning("nodes-differ", said->range,
               "`" + plan.layout + "` is for " + said->subjects[0] + " nodes, but its mesh of " +
                   std::to_string(plan.ranks) + " ranks, " + std::to_string(plan.ranksPerNode) + " on a node, takes " +
                   std::to_string(plan.nodes))
      .suggest("change the degrees of `mesh` or `ranks`, or write `nodes " + std::to_string(plan.nodes) + "`");
}

Plan plan::makePlan(const PlanInputs &inputs, Diagnostics &diagnostics) {
  Plan plan;
  const typed::Layout &layout = inputs.layout;
  plan.model = inputs.model.name;
  plan.layout = layout.name;
  plan.machine = inputs.machine;
  std::vector<int64_t> degrees;
  for (const typed::MeshAxis &axis : layout.mesh) {
    degrees.push_back(axis.degrees.empty() ? 1 : axis.degrees[0]);
    plan.mesh.push_back({axis.name, degrees.back(), axis.degrees, doesAlong(layout, axis.name)});
  }
  plan.ranks = product(degrees);
  Job job = jobOf(layout, plan.machine, plan.ranks);
  plan.nodes = job.nodes;
  plan.ranksPerNode = job.ranksPerNode;
  const typed::TrainConfig &train = *inputs.model.train;
  plan.batch = train.batch;
  plan.microBatches = train.accumulate;
  plan.precision = typed::precisionName(train);
  plan.sequencesOfRank = train.batch / train.accumulate;
  for (const typed::LayoutRule &rule : layout.rules)
    if (rule.verb == "shard" && llvm::is_contained(rule.subjects, "batch"))
      for (const MeshAxis &axis : plan.mesh)
        plan.sequencesOfRank /= llvm::is_contained(rule.mesh, axis.name) ? axis.degree : 1;
  plan.parameters = inputs.model.parameterCount();
  for (const std::vector<int64_t> &other : choices(layout)) {
    int64_t ranks = product(other);
    plan.alternatives.push_back(
        {other, ranks, jobOf(layout, plan.machine, ranks).nodes, microBatches(layout, other, train)});
  }
  warnOfNodes(plan, layout, diagnostics);
  for (ModuleOp module : inputs.stages)
    plan.stages.push_back(stageOf(module, inputs, plan));
  plan.schedule = scheduleOf(inputs.stages);
  if (!plan.schedule.stages.empty())
    if (auto pipeline = inputs.stages.front()->getAttrOfType<DictionaryAttr>("kinu.pipeline"))
      plan.scheduleWord = pipeline.getAs<StringAttr>("schedule").str();
  addPlacement(plan, inputs, diagnostics);
  addTime(plan);
  checkMemory(plan, inputs, diagnostics);
  return plan;
}
