// Loops, branches and calls.
#include "compiler/vectorize/Emission.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

SmallVector<Value> Emission::loop(Value lower, Value upper, int64_t step, ValueRange carried,
                                  llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body, Unroll unrolls) {
  auto loop = scf::ForOp::create(*this, lower, upper, i64(step), carried);
  if (unrolls == Unroll::Never) {
    auto unroll = LLVM::LoopUnrollAttr::get(getContext(), getBoolAttr(true), {}, {}, {}, {}, {}, {});
    loop->setAttr(kLoopAnnotation, LLVM::LoopAnnotationAttr::get(getContext(), {}, {}, {}, unroll, {}, {}, {}, {}, {},
                                                                 {}, {}, {}, {}, {}, {}));
  }
  OpBuilder::InsertionGuard guard(*this);
  // Without carried values the loop comes with its terminator.
  Block *block = loop.getBody();
  if (!block->empty())
    block->getTerminator()->erase();
  setInsertionPointToEnd(block);
  SmallVector<Value> next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(*this, next);
  return SmallVector<Value>(loop.getResults());
}

void Emission::loop(Value lower, Value upper, int64_t step, llvm::function_ref<void(Value)> body) {
  loop(lower, upper, step, ValueRange{}, [&](Value i, ValueRange) -> SmallVector<Value> {
    body(i);
    return {};
  });
}

void Emission::ifThen(Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  body();
}

void Emission::either(Value condition, llvm::function_ref<void(bool)> body) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  body(true);
  setInsertionPointToStart(branch.elseBlock());
  body(false);
}

void Emission::callOwn(const std::string &name, ValueRange arguments,
                       llvm::function_ref<void(ArrayRef<BlockArgument>)> body) {
  auto module = getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
  if (!function) {
    InsertionGuard guard(*this);
    setInsertionPointToEnd(module.getBody());
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(getContext()), llvm::to_vector(arguments.getTypes()));
    function = LLVM::LLVMFuncOp::create(*this, name, type, LLVM::Linkage::Internal);
    function.setNoInline(true);
    Block *entry = function.addEntryBlock(*this);
    setInsertionPointToStart(entry);
    body(entry->getArguments());
    LLVM::ReturnOp::create(*this, ValueRange());
  }
  LLVM::CallOp::create(*this, function, arguments);
}

Value Emission::callLibm(StringRef name, ValueRange arguments) {
  auto function = module->lookupSymbol<LLVM::LLVMFuncOp>(name);
  if (!function) {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPointToStart(module->getBody());
    SmallVector<Type> types(arguments.size(), getF64Type());
    function = LLVM::LLVMFuncOp::create(*this, name, LLVM::LLVMFunctionType::get(getF64Type(), types));
  }
  return LLVM::CallOp::create(*this, function, arguments).getResult();
}
