#include "compiler/KernelReport.h"

#include "compiler/Backend.h"
#include "compiler/emit/CodeGeneration.h"
#include "compiler/emit/KernelCache.h"
#include "compiler/report/Describe.h"
#include "compiler/report/Touched.h"
#include "compiler/syntax/PrecisionName.h"
#include "dialects/tofu/Tofu.h"
#include "runtime/Abi.h"

#include "llvm/ADT/StringExtras.h"

#include <cstring>
#include <type_traits>

using namespace mlir;
using namespace kinu;
using report::CollectiveRow;
using report::KernelRow;
using report::Report;

namespace {
/// What the cache keeps of a kernel's model: this, then the blocks, and then the tile.
struct Found {
  double operations = 0;
  report::KernelFigures figures;
  int64_t blocks = 0;
};
static_assert(std::is_trivially_copyable_v<Found> && std::is_trivially_copyable_v<report::BlockModel>);

/// A kernel and what its launches have in common.
struct LaunchedKernel {
  KernelText text;
  std::vector<std::pair<int64_t, int64_t>> shared; ///< results and operands that are one memory, by their buffers
};
} // namespace

static std::string written(double operations, const report::KernelModel &model, StringRef tile) {
  Found found{operations, model, int64_t(model.blocks.size())};
  size_t blockBytes = model.blocks.size() * sizeof(report::BlockModel);
  std::string bytes(sizeof found + blockBytes, '\0');
  std::memcpy(bytes.data(), &found, sizeof found);
  std::memcpy(bytes.data() + sizeof found, model.blocks.data(), blockBytes);
  return bytes + tile.str();
}

static void readInto(KernelRow &row, StringRef bytes) {
  Found found;
  std::memcpy(&found, bytes.data(), sizeof found);
  row.operations = found.operations;
  static_cast<report::KernelFigures &>(row.model) = found.figures;
  row.model.blocks.resize(size_t(found.blocks));
  size_t blockBytes = row.model.blocks.size() * sizeof(report::BlockModel);
  std::memcpy(row.model.blocks.data(), bytes.data() + sizeof found, blockBytes);
  row.tile = bytes.substr(sizeof found + blockBytes).str();
}

static llvm::Expected<std::string> findOne(const LaunchedKernel &kernel, const Report &report) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  auto lowered = lowerText(kernel.text, report.machine, context);
  if (!lowered)
    return lowered.takeError();
  auto listing = emit::listKernel(*lowered->module, report.machine);
  if (!listing)
    return listing.takeError();
  report::KernelCode code{kernel.text.symbol,  listing->ir,    listing->assembly, lowered->tasks,
                          lowered->operations, lowered->bytes, kernel.shared};
  step::KernelOp op = kernel.text.op;
  code.evenly = op.getKind() == step::KernelKind::scatter;
  auto model = report::modelKernel(code, report.threads, report.machine, report.timing);
  if (!model)
    return model.takeError();
  return written(lowered->operations, *model, lowered->tile);
}

/// `forward` of `forward.1` and `forward.last`: the program of a stage's second chunk of layers, of the last
/// micro-batch.
static StringRef kindOf(StringRef program) { return program.split('.').first; }

/// Bytes that one rank sends, if the ranks of the group stand in a ring.
static double bytesSent(const emit::ExecutableCollective &row, int64_t ranks) {
  double element = row.dtype == kKinuI64 ? 8 : row.dtype == kKinuF32 ? 4 : row.dtype == kKinuI1 ? 1 : 2;
  double whole = double(row.count) * element, others = double(ranks - 1);
  if (row.kind == kKinuSend || row.kind == kKinuReceive)
    return row.kind == kKinuSend ? whole : 0;
  // Of all-reduce `count` is the whole, of the rest one rank's part.
  return row.kind == kKinuAllReduce ? 2 * whole * others / double(ranks) : whole * others;
}

static void addCollective(Report &report, ModuleOp module, Operation *op, int64_t runs) {
  emit::ExecutableCollective described = describeCollective(op);
  CollectiveRow row{op->getName().stripDialect().str(), described.axes, "", runs, 1, 0};
  tofu::MeshOp mesh = tofu::meshOf(module);
  SmallVector<StringRef> axes;
  StringRef(described.axes).split(axes, ',');
  for (StringRef &axis : axes)
    axis = axis.split(':').first; // what follows are the places that take part
  for (auto [name, degree] : llvm::zip(mesh.getAxes().getAsValueRange<StringAttr>(), mesh.getDegrees()))
    if (llvm::is_contained(axes, name))
      row.ranks *= degree;
  row.bytes = bytesSent(described, row.ranks);
  for (CollectiveRow &known : report.collectives)
    if (known.name == row.name && known.axes == row.axes && known.bytes == row.bytes) {
      known.count += runs;
      return;
    }
  report.collectives.push_back(std::move(row));
}

/// Where the buffers of all launches of a step are, once for each run of a program. The first step finds the caches
/// empty, so the second is counted.
static void followTraffic(const Report &report, ModuleOp module, llvm::StringMap<KernelRow> &rows) {
  const machines::Machine &machine = report.machine;
  int64_t l2Caches = std::max<int64_t>(1, report.threads / machine.l2Cores);
  report::Traffic traffic(l2Caches * machine.l2Bytes, machine.l3Bytes / std::max<int64_t>(1, machine.memoryGroups));
  SymbolTable kernels(module);
  auto runOnce = [&](ArrayRef<std::pair<step::LaunchOp, SmallVector<int64_t>>> launches, bool counts) {
    for (const auto &[launch, touched] : launches) {
      report::TrafficBytes bytes;
      for (auto [size, offset] : llvm::zip(touched, *step::LaunchOp(launch).getOffsets()))
        bytes += traffic.touch(offset, size);
      if (counts)
        rows[step::LaunchOp(launch).getKernel()].traffic += bytes;
    }
  };
  for (bool counts : {false, true})
    for (StringRef kind : {"count", "micro", "forward", "backward", "weights", "update"})
      for (ProgramOp program : module.getOps<ProgramOp>()) {
        if (kindOf(program.getSymName()) != kind)
          continue;
        SmallVector<std::pair<step::LaunchOp, SmallVector<int64_t>>> launches;
        for (auto launch : program.getBody().front().getOps<step::LaunchOp>())
          launches.push_back(
              {launch, report::touchedBytes(kernels.lookup<step::KernelOp>(launch.getKernel()), launch)});
        for (int64_t run = 0; run < step::runsInStep(module, program.getSymName(), report.microBatches); ++run)
          runOnce(launches, counts);
      }
}

/// Fills the counts and the places; a program's launches are one straight list.
static void countLaunches(Report &report, ModuleOp module, llvm::StringMap<KernelRow> &rows,
                          llvm::StringMap<step::LaunchOp> &firsts) {
  for (ProgramOp program : module.getOps<ProgramOp>()) {
    int64_t runs = step::runsInStep(module, program.getSymName(), report.microBatches);
    if (runs == 0)
      continue;
    for (Operation &op : program.getBody().front()) {
      if (auto launch = dyn_cast<step::LaunchOp>(op)) {
        KernelRow &row = rows[launch.getKernel()];
        row.count += runs;
        firsts.try_emplace(launch.getKernel(), launch);
        if (row.where.empty())
          row.where = launch.getLabel();
      } else if (tofu::isCollective(&op)) {
        addCollective(report, module, &op, runs);
      }
    }
  }
}

/// What a rank trains on at a time: the lengths of its first input that has sequences.
static void describeBatch(Report &report, ModuleOp module, const typed::TrainConfig &train) {
  report.sequences = train.batch / std::max<int64_t>(1, train.accumulate);
  for (const typed::Axis &axis : train.lengths)
    if (axis.name == "seq")
      report.length = axis.length;
  for (ProgramOp program : module.getOps<ProgramOp>())
    if (program.getSymName() == "micro" || program.getSymName() == "forward")
      for (InputOp input : program.getBody().front().getOps<InputOp>())
        if (NamedTensorType type = input.getType(); type.has("batch") && type.has("seq")) {
          report.sequences = type.length("batch");
          report.length = type.length("seq");
          return;
        }
}

static llvm::Error describeRun(Report &report, ModuleOp module, const TypedModel &plan,
                               const machines::Machine &machine, const PipelineOptions &options) {
  auto timing = machines::findTiming(machine.name);
  if (!timing)
    return timing.takeError();
  typed::TrainConfig train = plan.train.value_or(typed::TrainConfig());
  report.model = plan.name;
  report.layout = options.layout;
  report.machine = machine;
  report.timing = *timing;
  report.threads = report::threadsOfRank(machine);
  report.microBatches = train.accumulate;
  report.precision = typed::precisionName(train);
  report.peak = report::peakOfRank(machine, report.precision);
  if (tofu::MeshOp mesh = tofu::meshOf(module))
    for (int64_t degree : mesh.getDegrees())
      report.ranks *= degree;
  describeBatch(report, module, train);
  return llvm::Error::success();
}

llvm::Expected<Report> kinu::reportKernels(ModuleOp module, const TypedModel &plan, const machines::Machine &machine,
                                           const PipelineOptions &options) {
  Report report;
  if (llvm::Error error = describeRun(report, module, plan, machine, options))
    return error;
  llvm::StringMap<KernelRow> rows;
  llvm::StringMap<step::LaunchOp> firsts;
  countLaunches(report, module, rows, firsts);
  followTraffic(report, module, rows);
  std::vector<LaunchedKernel> kernels;
  for (KernelText &text : kernelTexts(module))
    if (auto launch = firsts.find(text.op.getSymName()); launch != firsts.end())
      kernels.push_back({text, report::sharedBuffers(text.op, launch->second)});
  std::vector<emit::KernelJob> jobs;
  for (const LaunchedKernel &kernel : kernels) {
    std::string key = "report for " + std::to_string(report.threads) + " threads";
    for (auto [result, operand] : kernel.shared)
      key += ", " + std::to_string(result) + " is " + std::to_string(operand);
    jobs.push_back({kernel.text.symbol, key + "\n" + kernel.text.text, [&] { return findOne(kernel, report); }});
  }
  auto warn = [](StringRef message) { llvm::errs() << "warning: " << message << '\n'; };
  auto found = emit::compileKernels(jobs, machine, emit::KernelCache(), options.threads, warn);
  if (!found)
    return found.takeError();
  for (auto [kernel, bytes] : llvm::zip(kernels, found->objects)) {
    step::KernelOp op = kernel.text.op;
    KernelRow &row = rows[op.getSymName()];
    readInto(row, bytes);
    row.name = op.getSymName();
    row.what = report::describeKernel(op);
    for (int64_t size : report::touchedBytes(op, firsts.find(op.getSymName())->second))
      row.bytes += double(size);
    report.kernels.push_back(std::move(row));
  }
  report::complete(report);
  return report;
}
