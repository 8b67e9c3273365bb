// The two functions of a kernel, constants and index arithmetic.
#include "compiler/vectorize/Emission.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

/// Operands and results that `inplace` lets share memory: their pointers must not be `noalias`.
static llvm::SmallDenseSet<int64_t> sharedBuffers(step::KernelOp kernel) {
  llvm::SmallDenseSet<int64_t> shared;
  int64_t operands = kernel.getBody().getNumArguments();
  ArrayRef<int64_t> pairs = kernel.getInplace();
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
    shared.insert(operands + pairs[i]);
    shared.insert(pairs[i + 1]);
  }
  return shared;
}

static int64_t numBuffers(step::KernelOp kernel) {
  return kernel.getBody().getNumArguments() + kernel.getBody().front().getTerminator()->getNumOperands();
}

/// The inlined function: a pointer for each buffer, the scratch, and the tasks to do.
static LLVM::LLVMFuncOp makeBody(Emission &e, step::KernelOp kernel) {
  int64_t buffers = numBuffers(kernel);
  SmallVector<Type> types(buffers + 1, e.pointerType());
  types.append(2, e.getI64Type());
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(e.getContext()), types);
  auto body = LLVM::LLVMFuncOp::create(e, (kernel.getSymName() + ".body").str(), type, LLVM::Linkage::Internal);
  body.setAlwaysInline(true);
  llvm::SmallDenseSet<int64_t> shared = sharedBuffers(kernel);
  for (int64_t i = 0; i <= buffers; ++i)
    if (!shared.contains(i))
      body.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), e.getUnitAttr());
  return body;
}

/// The public function: loads the buffers' addresses and calls `body`.
static void makeEntry(Emission &e, step::KernelOp kernel, LLVM::LLVMFuncOp body) {
  SmallVector<Type> types{e.pointerType(), e.pointerType(), e.getI64Type(), e.getI64Type()};
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(e.getContext()), types);
  auto entry = LLVM::LLVMFuncOp::create(e, kernel.getSymName(), type);
  OpBuilder::InsertionGuard guard(e);
  Block *block = entry.addEntryBlock(e);
  e.setInsertionPointToStart(block);
  SmallVector<Value> arguments;
  for (int64_t i = 0; i < numBuffers(kernel); ++i)
    arguments.push_back(e.load(e.pointerType(), block->getArgument(0), e.i64(i)));
  llvm::append_range(arguments, block->getArguments().drop_front());
  LLVM::CallOp::create(e, body, arguments);
  LLVM::ReturnOp::create(e, ValueRange{});
}

Emission::Emission(step::KernelOp kernel, const machines::Machine &machine)
    : ImplicitLocOpBuilder(kernel.getLoc(), kernel.getContext()), machine(machine), lanes(machine.floatsPerVector()),
      module(ModuleOp::create(kernel.getLoc())) {
  setInsertionPointToEnd(module->getBody());
  LLVM::LLVMFuncOp body = makeBody(*this, kernel);
  makeEntry(*this, kernel, body);
  Block *block = body.addEntryBlock(*this);
  int64_t count = kernel.getBody().getNumArguments(), buffers = numBuffers(kernel);
  llvm::append_range(operands, block->getArguments().take_front(count));
  llvm::append_range(results, block->getArguments().slice(count, buffers - count));
  scratch = block->getArgument(buffers);
  begin = block->getArgument(buffers + 1);
  end = block->getArgument(buffers + 2);
  setInsertionPointToStart(block);
}

Type Emission::shaped(Value like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like.getType()))
    return VectorType::get(vector.getShape(), element);
  return element;
}

Value Emission::i64(int64_t value) { return arith::ConstantOp::create(*this, getI64IntegerAttr(value)); }

Value Emission::f32(double value) { return constant(getF32Type(), value); }

Value Emission::i1(bool value) { return arith::ConstantOp::create(*this, getBoolAttr(value)); }

Value Emission::constant(Type type, double value) {
  if (!isa<FloatType>(getElementTypeOrSelf(type)))
    return constantInt(type, static_cast<int64_t>(value));
  TypedAttr number = getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    number = DenseElementsAttr::get(vector, Attribute(number));
  return arith::ConstantOp::create(*this, number);
}

Value Emission::constantInt(Type type, int64_t value) {
  TypedAttr number = getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    number = DenseElementsAttr::get(vector, Attribute(number));
  return arith::ConstantOp::create(*this, number);
}

Value Emission::splat(Value scalar) {
  if (isa<VectorType>(scalar.getType()))
    return scalar;
  return vector::BroadcastOp::create(*this, vectorOf(scalar.getType()), scalar);
}

Value Emission::laneNumbers(Type element) {
  SmallVector<Attribute> numbers;
  for (int64_t lane = 0; lane < lanes; ++lane)
    numbers.push_back(getIntegerAttr(element, lane));
  return arith::ConstantOp::create(*this, DenseElementsAttr::get(vectorOf(element), numbers));
}

Value Emission::firstLanes(int64_t count) {
  SmallVector<bool> flags(lanes, false);
  std::fill_n(flags.begin(), std::min(count, lanes), true);
  return arith::ConstantOp::create(*this, DenseElementsAttr::get(vectorOf(getI1Type()), flags));
}

Value Emission::firstLanes(Value count) {
  Value low = arith::TruncIOp::create(*this, getI32Type(), smaller(count, i64(lanes)));
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, laneNumbers(getI32Type()), splat(low));
}

Value Emission::add(Value x, Value y) { return createOrFold<arith::AddIOp>(x, y); }

Value Emission::mul(Value x, Value y) { return createOrFold<arith::MulIOp>(x, y); }

Value Emission::div(Value x, int64_t y) { return y == 1 ? x : createOrFold<arith::DivUIOp>(x, i64(y)); }

Value Emission::rem(Value x, int64_t y) { return y == 1 ? i64(0) : createOrFold<arith::RemUIOp>(x, i64(y)); }

Value Emission::smaller(Value x, Value y) { return createOrFold<arith::MinSIOp>(x, y); }
