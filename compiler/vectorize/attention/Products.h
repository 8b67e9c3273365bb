// The matrix products of attention: packed operands in, f32 out, in whatever way the machine multiplies best.
//
// Scores lie with keys as rows and queries as lanes: the score region, maxima and sums then are vector code without
// reductions of lanes, and a block of probabilities is the right operand of the next product as it lies.
#pragma once

#include "compiler/vectorize/attention/Rows.h"
#include "compiler/vectorize/attention/Scratch.h"

#include <memory>

namespace kinu::vectorize {

/// How rows of a tensor take part in a product.
enum class Form {
  LeftRows,    ///< rows of the product are the tensor's rows; its columns are summed
  LeftColumns, ///< rows of the product are the tensor's columns; its rows are summed
  RightRows,   ///< the tensor's rows are summed; columns of the product are its columns
  RightColumns ///< the tensor's columns are summed; columns of the product are its rows
};
static constexpr int kForms = 4;

/// Rows of a tensor in scratch, in the forms that were asked for.
struct Packed {
  int64_t rows = 0, columns = 0; ///< rows to which it is padded, and the tensor's columns
  mlir::Value forms[kForms];     ///< null if not wanted
  int64_t bytes[kForms] = {};    ///< from one of several copies to the next
  mlir::Value at(Form form) const { return forms[int(form)]; }
};

/// What a product reads: an operand from one of its rows on (i64; null: the first).
struct Side {
  const Packed &packed;
  Form form;
  mlir::Value first = {};
};

/// Where a product goes: f32, rows `row` elements apart, of which `rows` (i64, rounded up to a tile) are computed.
struct ProductResult {
  mlir::Value base;
  int64_t row;
  mlir::Value rows;
  bool accumulate;
};

class Products {
public:
  Products(Emission &e, Scratch &scratch, int64_t queries) : e(e), scratch(scratch), queries(queries) {}
  virtual ~Products() = default;

  /// What a launch does before its first product and after its last one.
  virtual void begin() {}
  virtual void end() {}
  /// Room for `copies` times rows of a tensor.
  virtual Packed reserve(int64_t rows, int64_t columns, llvm::ArrayRef<Form> forms, int64_t copies = 1) = 0;
  /// One of the copies.
  Packed copy(const Packed &packed, mlir::Value number);
  /// Packs rows [first, first + count) and zeros behind them.
  virtual void pack(const RowSource &from, mlir::Value first, mlir::Value count, const Packed &to) = 0;
  /// result (+)= left right, summed over `sums` (i64): for rows that are summed their number, a multiple of `rowUnit`
  /// or with zeros behind; else the columns of the tensor.
  virtual void multiply(const Side &left, const Side &right, mlir::Value sums, const ProductResult &result) = 0;

  /// Room for a block of probabilities, keys by queries, that are computed from `scores`, a block of f32.
  virtual Packed reserveScores(mlir::Value scores, int64_t keys, llvm::ArrayRef<Form> forms) = 0;
  /// Keys that are stored at once.
  virtual int64_t keysPerStore() const = 0;
  /// Stores probabilities of `keysPerStore` keys from row `key` on: for each all vectors of queries.
  virtual void storeScores(const Packed &to, mlir::Value key, llvm::ArrayRef<mlir::Value> vectors) = 0;
  /// Writes zeros behind the last key of a block, row `end`, as far as products will read.
  virtual void padScores(const Packed &to, mlir::Value end) {}

  /// Keys of a block go by multiples of this; the last of a sequence may be fewer.
  virtual int64_t rowUnit() const = 0;
  /// Of a tensor, the columns for which a product has room in its result, as rows or as columns.
  int64_t paddedColumns(int64_t columns) const { return llvm::alignTo(columns, columnUnit()); }
  virtual int64_t columnUnit() const = 0;
  /// e^(score - shift) of f32 vectors, as exactly as probabilities are stored: for differences up to 80; what is less
  /// than e^-87 may be 0.
  virtual mlir::Value exponential(mlir::Value score, mlir::Value shift) = 0;

protected:
  Emission &e;
  Scratch &scratch;
  int64_t queries; ///< in a panel: columns of scores
};

/// fp32 multiply-adds on vectors; operands of any element are widened as they are packed. `columns` are those of the
/// tensors.
std::unique_ptr<Products> vectorProducts(Emission &e, Scratch &scratch, int64_t queries,
                                         llvm::ArrayRef<int64_t> columns);
/// bf16 operands where the machine multiplies them as they are; `queries` is a multiple of 32.
std::unique_ptr<Products> bf16Products(Emission &e, Scratch &scratch, int64_t queries);

} // namespace kinu::vectorize
