// What a rank has of each whole value, and how it gets what it does not have.
#pragma once

#include "compiler/shard/Sharding.h"

#include <map>

namespace kinu::shard {

/// A tensor of the rank's, and how the whole value lies. A whole value may be the sum of several of them: what a layer
/// adds to the residual stream is not summed over ranks before everything of its kind has been added up. Of a 16-bit
/// value what is partial is fp32: only the sum is rounded.
struct Part {
  mlir::Value value;
  Sharding sharding;
};

/// From values of the whole program to values of the rank's, while the latter is being written.
class LocalValues {
public:
  /// Begins a program: the builder stands at its start, where the rank's coordinates come in.
  LocalValues(mlir::OpBuilder &builder, const Rules &rules, mlir::Location loc);

  void set(mlir::Value whole, mlir::Value local, Sharding sharding);
  /// Says that `whole` is the sum of these; those that lie alike are added up.
  void setSum(mlir::Value whole, llvm::ArrayRef<Part> summands);
  llvm::ArrayRef<Part> partsOf(mlir::Value whole) const { return parts.find(whole)->second; }

  /// What an axis is called where it is padded.
  static mlir::StringAttr paddedOf(mlir::StringAttr axis);

  /// Says which op of the whole program values are wanted for from now on.
  void wantedBy(mlir::Operation *op) { user = op; }

  /// How the value lies along a mesh axis; partial if any of its parts is.
  OnMeshAxis on(mlir::Value whole, unsigned meshAxis) const;
  /// Sums partial values where the rules want their parts, and gives the one sharding that the value has then.
  Sharding settle(mlir::Value whole);
  /// The value, lying as `wanted` says (nothing partial; no split along axes that it does not have).
  mlir::Value get(mlir::Value whole, const Sharding &wanted);
  /// The one local value of a whole one and where it lies, after `settle`.
  Part settled(mlir::Value whole);

  /// The rank's place along a mesh axis.
  mlir::Value coordinate(unsigned meshAxis) const { return coordinates[meshAxis]; }
  /// The index along an axis of a whole tensor, for the part that the rank has.
  mlir::Value index(mlir::Location loc, Axis axis, const Sharding &sharding);
  /// Where the rank's part of the axis begins in the whole, an i64 scalar; null if the axis is not split, or if its
  /// part is no run.
  mlir::Value origin(mlir::Location loc, Axis axis, const Sharding &sharding);
  /// The place in the rank's part of the axis of an index of the whole; out of range where another rank has it.
  mlir::Value placeInPart(mlir::Location loc, mlir::Value index, Axis axis, const Sharding &sharding);

  /// A part with `neutral` (0 for none, of floats that may be an infinity) where it is behind the end of one of these
  /// axes of the whole.
  mlir::Value hidePadding(mlir::Value part, NamedTensorType whole, const Sharding &sharding, mlir::ArrayAttr axes,
                          ReductionKind kind = ReductionKind::sum);

  /// Values made while a Scope lives are not reused after it: one for each region.
  class Scope {
  public:
    explicit Scope(LocalValues &values) : values(values) { values.made.emplace_back(); }
    ~Scope() { values.made.pop_back(); }
    Scope(const Scope &) = delete;

  private:
    LocalValues &values;
  };

private:
  using Key = std::pair<void *, std::string>;

  Part convert(Part part, NamedTensorType whole, const Sharding &wanted);
  Part reduce(Part part, NamedTensorType whole, const Sharding &wanted);
  Part gather(Part part, NamedTensorType whole, mlir::StringAttr axis, unsigned meshAxis);
  Part slice(Part part, NamedTensorType whole, mlir::StringAttr axis, unsigned meshAxis);
  Part exchange(Part part, NamedTensorType whole, mlir::StringAttr to, unsigned meshAxis);
  void markUnlessImplied(mlir::Operation *collective, NamedTensorType whole, mlir::StringAttr from,
                         const OnMeshAxis &to, unsigned meshAxis);
  mlir::Value splitOff(mlir::Value value, mlir::StringAttr axis, unsigned meshAxis);
  mlir::Value joinUp(mlir::Value value, mlir::StringAttr axis, unsigned meshAxis, int64_t length);
  /// Of an axis in parts, its elements as the ranks along a mesh axis have them one behind another (`toParts`), or
  /// back.
  mlir::Value inOrder(mlir::Value value, mlir::StringAttr axis, unsigned meshAxis, bool toParts);
  /// The index in what ranks along a mesh axis share, `length`, of an index in the rank's part.
  mlir::Value indexOfShared(mlir::Location loc, mlir::Value index, mlir::StringAttr axis, unsigned meshAxis,
                            int64_t length);
  /// Whether a rank's part of the axis is a run of it, and no longer than that.
  bool isRun(Axis axis, const Sharding &sharding) const;
  /// What the ranks along a mesh axis share of an axis, by how the value lies along others.
  int64_t lengthShared(const Part &part, NamedTensorType whole, mlir::StringAttr axis, unsigned meshAxis) const;
  mlir::Value sumOf(mlir::Location loc, mlir::Value x, mlir::Value y);

  mlir::OpBuilder &b;
  const Rules &rules;
  mlir::Operation *user = nullptr;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<Part, 1>> parts;
  llvm::SmallVector<std::map<Key, mlir::Value>, 4> made{1};
  llvm::SmallVector<mlir::Value> coordinates; ///< the rank's place along each mesh axis: inputs that the runtime fills
};

} // namespace kinu::shard
