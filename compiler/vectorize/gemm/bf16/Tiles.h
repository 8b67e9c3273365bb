// AMX tiles as values of type !llvm.x86_amx, all of one shape: 16 rows of 64 bytes.
//
// A second shape in a function would make LLVM reload the tile configuration and spill in the loop over k, so edges are
// padded in memory instead. No calls may stand between a tile's definition and its last use.
#pragma once

#include "compiler/vectorize/Emission.h"

namespace kinu::vectorize::bf16 {

inline constexpr int64_t kTileRows = 16;    ///< of every tile: rows of the left operand, pairs of k of the right one
inline constexpr int64_t kTileBytes = 64;   ///< of a row
inline constexpr int64_t kTileColumns = 16; ///< of the result
inline constexpr int64_t kTileSums = 32;    ///< k of one multiplication
/// Writes the instructions on tiles. Strides are i64, in bytes from row to row.
class Tiles {
public:
  explicit Tiles(Emission &e) : e(e), type(mlir::LLVM::LLVMX86AMXType::get(e.getContext())) {}

  mlir::Value zero();
  mlir::Value load(mlir::Value pointer, mlir::Value stride);
  /// With the hint that what is loaded is not to displace what stays in the first cache.
  mlir::Value loadStreaming(mlir::Value pointer, mlir::Value stride);
  void store(mlir::Value tile, mlir::Value pointer, mlir::Value stride);
  /// sum[16 x 16 of f32] + left[16 x 32 of bf16] right[32 x 16 of bf16], `right` as pairs of k: [16][16][2]. Sums are
  /// in f32, denormals are zeros.
  mlir::Value multiplyAdd(mlir::Value sum, mlir::Value left, mlir::Value right);

private:
  mlir::Value call(llvm::StringRef intrinsic, mlir::ValueRange arguments);
  mlir::Value i16(int64_t value);

  Emission &e;
  mlir::Type type;
};

} // namespace kinu::vectorize::bf16
