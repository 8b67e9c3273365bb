// Translation to LLVM IR, LLVM's own pipeline, and code generation for x86-64 and AArch64 in this process.
#include "compiler/emit/CodeGeneration.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Target/LLVMIR/Dialect/ArmSVE/ArmSVEToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
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

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const Machine &machine,
                                                                                int optimization) {
  initializeTargets();
  std::string error;
  llvm::Triple triple(machine.triple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError("no code generator for machine `" + machine.name + "`: " + error);
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(triple, machine.cpu, machine.features,
                                                                          llvm::TargetOptions(), llvm::Reloc::PIC_,
                                                                          std::nullopt, codeGenLevel(optimization)));
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

llvm::Expected<std::string> kinu::emit::compileModule(llvm::Module &module, const Machine &machine,
                                                      const CodeOptions &options) {
  auto target = createTargetMachine(machine, options.optimization);
  if (!target)
    return target.takeError();
  module.setTargetTriple(llvm::Triple(machine.triple));
  module.setDataLayout((*target)->createDataLayout());
  setFunctionAttributes(module, machine);
  optimize(module, **target, options.optimization);

  llvm::SmallString<0> output;
  llvm::raw_svector_ostream stream(output);
  if (options.kind == OutputKind::LlvmText) {
    module.print(stream, nullptr);
    return output.str().str();
  }
  llvm::legacy::PassManager passes;
  auto type =
      options.kind == OutputKind::Object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
  if ((*target)->addPassesToEmitFile(passes, stream, nullptr, type))
    return llvm::createStringError("the code generator for `" + machine.triple + "` cannot write this kind of file");
  passes.run(module);
  return output.str().str();
}

llvm::Expected<std::string> kinu::emit::compileKernel(mlir::ModuleOp module, const Machine &machine,
                                                      const CodeOptions &options) {
  mlir::DialectRegistry registry;
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  mlir::registerArmSVEDialectTranslation(registry);
  module.getContext()->appendDialectRegistry(registry);

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated = mlir::translateModuleToLLVMIR(module, context);
  if (!translated)
    return llvm::createStringError("a kernel does not translate to LLVM IR (see the diagnostics above)");
  return compileModule(*translated, machine, options);
}
