// From an expression of kinu ops to code: the value of an SSA value of the kernel at a point, pulled from its operands.
//
// A point gives every axis an index. Nothing is computed for more lanes than it varies over: a value that does not
// depend on the vectorised axis is a scalar. Changes of axes (rename, slice, pad, split, join, concat, lookup) only
// change the point at which their operand is asked for.
//
//   Evaluator evaluator(emission);
//   evaluator.bindMemory(kernel.getBody().getArgument(0), emission.operands[0]);
//   Point point{{row, Index::at(i)}, {column, Index::lanesFrom(j, 16)}};
//   Value sixteen = emission.splat(evaluator.evaluate(value, point));
#pragma once

#include "compiler/vectorize/Emission.h"
#include "compiler/vectorize/IntRanges.h"

#include "llvm/ADT/MapVector.h"

#include <map>

namespace kinu::vectorize {

/// A position along one axis: one number, `base`; or `base + lane` in each lane; or any number in each lane.
struct Index {
  enum Kind { Uniform, Lanes, Vector };
  Kind kind = Uniform;
  mlir::Value value;    ///< i64 `base`, or for Vector a vector<lanes x i32 or i64>
  int64_t multiple = 1; ///< `base` is known to be a multiple of this
  bool outside = false; ///< lanes that the mask leaves out may lie outside the axis, before or behind it

  static Index at(mlir::Value base, int64_t multiple = 1) { return {Uniform, base, multiple}; }
  static Index lanesFrom(mlir::Value base, int64_t multiple = 1) { return {Lanes, base, multiple}; }
  static Index lanesAt(mlir::Value numbers) { return {Vector, numbers, 1, true}; }
  bool varies() const { return kind != Uniform; }
};

/// An index for each axis, by name. Axes that a value does not have do no harm.
using Point = llvm::SmallDenseMap<mlir::StringAttr, Index, 8>;

class Evaluator {
public:
  explicit Evaluator(Emission &emission) : e(emission), real(emission.getF32Type()) {}

  /// Says where a block argument lies in memory: `pointer` to its elements in the order of its type's axes.
  void bindMemory(mlir::Value value, mlir::Value pointer) { bindMemory(value, pointer, typeOf(value)); }
  /// The same of any value of which memory holds the part that `layout` says: some of its axes, in memory order.
  void bindMemory(mlir::Value value, mlir::Value pointer, NamedTensorType layout) { memory[value] = {pointer, layout}; }
  /// Says what `value` is at `point`: a scalar, or a vector if a lane index of the point is along an axis of the value.
  /// Used for reductions, and for the raw score of attention. Bool: i1; int: i64 or i32; float: f32.
  void define(mlir::Value value, const Point &point, mlir::Value is);

  /// The value at the point: f32 (a 16-bit float too, as the number it is), i64 or i32 (where the range is known to
  /// fit), or i1; a vector of `lanes` of them if it depends on a lane index. With `mask` (vector<lanes x i1>) the other
  /// lanes are not loaded and hold anything.
  mlir::Value evaluate(mlir::Value value, const Point &point, mlir::Value mask = {});

  /// What lies in memory of `type` at the point; as `evaluate` gives it.
  mlir::Value load(NamedTensorType type, mlir::Value pointer, const Point &point, mlir::Value mask = {});

  /// Stores a computed value (as `evaluate` gives it) into memory of `type` at the point. With `streams` whole vectors
  /// pass the caches by; they must be aligned, and the kernel must end with Emission::endStreams.
  void store(mlir::Value computed, NamedTensorType type, mlir::Value pointer, const Point &point, mlir::Value mask = {},
             bool streams = false);

  /// Starts to fetch the line that memory of `type` has at the point, if it is placed by it and its lanes lie side by
  /// side; to be written to where `toWrite`, else to the cache of that level. There may be no such element.
  void fetch(NamedTensorType type, mlir::Value pointer, const Point &point, bool toWrite, int level = 1);

  /// Values computed while a Scope lives are forgotten at its end: one for each loop body or branch.
  class Scope {
  public:
    explicit Scope(Evaluator &evaluator) : evaluator(evaluator) { evaluator.memo.emplace_back(); }
    ~Scope() { evaluator.memo.pop_back(); }
    Scope(const Scope &) = delete;

  private:
    Evaluator &evaluator;
  };

  /// The first op met that has no code, or null: lowering checks it at the end.
  mlir::Operation *unsupported() const { return failed; }

  Emission &e;
  /// In what floats are computed: f32, or f64 for tables that are rounded once (scalar code, calls of libm).
  mlir::FloatType real;

private:
  using Key = mlir::SmallVector<const void *, 8>;
  using Memo = std::map<Key, mlir::Value>;

  Key keyOf(mlir::Value value, const Point &point, mlir::Value mask);
  mlir::Value find(const Key &key) const;
  mlir::Value compute(mlir::Value value, const Point &point, mlir::Value mask);
  mlir::Value fail(mlir::Operation *op);

  // EvaluateAxes.cpp: ops that ask for their operand at another point.
  mlir::Value evaluateAxes(mlir::Operation *op, const Point &point, mlir::Value mask);
  mlir::Value evaluatePlaced(mlir::Value operand, mlir::StringAttr axis, Index index, mlir::Value otherwise,
                             const Point &point, mlir::Value mask);
  mlir::Value evaluateLookup(LookupOp op, const Point &point, mlir::Value mask);
  std::optional<Index> affineIndex(mlir::Value value, const Point &point);
  Index indexFrom(mlir::Value value, const Point &point, mlir::Value mask);
  Index joined(llvm::ArrayRef<Index> factors, llvm::ArrayRef<int64_t> lengths);
  mlir::SmallVector<Index> split(Index index, llvm::ArrayRef<int64_t> lengths);

  // EvaluateElementwise.cpp: arithmetic, and random numbers.
  mlir::Value evaluateElementwise(mlir::Operation *op, const Point &point, mlir::Value mask);
  mlir::Value evaluateFloat(mlir::Operation *op, llvm::ArrayRef<mlir::Value> x);
  mlir::Value evaluateInt(mlir::Operation *op, llvm::ArrayRef<mlir::Value> x);
  mlir::Value evaluateBool(mlir::Operation *op, llvm::ArrayRef<mlir::Value> x);
  mlir::Value evaluateRandom(RandomOp op, const Point &point, mlir::Value mask);

  llvm::DenseMap<mlir::Value, std::pair<mlir::Value, NamedTensorType>> memory;
  IntRanges ranges;
  mlir::SmallVector<Memo, 4> memo{1};
  mlir::Operation *failed = nullptr;
};

/// The index as a number, or a vector of i64 or (where `narrow`) i32 numbers.
mlir::Value numbersOf(Emission &e, const Index &index, bool narrow);
/// An int or vector of ints in another width.
mlir::Value resized(Emission &e, mlir::Value number, unsigned bits);

} // namespace kinu::vectorize
