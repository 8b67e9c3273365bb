// What a contraction does with its product while that is in cache: elementwise ops, casts, and the stores.
//
// The nest around the micro-kernels hands over blocks of f32 that are summed over all of k; the epilogue computes every
// result of the kernel from them, vector by vector along the columns, and stores it to its place, whatever its type and
// order. So a nest of another kind (AMX tiles, fp16 sums) needs one call:
//
//   Epilogue epilogue(e, kernel, dot, shape);    // binds the kernel's operands
//   if (!epilogue.isPlain()) {                   // else the f32 product may be written straight to e.results[0]
//     // after the last round of k, for any rows and columns that are done:
//     ProductBlock block;
//     block.base = scratch; block.rowStride = 64;
//     block.batch = batch; block.columnRun = columnRun;
//     block.firstRow = row; block.rows = e.i64(16);
//     block.firstColumn = column; block.columns = columns;
//     epilogue.emit(block);
//   }
//   if (Operation *op = epilogue.unsupported()) ...   // at the end: an op that has no code
#pragma once

#include "compiler/vectorize/Evaluator.h"
#include "compiler/vectorize/gemm/ContractionShape.h"

namespace kinu::vectorize {

/// A block of the product, summed over all of k. Numbers are i64.
struct ProductBlock {
  mlir::Value base;        ///< pointer to its first element, an f32; columns are neighbours, readable to a full vector
  int64_t rowStride = 0;   ///< elements from row to row
  mlir::Value batch;       ///< which product of the batch, below `shape.batches()`
  mlir::Value columnRun;   ///< which run of columns, below `shape.resultColumnRuns.length()`
  mlir::Value firstRow;    ///< among `shape.rows()`, which number rows through all runs of `shape.tiles`
  mlir::Value rows;        ///< may be 0
  mlir::Value firstColumn; ///< of the run: a multiple of the vector's lanes
  mlir::Value columns;     ///< a multiple of the lanes, or up to the end of the run
};

class Epilogue {
public:
  /// `kernel` is a contraction that holds `dot`, analysed as `shape`; e is its emission. All three must outlive this.
  Epilogue(Emission &e, step::KernelOp kernel, DotOp dot, const ContractionShape &shape);

  /// Nothing is computed after the product: it is the only result and has 32 bits.
  bool isPlain() const;
  /// Nothing but the product's rounding to 16 bits.
  bool isRounding() const;
  /// Computes the results of a block and stores them. Everything is read before anything is written at a point, so
  /// results may lie over operands that only the epilogue reads.
  void emit(const ProductBlock &block);
  /// Floating-point operations of the elementwise ops, each once for each element.
  double operations() const;
  /// The first op met that has no code, or null.
  mlir::Operation *unsupported() const { return evaluator.unsupported(); }

private:
  Point rowPoint(const ProductBlock &block, mlir::Value row);
  void emitRow(const ProductBlock &block, mlir::Value row);
  void emitVectors(const Point &row, llvm::ArrayRef<mlir::Value> products, llvm::ArrayRef<mlir::Value> columns,
                   mlir::Value mask);
  bool isUnderResult(unsigned operand) const;
  void fetch(const Point &row, mlir::Value firstColumn, int64_t columns);
  void addColumns(Point &point, mlir::Value column);
  Point columnPoint(const Point &row, mlir::Value column);
  mlir::Value roundedProduct(mlir::Value product);
  mlir::OperandRange results() const;

  Emission &e;
  Evaluator evaluator;
  step::KernelOp kernel;
  DotOp dot;
  const ContractionShape &shape;
  llvm::SmallVector<RenameOp> renames; ///< of the product's axes
};

} // namespace kinu::vectorize
