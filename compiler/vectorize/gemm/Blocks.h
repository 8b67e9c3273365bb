// A product of blocks: row tiles of the left operand by packed panels of the right one.
#pragma once

#include "compiler/vectorize/gemm/MicroKernel.h"
#include "compiler/vectorize/gemm/Packing.h"

#include <functional>

namespace kinu::vectorize {

/// The rows of a product in tiles of `rows`. Rows are in runs along which left operand and result move evenly; a run
/// that is no multiple ends with a lower tile, or, if `level`, with several tiles that are one row lower: a register
/// block of few rows does not hide the latency of its multiply-adds. Tiles are numbered through all runs.
struct RowTiles {
  int64_t rows;                        ///< of a full tile
  int64_t run;                         ///< rows from one jump to the next
  int64_t leftRow, resultRow;          ///< strides within a run
  Walk leftRuns = {}, resultRuns = {}; ///< where runs begin
  bool level = false;

  int64_t tilesPerRun() const { return llvm::divideCeil(run, rows); }
  /// Rows of the lower tiles of a run, 0 if all are full.
  int64_t tail() const { return !level ? run % rows : run % tilesPerRun() ? rows - 1 : 0; }
  /// Full tiles of a run; the lower ones follow.
  int64_t fullTiles() const { return level && tail() ? run - tilesPerRun() * tail() : run / rows; }
  int64_t tiles() const { return tilesPerRun() * leftRuns.length(); }
  /// Rows from one k to the next in a packed tile: so many can be transposed at once.
  int64_t packedRows() const { return int64_t(llvm::PowerOf2Ceil(uint64_t(rows))); }
  /// Makes tiles of at most `rows` level.
  void makeLevel() {
    rows = llvm::divideCeil(run, tilesPerRun());
    level = true;
  }
  mlir::Value leftOffset(Emission &e, mlir::Value tile) const;
  mlir::Value resultOffset(Emission &e, mlir::Value tile) const;
  /// The number of a tile's first row, through all runs, and how many rows it has.
  mlir::Value firstRow(Emission &e, mlir::Value tile) const;
  mlir::Value rowsOf(Emission &e, mlir::Value tile) const;
  /// Emits `body` for the rows that `tile` has: twice, under a branch, if some tiles of a run are lower.
  void withRows(Emission &e, mlir::Value tile, llvm::function_ref<void(int64_t)> body) const;

private:
  /// The first row of a tile within its run.
  mlir::Value rowInRun(Emission &e, mlir::Value tile) const;
  mlir::Value isLower(Emission &e, mlir::Value tile) const;
};

/// How micro-kernels get the left operand.
enum class LeftReading {
  InPlace,            ///< from where it lies
  Packed,             ///< some tiles are packed before they are multiplied
  PackedByFirstPanel, ///< a tile is read in place by the micro-kernel of the first panel, which packs it for the others
};

/// The left operand of a block.
struct LeftOperand {
  LeftReading reading;
  mlir::Value base;        ///< at the first k of the block; where `packLeft` wrote if it is packed
  int64_t sumStride = 1;   ///< along k, unless it is packed
  int64_t promote = 0;     ///< both operands are f16, and so many products are added up in f16 at a time; else f32
  mlir::Value packed = {}; ///< where the first panel packs a tile: f32, rows contiguous, LoopOrder::PanelsWithinTiles
};

/// Copies tiles [firstTile, endTile), k in [firstSum, firstSum + sums), to `packed`: tile after tile, k after k.
/// `element` is converted to `packedElement`; both are f32 if null. `firstSum` is a multiple of a vector, the end is
/// one, too, or the end of the walk.
void packLeft(Emission &e, const RowTiles &tiles, const Walk &sum, mlir::Value base, mlir::Value packed,
              mlir::Value firstTile, mlir::Value endTile, mlir::Value firstSum, mlir::Value sums,
              mlir::Type element = {}, mlir::Type packedElement = {});

/// What a product writes: rows of `tiles`, columns contiguous from `base` on, added to what is there if `accumulate`.
struct ResultBlock {
  mlir::Value base;       ///< of the first column
  mlir::Value accumulate; ///< i1
  /// Where a tile begins, in elements from `base`; RowTiles::resultOffset if null.
  std::function<mlir::Value(mlir::Value tile)> place = {};
  /// Emits what is to be done with columns [first, first + count) of a tile as soon as they are written.
  std::function<void(mlir::Value tile, mlir::Value first, mlir::Value count)> finish = {};
};

/// Which loop over micro-kernels is outside: what it holds fixed stays in the first cache while the other operand
/// passes.
enum class LoopOrder { PanelsWithinTiles, TilesWithinPanels };

/// result[tiles, columns] (+)= left[tiles, sums] panels[sums, columns], for tiles [firstTile, endTile) and `columns`
/// columns from the first panel on. `columns` is a multiple of the panel's width, or ends with the operand whose last
/// panel has `columnTail` columns.
void multiplyBlock(Emission &e, const RowTiles &tiles, mlir::Value firstTile, mlir::Value endTile,
                   const LeftOperand &left, mlir::Value panels, mlir::Value sums, mlir::Value columns,
                   int64_t columnTail, const ResultBlock &result, LoopOrder order = LoopOrder::PanelsWithinTiles);

/// Copies a dense block of `rows` x `columns` (i64), whose rows are `blockRow` apart, to where the elements of a tensor
/// lie: `result` + row * resultRow + columns' walk from `firstColumn` on, a multiple of a vector.
void copyOut(Emission &e, mlir::Value block, int64_t blockRow, mlir::Value rows, mlir::Value result, int64_t resultRow,
             const Walk &columnWalk, mlir::Value firstColumn, mlir::Value columns);

} // namespace kinu::vectorize
