// Rows of a computation cut into chunks of equal size, so that a repeat can do one after the other.
//
// Chunks are cut from the outermost axes: whole indices of them first, then runs of one more axis. So batch=4, seq=1024
// in chunks of at most 700 rows is 4 x 2 chunks of 512 consecutive rows. An axis is cut into parts that divide it;
// where that would make many more chunks than needed (a prime length) it is padded to the next multiple, and what was
// padded is cut off the results.
#pragma once

#include "dialects/kinu/Kinu.h"

namespace kinu::fuse {

/// One axis that is cut: into `parts` runs of `rows`.
struct ChunkedAxis {
  Axis axis;
  int64_t parts, rows;
  mlir::StringAttr part, row, padded; ///< names of the axis of runs, of the axis inside a run, of the axis if padded

  int64_t paddedLength() const { return parts * rows; }
  /// Every index is a run by itself: a chunk does not have the axis.
  bool vanishes() const { return rows == 1; }
};

struct RowChunks {
  mlir::SmallVector<ChunkedAxis> axes; ///< outermost first
  int64_t count = 1;

  /// Cuts rows with these axes, outermost first, into chunks of at most `most` rows (at least one).
  static RowChunks choose(mlir::ArrayRef<Axis> rows, int64_t most);

  bool cuts(mlir::StringRef axis) const;
  /// The name of the axis of chunks.
  mlir::StringAttr name() const;
  /// What a chunk of a value has for a type.
  NamedTensorType typeOfChunk(NamedTensorType whole) const;

  /// The value with its cut axes split, to take chunks of; a view unless something is padded (with zeros).
  mlir::Value split(mlir::OpBuilder &builder, mlir::Value whole) const;
  /// Chunk `number` (a scalar int) of what `split` gave.
  mlir::Value chunk(mlir::OpBuilder &builder, mlir::Value split, mlir::Value number) const;
  /// The inverse: all chunks, stacked under `name()`, as a value of type `whole`.
  mlir::Value join(mlir::OpBuilder &builder, mlir::Value stacked, NamedTensorType whole) const;
};

} // namespace kinu::fuse
