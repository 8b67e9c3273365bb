#include "compiler/Backend.h"

#include "compiler/KernelReport.h"
#include "compiler/emit/CodeGeneration.h"
#include "compiler/emit/KernelCache.h"
#include "compiler/emit/Manifest.h"
#include "compiler/support/WriteFile.h"
#include "compiler/vectorize/Vectorize.h"
#include "dialects/step/Step.h"
#include "dialects/tofu/Tofu.h"
#include "runtime/Abi.h"

#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/xxhash.h"

#include <cstring>

using namespace mlir;
using namespace kinu;

namespace {
/// What the tables say of a kernel besides its code. It is kept in front of the cached object.
struct KernelFacts {
  int64_t tasks = 1, scratchBytes = 0;
  double operations = 0, bytes = 0;
};
} // namespace

static KernelText describe(step::KernelOp op) {
  KernelText kernel{op, "", ""};
  StringRef own = op.getSymName();
  std::string name = own.str();
  op.setSymName("kernel");
  llvm::raw_string_ostream(kernel.text) << *op.getOperation();
  op.setSymName(name);
  kernel.symbol = "kinu_" + llvm::utohexstr(llvm::xxh3_64bits(kernel.text), true, 16);
  return kernel;
}

llvm::Expected<vectorize::Lowered> kinu::lowerText(const KernelText &kernel, const machines::Machine &machine,
                                                   MLIRContext &context) {
  context.loadDialect<KinuDialect, step::StepDialect>();
  vectorize::loadDialects(context);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(kernel.text, &context);
  if (!module)
    return llvm::createStringError("kernel %s cannot be read back", kernel.symbol.c_str());
  step::KernelOp op = *module->getOps<step::KernelOp>().begin();
  op.setSymName(kernel.symbol);
  return vectorize::lowerKernel(op, machine, context);
}

static llvm::Expected<std::string> compileOne(const KernelText &kernel, const machines::Machine &machine,
                                              emit::OutputKind kind) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  auto lowered = lowerText(kernel, machine, context);
  if (!lowered)
    return lowered.takeError();
  emit::CodeOptions options;
  options.kind = kind;
  auto object = emit::compileKernel(*lowered->module, machine, options);
  if (!object)
    return object.takeError();
  KernelFacts facts{lowered->tasks, lowered->scratchBytes, lowered->operations, lowered->bytes};
  std::string result(sizeof facts, '\0');
  std::memcpy(result.data(), &facts, sizeof facts);
  return result + *object;
}

static int32_t elementOf(NamedTensorType type) {
  Type element = type.getElement();
  return element.isF32()    ? kKinuF32
         : element.isBF16() ? kKinuBf16
         : element.isF16()  ? kKinuF16
         : type.isBool()    ? kKinuI1
                            : kKinuI64;
}

/// The axes that a collective's group is over, and the places along the one of them that take part, if not all do.
static std::string groupOf(tofu::AllReduceOp op) {
  std::string text = llvm::join(op.getOn().getAsValueRange<StringAttr>(), ",");
  if (auto among = op.getAmong())
    for (int64_t place : *among)
      text += ":" + std::to_string(place);
  return text;
}

static emit::ExecutableCollective describeMessage(Operation *op) {
  emit::ExecutableCollective row;
  bool sends = isa<tofu::SendOp>(op);
  NamedTensorType type = typeOf(sends ? op->getOperand(0) : op->getResult(0));
  row.kind = sends ? kKinuSend : kKinuReceive;
  row.dtype = elementOf(type);
  row.count = type.getNumElements();
  row.axes = op->getAttrOfType<StringAttr>("on").str();
  row.peer = op->getAttrOfType<IntegerAttr>("peer").getInt();
  row.tag = op->getAttrOfType<IntegerAttr>("tag").getInt();
  if (op->hasAttr("into"))
    row.slot = 0;
  return row;
}

emit::ExecutableCollective kinu::describeCollective(Operation *op) {
  if (isa<tofu::SendOp, tofu::ReceiveOp>(op))
    return describeMessage(op);
  emit::ExecutableCollective row;
  NamedTensorType operand = typeOf(op->getOperand(0)), result = typeOf(op->getResult(0));
  row.dtype = elementOf(operand);
  row.count = std::min(operand.getNumElements(), result.getNumElements());
  if (auto reduce = dyn_cast<tofu::AllReduceOp>(op)) {
    row.kind = kKinuAllReduce;
    row.reduction = static_cast<int32_t>(reduce.getKind());
    row.axes = groupOf(reduce);
  } else {
    StringAttr on = op->getAttrOfType<StringAttr>("on");
    row.axes = on.str();
    row.kind = isa<tofu::ReduceScatterOp>(op) ? kKinuReduceScatter
               : isa<tofu::AllGatherOp>(op)   ? kKinuAllGather
               : isa<tofu::ShiftOp>(op)       ? kKinuShift
                                              : kKinuAllToAll;
    if (isa<tofu::AllToAllOp>(op))
      row.count /= operand.length(tofu::rankAxis(on));
  }
  return row;
}

/// The rows of a program's collectives, started ones numbered in their order.
namespace {
class Messages {
public:
  emit::ExecutableCollective rowOf(Operation *op) {
    auto wait = dyn_cast<tofu::WaitOp>(op);
    Operation *start = wait ? wait.getStarted().getDefiningOp() : op;
    emit::ExecutableCollective row = describeCollective(start);
    if (wait)
      row.kind = kKinuWait;
    if (wait || tofu::isAsync(op))
      row.slot = slots.try_emplace(start, static_cast<int32_t>(slots.size())).first->second;
    return row;
  }
  /// `all_reduce`, `start all_reduce`, `wait all_reduce`.
  static std::string labelOf(Operation *op) {
    auto wait = dyn_cast<tofu::WaitOp>(op);
    Operation *start = wait ? wait.getStarted().getDefiningOp() : op;
    return (llvm::Twine(wait ? "wait " : tofu::isAsync(op) ? "start " : "") + start->getName().stripDialect()).str();
  }

private:
  llvm::DenseMap<Operation *, int32_t> slots;
};
} // namespace

/// The tables of the runtime from the launches of a module.
static emit::Executable makeTables(ModuleOp module, MutableArrayRef<KernelText> kernels, ArrayRef<KernelFacts> facts) {
  emit::Executable tables;
  llvm::StringMap<int32_t> numbers;
  for (auto [kernel, fact] : llvm::zip(kernels, facts)) {
    numbers[kernel.op.getSymName()] = tables.kernels.size();
    tables.kernels.push_back(
        {kernel.symbol, kernel.op.getSymName().str(), fact.tasks, fact.scratchBytes, fact.operations, fact.bytes});
  }
  for (ProgramOp program : module.getOps<ProgramOp>()) {
    emit::ExecutableProgram &table = tables.programs.emplace_back();
    table.name = program.getSymName();
    Messages messages;
    for (Operation &op : program.getBody().front()) {
      if (auto launch = dyn_cast<step::LaunchOp>(op)) {
        table.launches.push_back({numbers.lookup(launch.getKernel()),
                                  std::vector<int64_t>(launch.getOffsets()->begin(), launch.getOffsets()->end()),
                                  launch.getLabel().str()});
      } else if (tofu::isCollective(&op) || isa<tofu::WaitOp>(op)) {
        tables.collectives.push_back(messages.rowOf(&op));
        table.launches.push_back({-static_cast<int32_t>(tables.collectives.size()),
                                  op.getAttrOfType<DenseI64ArrayAttr>("kinu.offsets").asArrayRef().vec(),
                                  Messages::labelOf(&op)});
      }
    }
  }
  auto number = [&](StringRef name) {
    auto found = module->getAttrOfType<IntegerAttr>(name);
    return found ? found.getInt() : 0;
  };
  tables.arenaBytes = number("kinu.arena_bytes");
  tables.storeOffset = number("kinu.store_offset");
  tables.storeBytes = number("kinu.store_bytes");
  tables.stores = std::max<int64_t>(1, number("kinu.stores"));
  return tables;
}

/// Assembly or LLVM IR of every kernel, one after another.
static llvm::Error writeText(MutableArrayRef<std::vector<KernelText>> stages, const machines::Machine &machine,
                             const PipelineOptions &options) {
  std::string all;
  llvm::StringSet<> written;
  const char *comment = options.product == Product::Llvm ? ";" : machine.triple.starts_with("aarch64") ? "//" : "#";
  auto kind = options.product == Product::Assembly ? emit::OutputKind::Assembly : emit::OutputKind::LlvmText;
  for (std::vector<KernelText> &kernels : stages)
    for (KernelText &kernel : kernels) {
      if (!written.insert(kernel.symbol).second)
        continue;
      auto text = compileOne(kernel, machine, kind);
      if (!text)
        return text.takeError();
      all +=
          std::string(comment) + " " + kernel.op.getSymName().str() + "\n" + text->substr(sizeof(KernelFacts)) + "\n";
    }
  return writeFile(options.output, all);
}

std::vector<KernelText> kinu::kernelTexts(ModuleOp module) {
  std::vector<KernelText> kernels;
  for (step::KernelOp op : module.getOps<step::KernelOp>())
    kernels.push_back(describe(op));
  return kernels;
}

namespace {
/// Objects of the kernels of all stages, each kernel once.
struct CompiledKernels {
  std::vector<std::string> objects;
  std::vector<KernelFacts> facts;
  llvm::StringMap<size_t> numbers; ///< by symbol
  int64_t fromCache = 0;
};
} // namespace

static llvm::Expected<CompiledKernels> compileAll(ArrayRef<std::vector<KernelText>> stages,
                                                  const machines::Machine &machine, unsigned threads) {
  CompiledKernels result;
  std::vector<emit::KernelJob> jobs;
  for (const std::vector<KernelText> &kernels : stages)
    for (const KernelText &kernel : kernels)
      if (result.numbers.try_emplace(kernel.symbol, jobs.size()).second)
        jobs.push_back({kernel.symbol, kernel.text,
                        [&kernel, &machine] { return compileOne(kernel, machine, emit::OutputKind::Object); }});
  auto warn = [](StringRef message) { llvm::errs() << "warning: " << message << '\n'; };
  auto compiled = emit::compileKernels(jobs, machine, emit::KernelCache(), threads, warn);
  if (!compiled)
    return compiled.takeError();
  result.objects = std::move(compiled->objects);
  result.fromCache = compiled->fromCache;
  for (std::string &object : result.objects) {
    std::memcpy(&result.facts.emplace_back(), object.data(), sizeof(KernelFacts));
    object.erase(0, sizeof(KernelFacts));
  }
  return result;
}

static emit::Executable tablesOf(ModuleOp module, MutableArrayRef<KernelText> kernels,
                                 const CompiledKernels &compiled) {
  std::vector<KernelFacts> facts;
  for (const KernelText &kernel : kernels)
    facts.push_back(compiled.facts[compiled.numbers.lookup(kernel.symbol)]);
  return makeTables(module, kernels, facts);
}

llvm::Expected<CompiledLaunches> kinu::compileLaunches(ModuleOp module, const machines::Machine &machine,
                                                       unsigned threads) {
  std::vector<KernelText> kernels = kernelTexts(module);
  auto compiled = compileAll(kernels, machine, threads);
  if (!compiled)
    return compiled.takeError();
  emit::Executable tables = tablesOf(module, kernels, *compiled);
  return CompiledLaunches{std::move(compiled->objects), std::move(tables), compiled->fromCache};
}

/// Prints the report of every stage where it was asked for: pages, or JSON, an array of them for a pipeline.
static llvm::Error writeReports(ArrayRef<report::Report> reports, const PipelineOptions &options) {
  auto print = [&](raw_ostream &os) {
    bool isArray = !options.reportJson.empty() && reports.size() > 1;
    for (auto [i, report] : llvm::enumerate(reports)) {
      if (isArray)
        os << (i == 0 ? "[" : ",");
      options.reportJson.empty() ? report::printText(report, os) : report::printJson(report, os);
    }
    if (isArray)
      os << "]\n";
  };
  return writeFile(options.reportJson.empty() ? "-" : options.reportJson, print);
}

llvm::Error kinu::buildProduct(ArrayRef<ModuleOp> stages, const TypedModel &plan, const machines::Machine &machine,
                               const PipelineOptions &options) {
  std::vector<std::vector<KernelText>> kernels;
  for (ModuleOp module : stages)
    kernels.push_back(kernelTexts(module));
  if (options.product == Product::Llvm || options.product == Product::Assembly)
    return writeText(kernels, machine, options);
  std::vector<report::Report> reports; // of the stages
  if (options.report) {
    for (ModuleOp module : stages) {
      auto report = reportKernels(module, plan, machine, options);
      if (!report)
        return report.takeError();
      reports.push_back(std::move(*report));
    }
    if (llvm::Error error = writeReports(reports, options))
      return error;
    if (options.product == Product::Report)
      return llvm::Error::success();
  }
  auto compiled = compileAll(kernels, machine, options.threads);
  if (!compiled)
    return compiled.takeError();
  if (options.verbose)
    llvm::errs() << llvm::formatv("kernels: {0}, {1} of them from the cache\n", compiled->objects.size(),
                                  compiled->fromCache);
  std::vector<emit::Executable> tables;
  for (auto [module, own] : llvm::zip(stages, kernels)) {
    tables.push_back(tablesOf(module, own, *compiled));
    std::map<std::string, double> modelled;
    if (!reports.empty())
      for (const report::KernelRow &row : reports[tables.size() - 1].kernels)
        modelled[row.name] = row.seconds;
    tables.back().manifest = emit::manifest(module, plan, machine, modelled);
  }
  if (options.product == Product::Object) {
    auto object = emit::compileTables(tables, machine);
    return object ? writeFile(options.output, *object) : object.takeError();
  }
  emit::LinkOptions link;
  link.verbose = options.verbose;
  return emit::linkExecutable(compiled->objects, tables, machine, options.output, link);
}
