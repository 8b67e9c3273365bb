// The tables of runtime/Abi.h as constants of an LLVM module. Field order here is the order there.
#include "compiler/emit/Executable.h"

#include "compiler/emit/CodeGeneration.h"
#include "runtime/Abi.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Module.h"

using namespace kinu::emit;

static_assert(kKinuAbiVersion == 5, "the tables below follow version 5 of the ABI");

namespace {
/// Builds constants in one module; equal strings are stored once.
class TableBuilder {
public:
  explicit TableBuilder(llvm::Module &module)
      : module(module), context(module.getContext()), pointer(llvm::PointerType::get(context, 0)),
        int32(llvm::Type::getInt32Ty(context)), int64(llvm::Type::getInt64Ty(context)),
        real(llvm::Type::getDoubleTy(context)) {}

  /// `next`: the executable of the next stage of a pipeline.
  llvm::Constant *executable(const Executable &executable, llvm::Constant *next) {
    std::vector<llvm::Constant *> kernels, programs, collectives;
    for (const ExecutableKernel &row : executable.kernels)
      kernels.push_back(kernel(row));
    for (const ExecutableProgram &row : executable.programs)
      programs.push_back(program(row));
    for (const ExecutableCollective &row : executable.collectives)
      collectives.push_back(collective(row));
    auto *type = llvm::StructType::get(
        context, {int64, int64, pointer, int64, pointer, int64, pointer, pointer, int64, int64, int64, int64, pointer});
    return llvm::ConstantStruct::get(
        type, {integer(kKinuAbiVersion), integer(executable.arenaBytes), array(kernelType(), kernels),
               integer(int64_t(kernels.size())), array(programType(), programs), integer(int64_t(programs.size())),
               string(executable.manifest), array(collectiveType(), collectives), integer(int64_t(collectives.size())),
               integer(executable.storeOffset), integer(executable.storeBytes), integer(executable.stores), next});
  }

  llvm::Constant *null() { return llvm::ConstantPointerNull::get(pointer); }

private:
  llvm::StructType *kernelType() { return llvm::StructType::get(pointer, pointer, int64, int64, real, real); }
  llvm::StructType *launchType() { return llvm::StructType::get(int32, int32, int32, pointer); }
  llvm::StructType *programType() { return llvm::StructType::get(pointer, pointer, int64, pointer); }

  llvm::StructType *collectiveType() {
    return llvm::StructType::get(int32, int32, int32, int64, pointer, int32, int32, int32);
  }

  llvm::Constant *collective(const ExecutableCollective &row) {
    auto word = [&](int32_t value) { return llvm::ConstantInt::get(int32, uint64_t(value)); };
    return llvm::ConstantStruct::get(collectiveType(),
                                     {word(row.kind), word(row.reduction), word(row.dtype), integer(row.count),
                                      string(row.axes), word(row.peer), word(row.tag), word(row.slot)});
  }

  llvm::Constant *kernel(const ExecutableKernel &row) {
    auto *signature = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer, pointer, int64, int64}, false);
    auto *function = llvm::cast<llvm::Constant>(module.getOrInsertFunction(row.symbol, signature).getCallee());
    return llvm::ConstantStruct::get(kernelType(),
                                     {string(row.name), function, integer(row.tasks), integer(row.scratchBytes),
                                      number(row.operations), number(row.bytes)});
  }

  llvm::Constant *program(const ExecutableProgram &row) {
    std::vector<llvm::Constant *> launches;
    std::vector<uint64_t> offsets;
    for (const ExecutableLaunch &launch : row.launches) {
      launches.push_back(llvm::ConstantStruct::get(launchType(), {llvm::ConstantInt::getSigned(int32, launch.kernel),
                                                                  llvm::ConstantInt::get(int32, offsets.size()),
                                                                  llvm::ConstantInt::get(int32, launch.offsets.size()),
                                                                  string(launch.label)}));
      offsets.insert(offsets.end(), launch.offsets.begin(), launch.offsets.end());
    }
    return llvm::ConstantStruct::get(programType(), {string(row.name), array(launchType(), launches),
                                                     integer(int64_t(launches.size())),
                                                     global(llvm::ConstantDataArray::get(context, offsets))});
  }

  llvm::Constant *array(llvm::Type *element, llvm::ArrayRef<llvm::Constant *> rows) {
    return global(llvm::ConstantArray::get(llvm::ArrayType::get(element, rows.size()), rows));
  }

  llvm::Constant *string(llvm::StringRef text) {
    llvm::Constant *&known = strings[text];
    if (!known)
      known = global(llvm::ConstantDataArray::getString(context, text));
    return known;
  }

  llvm::Constant *global(llvm::Constant *value) {
    return new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true, llvm::GlobalValue::PrivateLinkage,
                                    value);
  }

  llvm::Constant *integer(int64_t value) { return llvm::ConstantInt::get(int64, uint64_t(value)); }
  llvm::Constant *number(double value) { return llvm::ConstantFP::get(real, value); }

  llvm::Module &module;
  llvm::LLVMContext &context;
  llvm::PointerType *pointer;
  llvm::Type *int32, *int64, *real;
  llvm::StringMap<llvm::Constant *> strings;
};
} // namespace

/// What is wrong with the tables of an executable; empty if nothing is.
static std::string fault(const Executable &executable) {
  for (const ExecutableProgram &program : executable.programs)
    for (const ExecutableLaunch &launch : program.launches)
      if (launch.kernel >= 0 ? size_t(launch.kernel) >= executable.kernels.size()
                             : size_t(-1 - launch.kernel) >= executable.collectives.size())
        return "program " + program.name + " launches kernel " + std::to_string(launch.kernel) + " of " +
               std::to_string(executable.kernels.size());
  return "";
}

llvm::Expected<std::string> kinu::emit::compileTables(llvm::ArrayRef<Executable> stages,
                                                      const machines::Machine &machine) {
  for (const Executable &executable : stages)
    if (std::string what = fault(executable); !what.empty())
      return llvm::createStringError(what);
  llvm::LLVMContext context;
  llvm::Module module("tables", context);
  TableBuilder builder(module);
  llvm::Constant *next = builder.null();
  for (size_t stage = stages.size(); stage-- > 0;) {
    llvm::Constant *tables = builder.executable(stages[stage], next);
    auto linkage = stage == 0 ? llvm::GlobalValue::ExternalLinkage : llvm::GlobalValue::PrivateLinkage;
    next = new llvm::GlobalVariable(module, tables->getType(), /*isConstant=*/true, linkage, tables,
                                    stage == 0 ? "kinu_executable" : "");
  }
  return compileModule(module, machine, {OutputKind::Object, /*optimization=*/0});
}
