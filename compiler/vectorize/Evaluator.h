// From an expression of kinu ops to code: the value of an SSA value of the kernel at a point, pulled from its operands.
//
// A point gives every axis an index. Nothing is computed for more lanes than it varies over: a value that does not depend
// on the vectorised axis is a scalar. Changes of axes (rename, slice, pad, split, join, concat, lookup) only change the
// point at which their operand is asked for.
//
//   Evaluator evaluator(emission);
//   evaluator.bindMemory(kernel.getBody().getArgument(0), emission.operands[0]);
//   Point point{{row, Index::at(i)}, {column, Index::lanesFrom(j, 16)}};
//   Value sixteen = emission.splat(evaluator.evaluate(value, point));
#pragma once

#include "compiler/vectorize/Emission.h"

#include "llvm/ADT/MapVector.h"

#include <map>

namespace kinu::vectorize {

/// A position along one axis: one number, `base`; or `base + lane` in each lane; or any number in each lane.
struct Index {
  enum Kind { Uniform, Lanes, Vector };
  Kind kind = Uniform;
  mlir::Value value;    ///< i64 `base`, or for Vector a vector<lanes x i32 or i64>
  int64_t multiple = 1; ///< `base` is known to be a multiple of this

  static Index at(mlir::Value base, int64_t multiple = 1) { return {Uniform, base, multiple}; }
  static Index lanesFrom(mlir::Value base, int64_t multiple = 1) { return {Lanes, base, multiple}; }
  static Index lanesAt(mlir::Value numbers) { return {Vector, numbers, 1}; }
  bool varies() const { return kind != Uniform; }
};

/// An index for each axis, by name. Axes that a value does not have do no harm.
using Point = llvm::SmallDenseMap<mlir::StringAttr, Index, 8>;

/// What numbers an int can be, if anything is known.
struct IntRange {
  int64_t low, high;
};

class Evaluator {
public:
  explicit Evaluator(Emission &emission) : e(emission) {}

  /// Says where a block argument lies in memory: `pointer` to its elements in the order of its type's axes.
  void bindMemory(mlir::Value value, mlir::Value pointer) { memory[value] = pointer; }
  /// Says what `value` is at `point`: a scalar, or a vector if a lane index of the point is along an axis of the value.
  /// Used for reductions, and for the raw score of attention. Bool: i1; int: i64 or i32; float: f32.
  void define(mlir::Value value, const Point &point, mlir::Value is);

  /// The value at the point: f32, i64 or i32 (where the range is known to fit), or i1; a vector of `lanes` of them if
  /// it depends on a lane index. With `mask` (vector<lanes x i1>) the other lanes are not loaded and hold anything.
  mlir::Value evaluate(mlir::Value value, const Point &point, mlir::Value mask = {});

  /// As `evaluate`, always a vector, ints as i64.
  mlir::Value evaluateVector(mlir::Value value, const Point &point, mlir::Value mask = {});

  /// Stores a computed value (as `evaluate` gives it) into memory of `type` at the point.
  void store(mlir::Value computed, NamedTensorType type, mlir::Value pointer, const Point &point, mlir::Value mask = {});

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

private:
  friend class Scope;
  using Key = mlir::SmallVector<const void *, 8>;
  using Memo = std::map<Key, mlir::Value>;

  Key keyOf(mlir::Value value, const Point &point, mlir::Value mask);
  mlir::Value find(const Key &key);
  mlir::Value compute(mlir::Value value, const Point &point, mlir::Value mask);
  // Evaluator.cpp: memory. EvaluateAxes.cpp: changes of axes. EvaluateElementwise.cpp: the rest.
  mlir::Value loadArgument(mlir::Value argument, const Point &point, mlir::Value mask);
  mlir::Value computeAxes(mlir::Operation *op, const Point &point, mlir::Value mask);
  mlir::Value computeElementwise(mlir::Operation *op, const Point &point, mlir::Value mask);

  llvm::DenseMap<mlir::Value, mlir::Value> memory;
  llvm::DenseMap<mlir::Value, IntRange> ranges;
  mlir::SmallVector<Memo, 4> memo{1};
  mlir::Operation *failed = nullptr;
};

} // namespace kinu::vectorize
