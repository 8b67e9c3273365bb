// Products of bf16 operands on AMX tiles.
#pragma once

#include "compiler/vectorize/Vectorize.h"
#include "compiler/vectorize/gemm/Accumulation.h"
#include "compiler/vectorize/gemm/Epilogue.h"
#include "compiler/vectorize/gemm/amx/Tiles.h"

namespace kinu::vectorize::amx {

/// The machine has tiles, and they multiply what `shape` does.
bool multipliesOnTiles(const ContractionShape &shape, const machines::Machine &machine);

/// The tasks and scratch of a product whose code has been emitted.
struct TileProduct {
  int64_t tasks;
  int64_t scratchBytes;
};

/// Where the product goes: summed up in the result itself, which is f32 and has contiguous columns; rounded to the
/// result, 16 bits with contiguous columns; or through the epilogue.
enum class TileResult { InPlace, Rounded, Staged };

/// Emits the product of `left` and `right`, pointers, whose `shape.tiles.rows` is `kBlockRows`. `accumulation` is for
/// results in place only.
TileProduct emitTileProduct(Emission &e, const ContractionShape &shape, mlir::Value left, mlir::Value right,
                            TileResult kind, Epilogue &epilogue, std::optional<Accumulation> accumulation);

} // namespace kinu::vectorize::amx
