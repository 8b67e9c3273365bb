// Attention's products by the register blocks of gemm/, on f32.
//
// A tensor's rows are copied once to a dense block, which serves as left operand both ways, since the register block
// broadcasts its elements from anywhere, and as right operand by rows. Only queries are transposed.
#include "compiler/vectorize/attention/Products.h"

#include "compiler/vectorize/FloatBuilder.h"
#include "compiler/vectorize/gemm/MicroKernel.h"

#include <numeric>

using namespace mlir;
using namespace kinu::vectorize;

namespace {
class VectorProducts : public Products {
public:
  VectorProducts(Emission &e, Scratch &scratch, int64_t queries, ArrayRef<int64_t> columns)
      : Products(e, scratch, queries) {
    for (int64_t count : columns)
      for (int64_t first = 0; first < padded(count); first += panelOf(padded(count)))
        unit = std::lcm(unit, tileRows(std::min(panelOf(padded(count)), padded(count) - first)));
  }

  Packed reserve(int64_t rows, int64_t columns, ArrayRef<Form> forms, int64_t copies) override;
  void pack(const RowSource &from, Value first, Value count, const Packed &to) override;
  void multiply(const Side &left, const Side &right, Value sums, const ProductResult &result) override;
  Packed reserveScores(Value scores, int64_t keys, ArrayRef<Form> forms) override;
  int64_t keysPerStore() const override { return 1; }
  void storeScores(const Packed &to, Value key, ArrayRef<Value> vectors) override;
  int64_t rowUnit() const override { return unit; }
  int64_t columnUnit() const override { return e.lanes; }
  Value exponential(Value score, Value shift) override;

private:
  int64_t unit = 1;
  Value spare = {}; ///< takes rows that are only wanted transposed
  int64_t spareElements = 0;

  int64_t padded(int64_t columns) const { return llvm::alignTo(columns, e.lanes); }
  int64_t tileRows(int64_t columns) const { return rowsPerBlock(e.machine, columns); }
  /// Of that many columns, those of a register block: blocks of equal width waste the least.
  int64_t panelOf(int64_t columns) const {
    int64_t blocks = llvm::divideCeil(columns, columnsPerBlock(e.machine));
    return padded(llvm::divideCeil(columns, blocks));
  }
  Value plus(Value pointer, Value elements) { return e.address(pointer, e.getF32Type(), elements); }
};
} // namespace

// Tiles may read a few rows past the last one.
Packed VectorProducts::reserve(int64_t rows, int64_t columns, ArrayRef<Form> forms, int64_t copies) {
  Packed packed{rows, columns, {}, {}};
  int64_t blockBytes = 4 * (llvm::alignTo(rows, e.lanes) + 16) * padded(columns);
  Value block;
  for (Form form : forms) {
    if (form == Form::RightColumns) {
      packed.bytes[int(form)] = 4 * padded(columns) * rows;
      packed.forms[int(form)] = scratch.reserve(packed.bytes[int(form)] * copies);
      continue;
    }
    block = block ? block : scratch.reserve(blockBytes * copies);
    packed.forms[int(form)] = block;
    packed.bytes[int(form)] = blockBytes;
  }
  if (!block && blockBytes > 4 * spareElements) {
    spareElements = blockBytes / 4;
    spare = scratch.floats(spareElements);
  }
  return packed;
}

void VectorProducts::pack(const RowSource &from, Value first, Value count, const Packed &to) {
  Value block = spare;
  for (Form form : {Form::LeftRows, Form::LeftColumns, Form::RightRows})
    if (to.at(form))
      block = to.at(form);
  readRows(e, from, first, count, to.rows, block, padded(to.columns));
  if (Value transposed = to.at(Form::RightColumns))
    transposeBlock(e, block, padded(to.columns), to.rows, padded(to.columns), transposed, to.rows);
}

void VectorProducts::multiply(const Side &left, const Side &right, Value sums, const ProductResult &result) {
  bool byRows = left.form == Form::LeftRows;
  int64_t leftRow = padded(left.packed.columns);
  int64_t rightRow = right.form == Form::RightRows ? padded(right.packed.columns) : right.packed.rows;
  Value lhs = left.packed.at(left.form), rhs = right.packed.at(right.form);
  if (left.first)
    lhs = plus(lhs, e.mul(left.first, leftRow));
  if (right.first)
    rhs = plus(rhs, e.mul(right.first, rightRow));
  int64_t width = panelOf(rightRow);
  for (int64_t column = 0; column < rightRow; column += width) {
    int64_t columns = std::min(width, rightRow - column), tile = tileRows(columns);
    // Where the number of rows is known, tiles that differ by one row: low ones do not hide a multiply-add's latency.
    int64_t tiles = llvm::divideCeil(left.packed.columns, tile), lower = 0;
    if (!byRows) {
      tile = llvm::divideCeil(left.packed.columns, tiles);
      lower = tiles * tile - left.packed.columns;
    }
    auto block = [&](Value row, int64_t rows) {
      MicroKernel shape{rows, columns, byRows ? leftRow : 1, byRows ? 1 : leftRow, rightRow, result.row};
      callMicroKernel(e, shape, plus(lhs, e.mul(row, shape.lhsRow)), plus(rhs, e.i64(column)),
                      plus(result.base, e.add(e.mul(row, result.row), column)), sums, e.i1(result.accumulate));
    };
    Value end = byRows ? result.rows : e.i64((tiles - lower) * tile);
    e.loop(e.i64(0), end, tile, [&](Value row) { block(row, tile); });
    if (lower)
      e.loop(end, e.i64(left.packed.columns), tile - 1, [&](Value row) { block(row, tile - 1); });
  }
}

// Probabilities take the place of the scores.
Packed VectorProducts::reserveScores(Value scores, int64_t keys, ArrayRef<Form> forms) {
  Packed packed{keys, queries, {}, {}};
  for (Form form : forms)
    packed.forms[int(form)] = scores;
  return packed;
}

void VectorProducts::storeScores(const Packed &to, Value key, ArrayRef<Value> vectors) {
  Value base = to.at(Form::RightRows) ? to.at(Form::RightRows) : to.at(Form::LeftRows);
  Value line = plus(base, e.mul(key, queries));
  for (auto [i, vector] : llvm::enumerate(vectors))
    e.storeVector(vector, line, e.i64(int64_t(i) * e.lanes));
}

Packed Products::copy(const Packed &packed, Value number) {
  Packed one = packed;
  for (int form = 0; form < kForms; ++form)
    if (one.forms[form])
      one.forms[form] = e.address(one.forms[form], e.getI8Type(), e.mul(number, one.bytes[form]));
  return one;
}

// x = n ln 2 + r with |r| <= ln 2 / 2, and 2^n goes into the exponent of e^r. The polynomial is the minimax one of the
// relative error, 1e-7, for 2^t on [-0.5, 0.5], made by Remez' exchange.
Value VectorProducts::exponential(Value score, Value shift) {
  static constexpr double kLog2E = 1.44269504088896, kRounder = 12582912.0; // 1.5 * 2^23
  FloatBuilder b(e, score.getType());
  Value x = b.sub(score, shift), shifted = b.fma(x, kLog2E, b.number(kRounder));
  Value n = b.sub(shifted, b.number(kRounder));
  Value t = b.fma(x, kLog2E, b.neg(n));
  Value power = b.polynomial(t, {1.3276472e-3, 9.67554133e-3, 5.55071327e-2, 2.40221197e-1, 6.93146967e-1, 1.00000007});
  Value scaled = b.fromBits(b.addInt(b.toBits(power), b.shiftLeft(b.toBits(shifted), 23)));
  return b.choose(b.less(x, -87), b.number(0), scaled);
}

std::unique_ptr<Products> kinu::vectorize::vectorProducts(Emission &e, Scratch &scratch, int64_t queries,
                                                          ArrayRef<int64_t> columns) {
  return std::make_unique<VectorProducts>(e, scratch, queries, columns);
}
