// Copies between tensors of any float and blocks of f32.
#include "compiler/vectorize/attention/Rows.h"

#include "compiler/vectorize/gemm/Packing.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace kinu::vectorize;

static Value widened(Emission &e, Value value) { return e.toFormat(value, e.getF32Type()); }

/// Calls `body` for each vector of a row: its first column, and a mask if it is the last and partial.
static void overVectors(Emission &e, int64_t columns, llvm::function_ref<void(Value, Value)> body) {
  int64_t whole = columns / e.lanes * e.lanes;
  if (whole <= 8 * e.lanes)
    for (int64_t column = 0; column < whole; column += e.lanes)
      body(e.i64(column), {});
  else
    e.loop(e.i64(0), e.i64(whole), e.lanes, [&](Value column) { body(column, {}); });
  if (columns > whole)
    body(e.i64(whole), e.firstLanes(columns - whole));
}

void kinu::vectorize::readRows(Emission &e, const RowSource &from, Value first, Value count, int64_t rows, Value block,
                               int64_t blockRow, Type to) {
  Type element = to ? to : e.getF32Type();
  int64_t columns = from.columns.length(), written = llvm::alignTo(columns, e.lanes);
  Value zero = e.constant(e.vectorOf(element), 0);
  auto line = [&](Value row) { return e.address(block, element, e.mul(row, blockRow)); };
  auto clear = [&](Value target, int64_t from) {
    for (int64_t column = from; column < blockRow; column += e.lanes)
      e.storeVector(zero, target, e.i64(column));
  };
  e.loop(e.i64(0), count, 1, [&](Value row) {
    Value source = e.address(from.base, from.element, e.mul(e.add(first, row), from.row)), target = line(row);
    if (from.columns.vectors(e.lanes)) {
      overVectors(e, columns, [&](Value column, Value mask) {
        Value value = e.loadVector(from.element, source, from.columns.offset(e, column), mask);
        e.storeVector(e.toFormat(value, element), target, column);
      });
      return clear(target, written);
    }
    clear(target, columns / e.lanes * e.lanes);
    e.loop(e.i64(0), e.i64(columns), 1, [&](Value column) {
      Value value = e.load(from.element, source, from.columns.offset(e, column));
      e.store(e.toFormat(value, element), target, column);
    });
  });
  e.loop(count, e.i64(rows), 1, [&](Value row) { clear(line(row), 0); });
}

void kinu::vectorize::writeRows(Emission &e, Value block, int64_t blockRow, Value count, const RowSource &to,
                                Value first) {
  int64_t columns = to.columns.length();
  e.loop(e.i64(0), count, 1, [&](Value row) {
    Value source = e.address(block, e.getF32Type(), e.mul(row, blockRow));
    Value target = e.address(to.base, to.element, e.mul(e.add(first, row), to.row));
    if (to.columns.vectors(e.lanes))
      return overVectors(e, columns, [&](Value column, Value mask) {
        Value value = e.toFormat(e.loadVector(e.getF32Type(), source, column), to.element);
        e.storeVector(value, target, to.columns.offset(e, column), mask);
      });
    e.loop(e.i64(0), e.i64(columns), 1, [&](Value column) {
      Value value = e.toFormat(e.load(e.getF32Type(), source, column), to.element);
      e.store(value, target, to.columns.offset(e, column));
    });
  });
}

void kinu::vectorize::dotRows(Emission &e, const RowSource &x, const RowSource &y, Value first, Value count,
                              Value sums) {
  int64_t columns = x.columns.length();
  bool vectors = x.columns.vectors(e.lanes) && y.columns.vectors(e.lanes);
  auto line = [&](const RowSource &source, Value row) {
    return e.address(source.base, source.element, e.mul(e.add(first, row), source.row));
  };
  e.loop(e.i64(0), count, 1, [&](Value row) {
    Value left = line(x, row), right = line(y, row);
    auto product = [&](Value column, Value mask) {
      auto load = [&](const RowSource &source, Value from) {
        Value offset = source.columns.offset(e, column);
        return widened(e, vectors ? e.loadVector(source.element, from, offset, mask)
                                  : e.load(source.element, from, offset));
      };
      return arith::MulFOp::create(e, load(x, left), load(y, right));
    };
    if (vectors) {
      int64_t whole = columns / e.lanes * e.lanes;
      Value sum = e.loop(e.i64(0), e.i64(whole), e.lanes, e.splat(e.f32(0)), [&](Value column, ValueRange carried) {
        return SmallVector<Value>{Value(arith::AddFOp::create(e, carried[0], product(column, {})))};
      })[0];
      if (columns > whole)
        sum = arith::AddFOp::create(e, sum, product(e.i64(whole), e.firstLanes(columns - whole)));
      // The lanes in any order: one after the other is slow on both machines.
      auto anyOrder = arith::FastMathFlags::reassoc;
      return e.store(vector::ReductionOp::create(e, vector::CombiningKind::ADD, sum, anyOrder), sums, row);
    }
    Value sum = e.loop(e.i64(0), e.i64(columns), 1, e.f32(0), [&](Value column, ValueRange carried) {
      return SmallVector<Value>{Value(arith::AddFOp::create(e, carried[0], product(column, {})))};
    })[0];
    e.store(sum, sums, row);
  });
}

void kinu::vectorize::transposeBlock(Emission &e, Value from, int64_t fromRow, int64_t rows, int64_t columns, Value to,
                                     int64_t toRow) {
  Type element = e.getF32Type();
  e.loop(e.i64(0), e.i64(rows), e.lanes, [&](Value row) {
    Value line = e.address(from, element, e.mul(row, fromRow)), target = e.address(to, element, row);
    e.loop(e.i64(0), e.i64(columns), e.lanes, [&](Value column) {
      SmallVector<Value> tile;
      for (int64_t i = 0; i < e.lanes; ++i)
        tile.push_back(e.loadVector(element, line, e.add(column, i * fromRow)));
      tile = transposeTile(e, tile);
      for (int64_t i = 0; i < e.lanes; ++i)
        e.storeVector(tile[i], target, e.mul(e.add(column, i), toRow));
    });
  });
}

void kinu::vectorize::clearBlock(Emission &e, Value block, Value count) {
  e.loop(e.i64(0), count, e.lanes, [&](Value i) { e.storeVector(e.splat(e.f32(0)), block, i); });
}
