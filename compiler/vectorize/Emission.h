// The function of a kernel while it is being written: a builder with the machine's vectors and the kernel's buffers.
//
// Code is written with scf, arith, math and vector ops on values, and LLVM's pointers, loads and stores on memory;
// index arithmetic is in i64. Two functions are made: the public one loads the buffers' addresses and calls the other,
// which is always inlined and whose pointers are `noalias`; so LLVM knows that results do not overlap operands.
#pragma once

#include "compiler/machines/Machine.h"
#include "dialects/step/Step.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

namespace kinu::vectorize {

/// What one prefetch brings, on x86-64. A64FX has lines of 256; there three of four do nothing.
inline constexpr int64_t kLineBytes = 64;

/// On a loop: what LLVM is told about it.
inline constexpr llvm::StringLiteral kLoopAnnotation = "llvm.loop_annotation";

enum class Unroll { Allowed, Never };

class Emission : public mlir::ImplicitLocOpBuilder {
public:
  /// Starts the function of `kernel`; the builder stands inside it.
  Emission(step::KernelOp kernel, const machines::Machine &machine);

  /// Ends the function and lowers everything to LLVM's dialect. Fails if some op has no lowering.
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> finish();

  const machines::Machine &machine;
  int64_t lanes;                           ///< f32 in a vector: 16 with 512 bits
  mlir::SmallVector<mlir::Value> operands; ///< pointers to the kernel's operands
  mlir::SmallVector<mlir::Value> results;  ///< pointers to its results
  mlir::Value scratch;                     ///< pointer to the thread's scratch, 64-byte aligned
  mlir::Value begin, end;                  ///< i64: the tasks to do

  bool isX86() const { return machine.isX86(); }

  // Types.
  mlir::VectorType vectorOf(mlir::Type element) { return mlir::VectorType::get({lanes}, element); }
  mlir::Type pointerType() { return mlir::LLVM::LLVMPointerType::get(getContext()); }
  /// `like`'s shape (none or a vector's) with another element type.
  static mlir::Type shaped(mlir::Value like, mlir::Type element);

  // Constants, and vectors of one value. `splat` leaves vectors alone.
  mlir::Value i64(int64_t value);
  mlir::Value f32(double value);
  mlir::Value i1(bool value);
  /// The number as a scalar or vector of `type`, an integer or float type or a vector of them.
  mlir::Value constant(mlir::Type type, double value);
  mlir::Value constantInt(mlir::Type type, int64_t value);
  mlir::Value splat(mlir::Value scalar);
  /// 0, 1, 2 ... as vector<lanes x element>.
  mlir::Value laneNumbers(mlir::Type element);
  /// True in the first `count` lanes: vector<lanes x i1>. The other: for a count that is a value (i64).
  mlir::Value firstLanes(int64_t count);
  mlir::Value firstLanes(mlir::Value count);

  // Index arithmetic in i64; folds constants.
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  mlir::Value add(mlir::Value x, int64_t y) { return add(x, i64(y)); }
  mlir::Value mul(mlir::Value x, int64_t y) { return mul(x, i64(y)); }
  /// Quotient and remainder of a non-negative number.
  mlir::Value div(mlir::Value x, int64_t y);
  mlir::Value rem(mlir::Value x, int64_t y);
  mlir::Value smaller(mlir::Value x, mlir::Value y);

  // Memory: `element` is f32, i64, i32, i8 ...; `index` counts elements. Masks are vector<lanes x i1> or null for all.
  mlir::Value address(mlir::Value base, mlir::Type element, mlir::Value index);
  mlir::Value load(mlir::Type element, mlir::Value base, mlir::Value index);
  void store(mlir::Value value, mlir::Value base, mlir::Value index);
  mlir::Value loadVector(mlir::Type element, mlir::Value base, mlir::Value index, mlir::Value mask = {});
  /// With `streams` and no mask the store passes the caches by; the address must be aligned to the vector.
  void storeVector(mlir::Value value, mlir::Value base, mlir::Value index, mlir::Value mask = {}, bool streams = false);
  /// Whether a result of this type, written by vectors along its last axis, should be streamed: it will not be in a
  /// cache when it is read, and bringing its lines in just to write over them costs a third of a copy.
  bool shouldStream(NamedTensorType type) const;
  /// Starts to fetch the line of `pointer` for reading, to the first or second cache, on x86-64: its processors see a
  /// stream only after some lines, and not beyond a page. What is never read does no harm.
  void fetch(mlir::Value pointer, int level = 1);
  /// The same for writing, to the first cache; for reading where the machine has no such instruction.
  void fetchToWrite(mlir::Value pointer);
  /// The same pointer, of which LLVM does not know that it is: so it forms addresses from it anew, and keeps nothing
  /// that lies there in registers from one loop's step to the next.
  mlir::Value laundered(mlir::Value pointer);
  /// Makes what was streamed visible to other threads.
  void endStreams();
  /// Elements at base[indices[lane]]; `indices` is a vector of i32 or i64, masked lanes give 0.
  mlir::Value gather(mlir::Type element, mlir::Value base, mlir::Value indices, mlir::Value mask = {});
  void scatter(mlir::Value value, mlir::Value base, mlir::Value indices, mlir::Value mask = {});

  /// A float or vector of floats in another format, rounded to nearest if that has fewer bits.
  mlir::Value toFormat(mlir::Value real, mlir::Type element);
  /// The bits (i16) of f32 rounded to bf16, ties to even, by integer arithmetic: without instructions for bf16 LLVM
  /// would call a library.
  mlir::Value bf16Bits(mlir::Value real);

  /// `for (i = lower; i < upper; i += step)` with carried values; `body` returns the next ones. Returns the last ones.
  /// LLVM may unroll it or not.
  mlir::SmallVector<mlir::Value>
  loop(mlir::Value lower, mlir::Value upper, int64_t step, mlir::ValueRange carried,
       llvm::function_ref<mlir::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body,
       Unroll unroll = Unroll::Allowed);
  void loop(mlir::Value lower, mlir::Value upper, int64_t step, llvm::function_ref<void(mlir::Value)> body);
  void ifThen(mlir::Value condition, llvm::function_ref<void()> body);
  /// Emits `body` twice, for where the condition holds and for where it does not.
  void either(mlir::Value condition, llvm::function_ref<void(bool)> body);

  /// Calls a function of the kernel's own; its name says all that its code depends on. At the first call it is made:
  /// `body` is given its parameters. It is not inlined: the loops around it would compete for its registers.
  void callOwn(const std::string &name, mlir::ValueRange arguments,
               llvm::function_ref<void(llvm::ArrayRef<mlir::BlockArgument>)> body);

  /// The symbol of an external function of libm, declared in the module: `double name(double, ...)`.
  mlir::Value callLibm(llvm::StringRef name, mlir::ValueRange arguments);

private:
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace kinu::vectorize
