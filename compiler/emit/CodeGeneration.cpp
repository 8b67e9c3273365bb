// Translation to LLVM IR, LLVM's own pipeline, and code generation for x86-64 and AArch64 in this process.
#include "compiler/emit/CodeGeneration.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Target/LLVMIR/Dialect/ArmSVE/ArmSVEToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/DIBuilder.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <mutex>

using namespace kinu::emit;
using kinu::machines::Machine;

extern "C" {
void LLVMInitializeX86TargetInfo();
void LLVMInitializeX86Target();
void LLVMInitializeX86TargetMC();
void LLVMInitializeX86AsmPrinter();
void LLVMInitializeAArch64TargetInfo();
void LLVMInitializeAArch64Target();
void LLVMInitializeAArch64TargetMC();
void LLVMInitializeAArch64AsmPrinter();
}

static void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
  });
}

static llvm::CodeGenOptLevel codeGenLevel(int optimization) {
  switch (optimization) {
  case 0: return llvm::CodeGenOptLevel::None;
  case 1: return llvm::CodeGenOptLevel::Less;
  case 2: return llvm::CodeGenOptLevel::Default;
  default: return llvm::CodeGenOptLevel::Aggressive;
  }
}

static llvm::OptimizationLevel pipelineLevel(int optimization) {
  switch (optimization) {
  case 0: return llvm::OptimizationLevel::O0;
  case 1: return llvm::OptimizationLevel::O1;
  case 2: return llvm::OptimizationLevel::O2;
  default: return llvm::OptimizationLevel::O3;
  }
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const Machine &machine, int optimization, bool comments = false) {
  initializeTargets();
  llvm::TargetOptions options;
  options.MCOptions.AsmVerbose = comments;
  std::string error;
  llvm::Triple triple(machine.triple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError("no code generator for machine `" + machine.name + "`: " + error);
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, machine.cpu, machine.features, options, llvm::Reloc::PIC_, std::nullopt, codeGenLevel(optimization)));
}

/// What every function of a kernel needs so that a vector of the machine's width stays one register: without the
/// widths LLVM prefers 256 bits on x86, and without vscale it does not know that SVE has 512 here. Denormals are
/// flushed because A64FX runs them about 90 cycles long (microarchitecture manual 1.8.1).
static void setFunctionAttributes(llvm::Module &module, const Machine &machine) {
  std::string bits = std::to_string(machine.vectorBits);
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.cpu);
    if (!machine.features.empty())
      function.addFnAttr("target-features", machine.features);
    function.addFnAttr("prefer-vector-width", bits);
    function.addFnAttr("min-legal-vector-width", bits);
    function.addFnAttr("denormal-fp-math", "preserve-sign,preserve-sign");
    function.addFnAttr("no-trapping-math", "true");
    function.addFnAttr(llvm::Attribute::NoUnwind);
    if (machine.scalable)
      function.addFnAttr(llvm::Attribute::getWithVScaleRangeArgs(module.getContext(), unsigned(machine.vscale()),
                                                                 unsigned(machine.vscale())));
  }
}

static void optimize(llvm::Module &module, llvm::TargetMachine &target, int optimization) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&target);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::OptimizationLevel level = pipelineLevel(optimization);
  llvm::ModulePassManager passes = level == llvm::OptimizationLevel::O0 ? builder.buildO0DefaultPipeline(level)
                                                                        : builder.buildPerModuleDefaultPipeline(level);
  passes.run(module, modules);
}

/// Makes the module the machine's and runs LLVM's pipeline over it.
static void prepare(llvm::Module &module, llvm::TargetMachine &target, const Machine &machine, int optimization) {
  module.setTargetTriple(llvm::Triple(machine.triple));
  module.setDataLayout(target.createDataLayout());
  setFunctionAttributes(module, machine);
  optimize(module, target, optimization);
}

static llvm::Expected<std::string> generate(llvm::Module &module, llvm::TargetMachine &target, OutputKind kind) {
  llvm::SmallString<0> output;
  llvm::raw_svector_ostream stream(output);
  if (kind == OutputKind::LlvmText) {
    module.print(stream, nullptr);
    return output.str().str();
  }
  llvm::legacy::PassManager passes;
  auto type = kind == OutputKind::Object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
  if (target.addPassesToEmitFile(passes, stream, nullptr, type))
    return llvm::createStringError("the code generator for `" + target.getTargetTriple().str() +
                                   "` cannot write this kind of file");
  passes.run(module);
  return output.str().str();
}

llvm::Expected<std::string> kinu::emit::compileModule(llvm::Module &module, const Machine &machine,
                                                      const CodeOptions &options) {
  auto target = createTargetMachine(machine, options.optimization);
  if (!target)
    return target.takeError();
  prepare(module, **target, machine, options.optimization);
  return generate(module, **target, options.kind);
}

/// Gives every instruction the number of its block as the line it is from. Code generation must not depend on it.
static void numberBlocks(llvm::Module &module) {
  if (!module.getModuleFlag("Debug Info Version"))
    module.addModuleFlag(llvm::Module::Warning, "Debug Info Version", llvm::DEBUG_METADATA_VERSION);
  llvm::DIBuilder builder(module);
  llvm::DIFile *file = builder.createFile("kernel", "/");
  builder.createCompileUnit(llvm::DISourceLanguageName(llvm::dwarf::DW_LANG_C), file, "kinu", true, "", 0, "",
                            llvm::DICompileUnit::LineTablesOnly);
  auto *type = builder.createSubroutineType(builder.getOrCreateTypeArray({}));
  unsigned line = 0;
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    auto *place = builder.createFunction(file, function.getName(), "", file, line + 1, type, line + 1,
                                         llvm::DINode::FlagZero, llvm::DISubprogram::SPFlagDefinition);
    function.setSubprogram(place);
    for (llvm::BasicBlock &block : function) {
      ++line;
      for (llvm::Instruction &op : block)
        op.setDebugLoc(llvm::DILocation::get(module.getContext(), line, 1, place));
    }
  }
  builder.finalize();
}

static llvm::Expected<std::unique_ptr<llvm::Module>> translate(mlir::ModuleOp module, llvm::LLVMContext &context) {
  mlir::DialectRegistry registry;
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  mlir::registerArmSVEDialectTranslation(registry);
  module.getContext()->appendDialectRegistry(registry);
  std::unique_ptr<llvm::Module> translated = mlir::translateModuleToLLVMIR(module, context);
  if (!translated)
    return llvm::createStringError("a kernel does not translate to LLVM IR (see the diagnostics above)");
  return translated;
}

llvm::Expected<Listing> kinu::emit::listKernel(mlir::ModuleOp module, const Machine &machine) {
  llvm::LLVMContext context;
  auto translated = translate(module, context);
  if (!translated)
    return translated.takeError();
  int optimization = CodeOptions().optimization;
  auto target = createTargetMachine(machine, optimization, /*comments=*/true);
  if (!target)
    return target.takeError();
  prepare(**translated, **target, machine, optimization);
  numberBlocks(**translated);
  auto ir = generate(**translated, **target, OutputKind::LlvmText);
  if (!ir)
    return ir.takeError();
  auto assembly = generate(**translated, **target, OutputKind::Assembly);
  if (!assembly)
    return assembly.takeError();
  return Listing{std::move(*ir), std::move(*assembly)};
}

llvm::Expected<std::string> kinu::emit::compileKernel(mlir::ModuleOp module, const Machine &machine,
                                                      const CodeOptions &options) {
  llvm::LLVMContext context;
  auto translated = translate(module, context);
  if (!translated)
    return translated.takeError();
  return compileModule(**translated, machine, options);
}
