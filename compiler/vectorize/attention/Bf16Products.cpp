// Attention's products of bf16 operands, with f32 sums: on AMX tiles, or by dot products of pairs (gemm/bf16/Block.h).
//
// All tiles are 16 rows of 64 bytes and are named by the registers they are in: so they are configured once a launch,
// and not, as the compiler would, in each of the short products. A product is a function of its own that does blocks of
// 32 x 32 of the result. Everything is padded to 32 rows and columns. A right operand has two neighbours along the sum
// in each 32 bits; both its forms are made by moving 32 bits at a time.
#include "compiler/vectorize/FloatBuilder.h"
#include "compiler/vectorize/attention/Products.h"
#include "compiler/vectorize/gemm/bf16/Block.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace kinu::vectorize;
using bf16::kTileBytes, bf16::kTileRows;

/// Rows, columns and summed elements that two tiles hold.
static constexpr int64_t kUnit = 32;

/// Calls an intrinsic without a result; numbers are i8 constants.
static void intrinsic(Emission &e, StringRef name, ValueRange arguments) {
  LLVM::CallIntrinsicOp::create(e, e.getStringAttr(name), arguments);
}

static Value number(Emission &e, int64_t value) { return e.constantInt(e.getI8Type(), value); }

namespace {
class Bf16Products : public Products {
public:
  using Products::Products;

  void begin() override;
  void end() override;
  Packed reserve(int64_t rows, int64_t columns, ArrayRef<Form> forms, int64_t copies) override;
  void pack(const RowSource &from, Value first, Value count, const Packed &to) override;
  void multiply(const Side &left, const Side &right, Value sums, const ProductResult &result) override;
  Packed reserveScores(Value scores, int64_t keys, ArrayRef<Form> forms) override;
  int64_t keysPerStore() const override { return 2; }
  void storeScores(const Packed &to, Value key, ArrayRef<Value> vectors) override;
  void padScores(const Packed &to, Value end) override;
  int64_t rowUnit() const override { return kUnit; }
  int64_t columnUnit() const override { return kUnit; }
  Value exponential(Value score, Value shift) override;

private:
  bf16::Unit unit = bf16::unitOf(e.machine);
  Value spare = {}; ///< rows as they lie in the tensor
  int64_t spareBytes = 0;
  Value pairs = {}; ///< rows in pairs, where only their transposition is wanted
  int64_t pairBytes = 0;

  static int64_t padded(int64_t count) { return llvm::alignTo(count, kUnit); }
  /// From one row of a form to the next; the rows of right forms are pairs.
  int64_t rowBytes(const Packed &packed, Form form) const;
  Value plus(Value pointer, Value bytes) { return e.address(pointer, e.getI8Type(), bytes); }
  Value roomFor(Value &room, int64_t &bytes, int64_t needed);
  void pairRows(Value from, int64_t rows, int64_t columns, Value to);
};

/// A product's function: strides in bytes, columns a multiple of 32; `steps` of 32 along the sum, 0 if that is a value.
struct BlockedProduct {
  int64_t leftRow, rightRow, resultRow, columns, steps;
  bool accumulate;
};
} // namespace

// Registers of a product: four tiles of the result, two of the right operand, two of the left one.
static constexpr int64_t kRights = 4, kLefts = 6, kRegisters = 8;

static void loadTile(Emission &e, int64_t to, Value from, int64_t stride) {
  intrinsic(e, "llvm.x86.tileloadd64", {number(e, to), from, e.i64(stride)});
}

/// A block of a product on tiles: pointers to its left and right operand and to the result.
static void multiplyOnNamedTiles(Emission &e, const BlockedProduct &shape, Value left, Value right, Value to,
                                 Value steps) {
  auto plus = [&](Value pointer, Value bytes) { return e.address(pointer, e.getI8Type(), bytes); };
  auto place = [&](int64_t i) { return plus(to, e.i64(i / 2 * kTileRows * shape.resultRow + i % 2 * kTileBytes)); };
  for (int64_t i = 0; i < 4; ++i)
    if (shape.accumulate)
      loadTile(e, i, place(i), shape.resultRow);
    else
      intrinsic(e, "llvm.x86.tilezero", number(e, i));
  auto step = [&](Value k) {
    Value b = plus(right, e.mul(k, kTileRows * shape.rightRow)), a = plus(left, e.mul(k, kTileBytes));
    for (int64_t i = 0; i < 2; ++i)
      loadTile(e, kRights + i, plus(b, e.i64(i * kTileBytes)), shape.rightRow);
    for (int64_t i = 0; i < 2; ++i) {
      loadTile(e, kLefts + i, plus(a, e.i64(i * kTileRows * shape.leftRow)), shape.leftRow);
      for (int64_t j = 0; j < 2; ++j)
        intrinsic(e, "llvm.x86.tdpbf16ps", {number(e, 2 * i + j), number(e, kLefts + i), number(e, kRights + j)});
    }
  };
  if (shape.steps)
    for (int64_t k = 0; k < shape.steps; ++k)
      step(e.i64(k));
  else
    e.loop(e.i64(0), steps, 1, step);
  for (int64_t i = 0; i < 4; ++i)
    intrinsic(e, "llvm.x86.tilestored64", {number(e, i), place(i), e.i64(shape.resultRow)});
}

/// The loops of a product: `rows` and `steps` are i64, counted in rows and in 32s along the sum.
static void multiplyBlocks(Emission &e, const BlockedProduct &shape, Value lhs, Value rhs, Value result, Value rows,
                           Value steps) {
  auto plus = [&](Value pointer, Value bytes) { return e.address(pointer, e.getI8Type(), bytes); };
  bool onTiles = bf16::unitOf(e.machine) == bf16::Unit::Tiles;
  e.loop(e.i64(0), rows, kUnit, [&](Value row) {
    Value left = plus(lhs, e.mul(row, shape.leftRow)), line = plus(result, e.mul(row, shape.resultRow));
    e.loop(e.i64(0), e.i64(shape.columns), kUnit, [&](Value column) {
      Value right = plus(rhs, e.mul(column, 4)), to = plus(line, e.mul(column, 4));
      if (onTiles)
        return multiplyOnNamedTiles(e, shape, left, right, to, steps);
      bf16::BlockProduct block{{{left, e.i64(shape.leftRow)}},
                               {right, shape.rightRow, kTileBytes, kTileRows * shape.rightRow},
                               shape.steps ? e.i64(shape.steps) : steps,
                               {to, e.i64(shape.resultRow)},
                               shape.accumulate ? e.i1(true) : Value()};
      bf16::multiplyInPairs(e, block, [](const bf16::Moment &) {});
    });
  });
}

/// Calls the function of a product.
static void callProduct(Emission &e, const BlockedProduct &shape, ValueRange arguments) {
  std::string name = llvm::formatv("product_{0}_{1}_{2}_{3}_{4}_{5}", shape.leftRow, shape.rightRow, shape.resultRow,
                                   shape.columns, shape.steps, shape.accumulate);
  e.callOwn(name, arguments, [&](ArrayRef<BlockArgument> given) {
    multiplyBlocks(e, shape, given[0], given[1], given[2], given[3], given[4]);
  });
}

/// Intel's manual, volume 1, section 18.2 (TILECFG): palette 1, at byte 16 the bytes of a row, at 48 the rows.
void Bf16Products::begin() {
  if (unit != bf16::Unit::Tiles)
    return;
  int8_t bytes[kTileBytes] = {1};
  for (int64_t i = 0; i < kRegisters; ++i) {
    bytes[16 + 2 * i] = kTileBytes;
    bytes[48 + i] = kTileRows;
  }
  auto type = VectorType::get({kTileBytes}, e.getI8Type());
  Value place = scratch.reserve(kTileBytes);
  LLVM::StoreOp::create(e, arith::ConstantOp::create(e, DenseElementsAttr::get(type, llvm::ArrayRef(bytes))), place, 1);
  intrinsic(e, "llvm.x86.ldtilecfg", place);
}

void Bf16Products::end() {
  if (unit == bf16::Unit::Tiles)
    intrinsic(e, "llvm.x86.tilerelease", {});
}

int64_t Bf16Products::rowBytes(const Packed &packed, Form form) const {
  switch (form) {
  case Form::LeftRows: return 2 * padded(packed.columns);
  case Form::LeftColumns: return 2 * padded(packed.rows);
  case Form::RightRows: return 4 * padded(packed.columns);
  case Form::RightColumns: return 4 * padded(packed.rows);
  }
  llvm_unreachable("a form");
}

Value Bf16Products::roomFor(Value &room, int64_t &bytes, int64_t needed) {
  if (needed > bytes) {
    bytes = needed;
    room = scratch.reserve(needed);
  }
  return room;
}

Packed Bf16Products::reserve(int64_t rows, int64_t columns, ArrayRef<Form> forms, int64_t copies) {
  Packed packed{rows, columns, {}, {}};
  int64_t bytes = 2 * padded(rows) * padded(columns);
  for (Form form : forms) {
    packed.forms[int(form)] = scratch.reserve(bytes * copies);
    packed.bytes[int(form)] = bytes;
  }
  if (!packed.at(Form::LeftRows))
    roomFor(spare, spareBytes, bytes);
  if (packed.at(Form::LeftColumns) && !packed.at(Form::RightRows))
    roomFor(pairs, pairBytes, bytes);
  return packed;
}

/// to[row / 2][column] = rows 2r and 2r + 1 side by side, the even one low.
void Bf16Products::pairRows(Value from, int64_t rows, int64_t columns, Value to) {
  Type half = e.getI16Type(), word = e.vectorOf(e.getI32Type());
  e.loop(e.i64(0), e.i64(rows / 2), 1, [&](Value pair) {
    Value source = e.address(from, half, e.mul(pair, 2 * columns));
    Value target = e.address(to, e.getI32Type(), e.mul(pair, columns));
    e.loop(e.i64(0), e.i64(columns), e.lanes, [&](Value column) {
      Value low = arith::ExtUIOp::create(e, word, e.loadVector(half, source, column));
      Value high = arith::ExtUIOp::create(e, word, e.loadVector(half, source, e.add(column, columns)));
      high = arith::ShLIOp::create(e, high, e.constantInt(word, 16));
      e.storeVector(arith::OrIOp::create(e, low, high), target, column);
    });
  });
}

void Bf16Products::pack(const RowSource &from, Value first, Value count, const Packed &to) {
  int64_t rows = padded(to.rows), columns = padded(to.columns);
  Value dense = to.at(Form::LeftRows) ? to.at(Form::LeftRows) : spare;
  readRows(e, from, first, count, rows, dense, columns, e.getBF16Type());
  if (Value transposed = to.at(Form::RightColumns))
    transposeBlock(e, dense, columns / 2, rows, columns / 2, transposed, rows);
  Value paired = to.at(Form::RightRows) ? to.at(Form::RightRows) : pairs;
  if (to.at(Form::RightRows) || to.at(Form::LeftColumns))
    pairRows(dense, rows, columns, paired);
  if (Value transposed = to.at(Form::LeftColumns))
    transposeBlock(e, paired, columns, rows / 2, columns, transposed, rows / 2);
}

void Bf16Products::multiply(const Side &left, const Side &right, Value sums, const ProductResult &result) {
  BlockedProduct shape{
      rowBytes(left.packed, left.form), rowBytes(right.packed, right.form), 4 * result.row, 0, 0, result.accumulate};
  shape.columns = padded(right.form == Form::RightRows ? right.packed.columns : right.packed.rows);
  Value lhs = left.packed.at(left.form), rhs = right.packed.at(right.form);
  if (left.first)
    lhs = plus(lhs, e.mul(left.first, left.form == Form::LeftRows ? shape.leftRow : 2));
  if (right.first)
    rhs = plus(rhs, e.mul(e.div(right.first, 2), shape.rightRow));
  if (auto constant = getConstantIntValue(sums))
    shape.steps = llvm::divideCeil(*constant, kUnit);
  Value steps = e.div(e.add(sums, kUnit - 1), kUnit);
  Value rows = left.form == Form::LeftRows ? result.rows : e.i64(left.packed.columns);
  callProduct(e, shape, {lhs, rhs, result.base, rows, steps});
}

/// In place where that is possible: a pair of keys takes half the room that its scores did.
Packed Bf16Products::reserveScores(Value scores, int64_t keys, ArrayRef<Form> forms) {
  if (forms != ArrayRef(Form::RightRows))
    return reserve(keys, queries, forms, 1);
  Packed packed{keys, queries, {}, {}};
  packed.forms[int(Form::RightRows)] = scores;
  return packed;
}

// Of y = (score - shift) / ln 2 one instruction takes off the whole part and another one scales by its power of two,
// also to 0. The polynomial is the minimax one of the relative error, 8e-5, for 2^t on [0, 1), made by Remez' exchange.
// Probabilities are rounded to 4e-3 anyway, and the error that (shift / ln 2) is rounded with is that of all keys.
Value Bf16Products::exponential(Value score, Value shift) {
  static constexpr double kLog2E = 1.44269504088896;
  static constexpr int64_t kFractionAboveFloor = 0x09, kCurrentRounding = 4;
  FloatBuilder b(e, score.getType());
  auto masked = [&](StringRef name, Value x, Value y) {
    Value rounding = e.constantInt(e.getI32Type(), kCurrentRounding), all = e.constantInt(e.getI16Type(), -1);
    return LLVM::CallIntrinsicOp::create(e, score.getType(), e.getStringAttr(name), {x, y, b.number(0), all, rounding})
        .getResults();
  };
  Value y = b.fma(score, kLog2E, b.neg(b.mul(shift, kLog2E)));
  Value t = masked("llvm.x86.avx512.mask.reduce.ps.512", y, e.constantInt(e.getI32Type(), kFractionAboveFloor));
  Value power = b.polynomial(t, {0.0780245226, 0.226067155, 0.69583354, 0.999925219});
  return masked("llvm.x86.avx512.mask.scalef.ps.512", power, y);
}

/// Two vectors of f32 as bf16, side by side: `low` in the lower half of each 32 bits.
static Value roundPair(Emission &e, Value low, Value high) {
  SmallVector<int64_t> numbers = llvm::to_vector(llvm::seq<int64_t>(0, 2 * e.lanes)), pairs;
  for (int64_t i = 0; i < e.lanes; ++i)
    pairs.append({i, e.lanes + i});
  Value both = vector::ShuffleOp::create(e, low, high, numbers);
  Value rounded = arith::TruncFOp::create(e, VectorType::get({2 * e.lanes}, e.getBF16Type()), both);
  return vector::ShuffleOp::create(e, rounded, rounded, pairs);
}

void Bf16Products::storeScores(const Packed &to, Value key, ArrayRef<Value> vectors) {
  int64_t count = queries / e.lanes;
  if (Value base = to.at(Form::RightRows)) {
    Value line = e.address(base, e.getI32Type(), e.mul(e.div(key, 2), queries));
    for (int64_t i = 0; i < count; ++i)
      LLVM::StoreOp::create(e, roundPair(e, vectors[i], vectors[count + i]),
                            e.address(line, e.getI32Type(), e.i64(i * e.lanes)), 4);
  }
  if (Value base = to.at(Form::LeftRows)) {
    auto numbers = llvm::to_vector(llvm::seq<int64_t>(0, 2 * e.lanes));
    for (int64_t i = 0; i < 2 * count; i += 2) {
      Value both = vector::ShuffleOp::create(e, vectors[i], vectors[i + 1], numbers);
      Value rounded = arith::TruncFOp::create(e, VectorType::get({2 * e.lanes}, e.getBF16Type()), both);
      Value place = e.add(e.mul(e.add(key, i / count), queries), i % count * e.lanes);
      LLVM::StoreOp::create(e, rounded, e.address(base, e.getBF16Type(), place), 2);
    }
  }
}

void Bf16Products::padScores(const Packed &to, Value end) {
  Value from = e.mul(e.div(e.add(end, 1), 2), 2), last = e.mul(e.div(e.add(end, kUnit - 1), kUnit), kUnit);
  Value zero = e.splat(e.f32(0));
  SmallVector<Value> zeros(2 * queries / e.lanes, zero);
  e.loop(from, last, 2, [&](Value key) { storeScores(to, key, zeros); });
}

std::unique_ptr<Products> kinu::vectorize::bf16Products(Emission &e, Scratch &scratch, int64_t queries) {
  return std::make_unique<Bf16Products>(e, scratch, queries);
}
