// Packing of bf16 operands. Vectors where columns, rows or k are contiguous, one by one otherwise. Numbers are moved as
// bits: words of 16 bits, and pairs of them as 32.
#include "compiler/vectorize/gemm/bf16/Bf16Packing.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace kinu::vectorize;
using namespace kinu::vectorize::bf16;

/// Panels that are written side by side where rows of k are read: more would evict each other from the first cache.
static constexpr int64_t kPanelsTogether = 8;
/// From the k that is packed to the k that is fetched, to the second cache: lines for so long would fill the first one.
static constexpr int64_t kAhead = 4 * kTileSums;
static constexpr int64_t kTileElements = kTileRows * kTileBytes / 2;

Value kinu::vectorize::bf16::paddedSums(Emission &e, Value sums) {
  return e.mul(e.div(e.add(sums, kTileSums - 1), kTileSums), kTileSums);
}

namespace {
/// Moves of 16-bit words.
struct Words {
  Emission &e;
  Type word = e.getI16Type(), pair = e.getI32Type();

  Value at(Value base, Value index) { return e.address(base, word, index); }
  Value one(Value base, Value index) { return e.load(word, base, index); }

  /// `lanes` words, those from `count` on as zeros without being read.
  Value load(Value pointer, int64_t lanes, int64_t count) {
    auto type = VectorType::get({lanes}, word);
    if (count >= lanes)
      return LLVM::LoadOp::create(e, type, pointer, 2);
    SmallVector<bool> flags(size_t(lanes), false);
    std::fill_n(flags.begin(), count, true);
    auto maskType = VectorType::get({lanes}, e.getI1Type());
    Value mask = arith::ConstantOp::create(e, DenseElementsAttr::get(maskType, flags));
    Value zeros = arith::ConstantOp::create(e, e.getZeroAttr(type));
    return LLVM::MaskedLoadOp::create(e, type, pointer, mask, zeros, 2);
  }
  void store(Value vector, Value pointer) { LLVM::StoreOp::create(e, vector, pointer, 2); }
  /// Stores the words of two vectors alternately, `low` first; both null for zeros.
  void storePairs(Value low, Value high, int64_t lanes, Value pointer) {
    Value zeros = arith::ConstantOp::create(e, e.getZeroAttr(VectorType::get({lanes}, word)));
    for (int64_t half = 0; half < 2; ++half) {
      SmallVector<int64_t> order;
      for (int64_t lane = half * lanes / 2; lane < (half + 1) * lanes / 2; ++lane)
        order.append({lane, lanes + lane});
      Value pairs = low ? vector::ShuffleOp::create(e, low, high ? high : zeros, order).getResult() : zeros;
      store(pairs, at(pointer, e.i64(half * lanes)));
    }
  }
  Value asPairs(Value words) {
    int64_t lanes = cast<VectorType>(words.getType()).getNumElements();
    return LLVM::BitcastOp::create(e, VectorType::get({lanes / 2}, pair), words);
  }
  /// Lane by lane the words of two vectors, `low` first in memory; `high` null for zeros.
  Value interleave(Value low, Value high) {
    auto type = VectorType::get({cast<VectorType>(low.getType()).getNumElements()}, pair);
    Value pairs = arith::ExtUIOp::create(e, type, low);
    if (!high)
      return pairs;
    Value sixteen = arith::ConstantOp::create(e, DenseElementsAttr::get(type, e.getI32IntegerAttr(16)));
    high = arith::ShLIOp::create(e, arith::ExtUIOp::create(e, type, high), sixteen);
    return arith::OrIOp::create(e, pairs, high);
  }
  Value zeroPairs() { return arith::ConstantOp::create(e, e.getZeroAttr(VectorType::get({kTileColumns}, pair))); }
};

/// Tiles of 32 k each: all of them full but the last one of all of k, whose length is known.
struct SumTiles {
  Emission &e;
  const Walk &walk;
  SumRange sums;

  /// Emits `body` for every tile: its number from the first, and how many k it has.
  void forEach(llvm::function_ref<void(Value, int64_t)> body) const {
    Value whole = e.div(sums.count, kTileSums);
    e.loop(e.i64(0), whole, 1, [&](Value tile) { body(tile, kTileSums); });
    if (int64_t tail = walk.length() % kTileSums)
      e.loop(whole, e.div(e.add(sums.count, kTileSums - 1), kTileSums), 1, [&](Value tile) { body(tile, tail); });
  }
  /// The offset of the i-th k of a tile.
  Value offset(Value tile, int64_t i) const { return walk.offset(e, e.add(first(tile), i)); }
  Value first(Value tile) const { return e.add(sums.first, e.mul(tile, kTileSums)); }
  /// Emits `body` for the offsets of the k to fetch while a tile is packed: those of a later one, or the last ones.
  void forAhead(Value tile, llvm::function_ref<void(Value)> body) const {
    if (walk.length() <= kAhead)
      return;
    Value from = e.smaller(e.add(first(tile), kAhead), e.i64(walk.length() - kTileSums));
    for (int64_t i = 0; i < kTileSums; ++i)
      body(walk.offset(e, e.add(from, i)));
  }
};

struct RightPacking {
  Emission &e;
  const RightOperand &right;
  Value base, panels;
  SumRange sums;
  Value firstColumn, count;
  Words words{e};
  SumTiles tiles{e, right.sum, sums};
  Value panelElements = e.mul(paddedSums(e, sums.count), kBlockColumns);
  int64_t tail = right.columns.length() % kBlockColumns;
  bool inPairs = right.columns.vectors(kTileColumns), inRows = right.sum.vectors(kTileSums);

  /// Where half a panel of a tile of k lies.
  Value place(Value panel, Value tile, int64_t half) {
    return words.at(panels,
                    e.add(e.mul(panel, panelElements), e.add(e.mul(tile, 2 * kTileElements), half * kTileElements)));
  }
  Value column(Value panel) { return e.add(firstColumn, e.mul(panel, kBlockColumns)); }
  void forPanels(llvm::function_ref<void(Value, Value, int64_t)> body);
  void copyPairs(Value panel, Value tile, int64_t columns, int64_t sumsOfTile);
  void transpose(Value panel, Value tile, int64_t columns, int64_t sumsOfTile);
  void copyWords(Value panel, Value tile, int64_t columns, int64_t sumsOfTile);
};
} // namespace

/// Emits `body` for groups of panels [first, end): with the columns of each panel.
void RightPacking::forPanels(llvm::function_ref<void(Value, Value, int64_t)> body) {
  Value full = e.div(count, kBlockColumns);
  int64_t together = inPairs ? kPanelsTogether : 1;
  e.loop(e.i64(0), full, together,
         [&](Value first) { body(first, e.smaller(e.add(first, together), full), kBlockColumns); });
  if (tail)
    body(full, e.div(e.add(count, kBlockColumns - 1), kBlockColumns), tail);
}

// Two rows of k interleaved.
void RightPacking::copyPairs(Value panel, Value tile, int64_t columns, int64_t sumsOfTile) {
  for (int64_t half = 0; half < 2; ++half) {
    Value to = place(panel, tile, half), at = right.columns.offset(e, e.add(column(panel), half * kTileColumns));
    int64_t here = std::min(columns - half * kTileColumns, kTileColumns);
    for (int64_t pair = 0; pair < kTileSums / 2; ++pair) {
      auto row = [&](int64_t i) -> Value {
        if (i >= sumsOfTile || here <= 0)
          return {};
        return words.load(words.at(base, e.add(tiles.offset(tile, i), at)), kTileColumns, here);
      };
      words.storePairs(row(2 * pair), row(2 * pair + 1), kTileColumns, words.at(to, e.i64(pair * 2 * kTileColumns)));
    }
  }
  Value next = right.columns.offset(e, column(panel));
  tiles.forAhead(tile, [&](Value at) { e.fetch(words.at(base, e.add(at, next)), 2); });
}

// 16 columns of 16 pairs of k, transposed in registers. Past the last column it is read again. The next panel is
// fetched.
void RightPacking::transpose(Value panel, Value tile, int64_t columns, int64_t sumsOfTile) {
  Value last = e.i64(right.columns.length() - 1), from = words.at(base, tiles.offset(tile, 0));
  for (int64_t half = 0; half < 2; ++half) {
    SmallVector<Value> rows;
    for (int64_t lane = 0; lane < kTileColumns; ++lane) {
      Value number = e.add(column(panel), half * kTileColumns + lane);
      if (columns < kBlockColumns)
        number = e.smaller(number, last);
      Value at = words.at(from, right.columns.offset(e, number));
      rows.push_back(words.asPairs(words.load(at, kTileSums, sumsOfTile)));
      if (right.columns.length() > kBlockColumns)
        e.fetch(words.at(from, right.columns.offset(e, e.smaller(e.add(number, kBlockColumns), last))), 2);
    }
    Value to = place(panel, tile, half);
    for (auto [pair, row] : llvm::enumerate(transposeTile(e, rows)))
      words.store(row, words.at(to, e.i64(int64_t(pair) * 2 * kTileColumns)));
  }
}

void RightPacking::copyWords(Value panel, Value tile, int64_t columns, int64_t sumsOfTile) {
  Value last = e.i64(right.columns.length() - 1);
  e.loop(e.i64(0), e.i64(kBlockColumns), 1, [&](Value lane) {
    Value from = words.at(base, right.columns.offset(e, e.smaller(e.add(column(panel), lane), last)));
    Value to = words.at(place(panel, tile, 0),
                        e.add(e.mul(e.div(lane, kTileColumns), kTileElements), e.mul(e.rem(lane, kTileColumns), 2)));
    for (int64_t i = 0; i < kTileSums; ++i) {
      Value word = i < sumsOfTile ? words.one(from, tiles.offset(tile, i))
                                  : Value(arith::ConstantOp::create(e, e.getI16IntegerAttr(0)));
      e.store(word, to, e.i64(i / 2 * 2 * kTileColumns + i % 2));
    }
  });
}

void kinu::vectorize::bf16::packRight(Emission &e, const RightOperand &right, Value base, Value panels, SumRange sums,
                                      Value firstColumn, Value count) {
  RightPacking packing{e, right, base, panels, sums, firstColumn, count};
  packing.forPanels([&](Value first, Value end, int64_t width) {
    packing.tiles.forEach([&](Value tile, int64_t sumsOfTile) {
      e.loop(first, end, 1, [&](Value panel) {
        if (packing.inPairs)
          packing.copyPairs(panel, tile, width, sumsOfTile);
        else if (packing.inRows)
          packing.transpose(panel, tile, width, sumsOfTile);
        else
          packing.copyWords(panel, tile, width, sumsOfTile);
      });
    });
  });
}

namespace {
struct LeftPacking {
  Emission &e;
  const RowTiles &tiles;
  const Walk &walk;
  Value from, packed; ///< of the tile of rows
  int64_t rowElements;
  SumRange sums;
  Words words{e};
  SumTiles sumTiles{e, walk, sums};

  Value place(Value tile, int64_t row) { return words.at(packed, e.add(e.mul(tile, kTileSums), row * rowElements)); }
  void copyRows(int64_t rows);
  void copyPairs(int64_t rows);
  void transpose(int64_t rows);
  void copyWords(int64_t rows);
};
} // namespace

// A row after the other, each a stretch of memory.
void LeftPacking::copyRows(int64_t rows) {
  e.loop(e.i64(0), e.i64(rows), 1, [&](Value row) {
    Value source = words.at(from, e.mul(row, tiles.leftRow)), to = words.at(packed, e.mul(row, rowElements));
    sumTiles.forEach([&](Value tile, int64_t count) {
      words.store(words.load(words.at(source, sumTiles.offset(tile, 0)), kTileSums, count),
                  words.at(to, e.mul(tile, kTileSums)));
    });
  });
}

// Two k interleaved.
void LeftPacking::copyPairs(int64_t rows) {
  sumTiles.forEach([&](Value tile, int64_t count) {
    for (int64_t pair = 0; pair < kTileSums / 2; ++pair) {
      auto column = [&](int64_t i) -> Value {
        return i < count ? words.load(words.at(from, sumTiles.offset(tile, i)), kBlockRows, rows) : Value();
      };
      Value to = words.at(packed, e.mul(e.add(e.mul(tile, kTileSums / 2), pair), 2 * kBlockRows));
      words.storePairs(column(2 * pair), column(2 * pair + 1), kBlockRows, to);
    }
    sumTiles.forAhead(tile, [&](Value at) { e.fetch(words.at(from, at), 2); });
  });
}

// Pairs of k of 16 rows each, transposed in registers.
void LeftPacking::transpose(int64_t rows) {
  sumTiles.forEach([&](Value tile, int64_t count) {
    for (int64_t first = 0; first < rows; first += kTileRows) {
      auto column = [&](int64_t i) -> Value {
        if (i >= count)
          return {};
        return words.load(words.at(from, e.add(sumTiles.offset(tile, i), first)), kTileRows, rows - first);
      };
      SmallVector<Value> pairs;
      for (int64_t i = 0; i < kTileSums; i += 2) {
        Value low = column(i), high = column(i + 1);
        pairs.push_back(low ? words.interleave(low, high) : words.zeroPairs());
      }
      pairs = transposeTile(e, pairs);
      for (int64_t row = 0; row < std::min(kTileRows, rows - first); ++row)
        words.store(pairs[size_t(row)], place(tile, first + row));
    }
  });
}

void LeftPacking::copyWords(int64_t rows) {
  sumTiles.forEach([&](Value tile, int64_t count) {
    e.loop(e.i64(0), e.i64(rows), 1, [&](Value row) {
      Value source = words.at(from, e.mul(row, tiles.leftRow));
      Value to = words.at(packed, e.add(e.mul(tile, kTileSums), e.mul(row, rowElements)));
      for (int64_t i = 0; i < kTileSums; ++i)
        e.store(i < count ? words.one(source, sumTiles.offset(tile, i))
                          : Value(arith::ConstantOp::create(e, e.getI16IntegerAttr(0))),
                to, e.i64(i));
    });
  });
}

bool kinu::vectorize::bf16::packsLeftInPairs(const machines::Machine &machine, const RowTiles &tiles, const Walk &sum) {
  return unitOf(machine) == Unit::Pairs && tiles.leftRow == 1 && !sum.vectors(kTileSums);
}

void kinu::vectorize::bf16::packLeft(Emission &e, const RowTiles &tiles, const Walk &sum, Value base, Value packed,
                                     int64_t rowElements, Value tile, SumRange sums) {
  Value from = e.address(base, e.getI16Type(), tiles.leftOffset(e, tile));
  LeftPacking packing{e, tiles, sum, from, packed, rowElements, sums};
  tiles.withRows(e, tile, [&](int64_t rows) {
    if (packsLeftInPairs(e.machine, tiles, sum))
      packing.copyPairs(rows);
    else if (sum.vectors(kTileSums))
      packing.copyRows(rows);
    else if (tiles.leftRow == 1 || rows == 1)
      packing.transpose(rows);
    else
      packing.copyWords(rows);
  });
}
