// Products of bf16 operands that are multiplied as they are: on AMX tiles, or by dot products of pairs.
#pragma once

#include "compiler/vectorize/Vectorize.h"
#include "compiler/vectorize/gemm/Accumulation.h"
#include "compiler/vectorize/gemm/Epilogue.h"
#include "compiler/vectorize/gemm/bf16/Block.h"

namespace kinu::vectorize::bf16 {

/// The tasks and scratch of a product whose code has been emitted.
struct Product {
  int64_t tasks;
  int64_t scratchBytes;
};

/// Where the product goes: summed up in the result itself, which is f32 and has contiguous columns; rounded to the
/// result, 16 bits with contiguous columns; or through the epilogue.
enum class ResultKind { InPlace, Rounded, Staged };

/// Emits the product of `left` and `right`, pointers, whose `shape.tiles.rows` is `kBlockRows`. `accumulation` is for
/// results in place only.
Product emitProduct(Emission &e, const ContractionShape &shape, mlir::Value left, mlir::Value right, ResultKind kind,
                    Epilogue &epilogue, std::optional<Accumulation> accumulation);

} // namespace kinu::vectorize::bf16
