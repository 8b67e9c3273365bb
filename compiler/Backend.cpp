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
  return element.isF32() ? kKinuF32 : element.isBF16() ? kKinuBf16 : element.isF16() ? kKinuF16
         : type.isBool() ? kKinuI1
                         : kKinuI64;
}

emit::ExecutableCollective kinu::describeCollective(Operation *op) {
  emit::ExecutableCollective row;
  NamedTensorType operand = typeOf(op->getOperand(0)), result = typeOf(op->getResult(0));
  row.dtype = elementOf(operand);
  row.count = std::min(operand.getNumElements(), result.getNumElements());
  SmallVector<StringRef> axes;
  if (auto reduce = dyn_cast<tofu::AllReduceOp>(op)) {
    row.kind = kKinuAllReduce;
    row.reduction = static_cast<int32_t>(reduce.getKind());
    llvm::append_range(axes, reduce.getOn().getAsValueRange<StringAttr>());
  } else {
    StringAttr on = op->getAttrOfType<StringAttr>("on");
    axes.push_back(on);
    row.kind = isa<tofu::ReduceScatterOp>(op) ? kKinuReduceScatter
               : isa<tofu::AllGatherOp>(op)   ? kKinuAllGather
                                              : kKinuAllToAll;
    if (isa<tofu::AllToAllOp>(op))
      row.count /= operand.length(tofu::rankAxis(on));
  }
  row.axes = llvm::join(axes, ",");
  return row;
}

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
    for (Operation &op : program.getBody().front()) {
      if (auto launch = dyn_cast<step::LaunchOp>(op)) {
        table.launches.push_back(
            {numbers.lookup(launch.getKernel()), std::vector<int64_t>(launch.getOffsets()->begin(), launch.getOffsets()->end()), launch.getLabel().str()});
      } else if (tofu::isCollective(&op)) {
        tables.collectives.push_back(describeCollective(&op));
        table.launches.push_back({-static_cast<int32_t>(tables.collectives.size()),
                                  op.getAttrOfType<DenseI64ArrayAttr>("kinu.offsets").asArrayRef().vec(),
                                  op.getName().stripDialect().str()});
      }
    }
  }
  tables.arenaBytes = module->getAttrOfType<IntegerAttr>("kinu.arena_bytes").getInt();
  return tables;
}

/// Assembly or LLVM IR of every kernel, one after another.
static llvm::Error writeText(MutableArrayRef<KernelText> kernels, const machines::Machine &machine,
                             const PipelineOptions &options) {
  std::string all;
  for (KernelText &kernel : kernels) {
    auto text =
        compileOne(kernel, machine,
                   options.product == Product::Assembly ? emit::OutputKind::Assembly : emit::OutputKind::LlvmText);
    if (!text)
      return text.takeError();
    const char *comment = options.product == Product::Llvm ? ";" : machine.triple.starts_with("aarch64") ? "//" : "#";
    all += std::string(comment) + " " + kernel.op.getSymName().str() + "\n" + text->substr(sizeof(KernelFacts)) + "\n";
  }
  return writeFile(options.output, all);
}

std::vector<KernelText> kinu::kernelTexts(ModuleOp module) {
  std::vector<KernelText> kernels;
  for (step::KernelOp op : module.getOps<step::KernelOp>())
    kernels.push_back(describe(op));
  return kernels;
}

llvm::Expected<CompiledLaunches> kinu::compileLaunches(ModuleOp module, const machines::Machine &machine,
                                                       unsigned threads) {
  std::vector<KernelText> kernels = kernelTexts(module);
  std::vector<emit::KernelJob> jobs;
  for (const KernelText &kernel : kernels)
    jobs.push_back({kernel.symbol, kernel.text,
                    [&kernel, &machine] { return compileOne(kernel, machine, emit::OutputKind::Object); }});
  auto warn = [](StringRef message) { llvm::errs() << "warning: " << message << '\n'; };
  auto compiled = emit::compileKernels(jobs, machine, emit::KernelCache(), threads, warn);
  if (!compiled)
    return compiled.takeError();

  std::vector<KernelFacts> facts(kernels.size());
  for (auto [object, fact] : llvm::zip(compiled->objects, facts)) {
    std::memcpy(&fact, object.data(), sizeof fact);
    object.erase(0, sizeof fact);
  }
  return CompiledLaunches{std::move(compiled->objects), makeTables(module, kernels, facts), compiled->fromCache};
}

/// Prints the report where it was asked for.
static llvm::Error writeReport(const report::Report &report, const PipelineOptions &options) {
  if (options.reportJson.empty()) {
    report::printText(report, llvm::outs());
    return llvm::Error::success();
  }
  return writeFile(options.reportJson, [&](raw_ostream &os) { report::printJson(report, os); });
}

llvm::Error kinu::buildProduct(ModuleOp module, const TypedModel &plan, const machines::Machine &machine,
                               const PipelineOptions &options) {
  if (options.product == Product::Llvm || options.product == Product::Assembly) {
    std::vector<KernelText> kernels = kernelTexts(module);
    return writeText(kernels, machine, options);
  }
  std::map<std::string, double> modelled;
  if (options.report) {
    auto report = reportKernels(module, plan, machine, options);
    if (!report)
      return report.takeError();
    if (llvm::Error error = writeReport(*report, options))
      return error;
    if (options.product == Product::Report)
      return llvm::Error::success();
    for (const report::KernelRow &row : report->kernels)
      modelled[row.name] = row.seconds;
  }
  auto compiled = compileLaunches(module, machine, options.threads);
  if (!compiled)
    return compiled.takeError();
  if (options.verbose)
    llvm::errs() << llvm::formatv("kernels: {0}, {1} of them from the cache\n", compiled->objects.size(),
                                  compiled->fromCache);
  emit::Executable &tables = compiled->tables;
  tables.manifest = emit::manifest(module, plan, machine, modelled);
  if (options.product == Product::Object) {
    auto object = emit::compileTables(tables, machine);
    return object ? writeFile(options.output, *object) : object.takeError();
  }
  emit::LinkOptions link;
  link.verbose = options.verbose;
  return emit::linkExecutable(compiled->objects, tables, machine, options.output, link);
}
