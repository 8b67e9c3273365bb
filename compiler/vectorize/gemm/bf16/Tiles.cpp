// LLVM's intrinsics for AMX.
#include "compiler/vectorize/gemm/bf16/Tiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu::vectorize;
using namespace kinu::vectorize::bf16;

Value Tiles::i16(int64_t value) { return arith::ConstantOp::create(e, e.getI16IntegerAttr(int16_t(value))); }

Value Tiles::call(StringRef intrinsic, ValueRange arguments) {
  return LLVM::CallIntrinsicOp::create(e, type, e.getStringAttr(intrinsic), arguments).getResults();
}

Value Tiles::zero() { return call("llvm.x86.tilezero.internal", {i16(kTileRows), i16(kTileBytes)}); }

Value Tiles::load(Value pointer, Value stride) {
  return call("llvm.x86.tileloadd64.internal", {i16(kTileRows), i16(kTileBytes), pointer, stride});
}

Value Tiles::loadStreaming(Value pointer, Value stride) {
  return call("llvm.x86.tileloaddt164.internal", {i16(kTileRows), i16(kTileBytes), pointer, stride});
}

void Tiles::store(Value tile, Value pointer, Value stride) {
  LLVM::CallIntrinsicOp::create(e, e.getStringAttr("llvm.x86.tilestored64.internal"),
                                ValueRange{i16(kTileRows), i16(kTileBytes), pointer, stride, tile});
}

Value Tiles::multiplyAdd(Value sum, Value left, Value right) {
  return call("llvm.x86.tdpbf16ps.internal", {i16(kTileRows), i16(kTileBytes), i16(kTileBytes), sum, left, right});
}
