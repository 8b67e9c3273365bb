// How tensors lie on the mesh, and what a layout's rules say of them.
//
// Since axes have names, most of propagation is looking at a type: a tensor with the axis `head` is split by heads
// wherever it stands. What is left is what products and reductions leave unfinished.
#pragma once

#include "dialects/tofu/Tofu.h"

namespace kinu::shard {

/// How a tensor lies along one axis of the mesh.
struct OnMeshAxis {
  enum State {
    Whole,  ///< every rank has all of it
    Split,  ///< each rank has its part of `axis`
    Partial ///< each rank has a tensor of its own; the value is their sum (or `kind`)
  };
  State state = Whole;
  mlir::StringAttr axis;
  ReductionKind kind = ReductionKind::sum;

  static OnMeshAxis splitAlong(mlir::StringAttr axis) { return {Split, axis}; }
  static OnMeshAxis partial(ReductionKind kind) { return {Partial, {}, kind}; }
  bool operator==(const OnMeshAxis &other) const {
    return state == other.state && axis == other.axis && (state != Partial || kind == other.kind);
  }
};

/// One for each axis of the mesh, in its order. Where several mesh axes split one axis of the tensor, the first is the
/// outermost.
using Sharding = llvm::SmallVector<OnMeshAxis, 4>;

bool isPartial(const Sharding &sharding);
/// The mesh axes, by number, that split this axis of a tensor.
llvm::SmallVector<unsigned> splitters(const Sharding &sharding, mlir::StringAttr axis);
/// For people and tests: `head on tensor, sum over data`.
std::string describe(const Sharding &sharding, tofu::MeshOp mesh);

/// The rules of a layout, as far as they say where tensors lie.
class Rules {
public:
  /// Reads the attribute `kinu.layout` of the module: `rules` and `between`, lists of [axis, mesh axis ...] in order;
  /// `zero`, a level, and `zero_on`, a mesh axis; `overlap`, what is to be hidden behind computation.
  static mlir::FailureOr<Rules> of(mlir::ModuleOp module);

  Sharding whole() const { return Sharding(degrees.size()); }
  /// Where a tensor lies by the rules that hold everywhere; the first that applies wins.
  Sharding natural(NamedTensorType type) const;
  /// Where it lies between blocks: as `natural`, and split further by the rules for there.
  Sharding betweenBlocks(NamedTensorType type) const;
  /// `sharding` without the splits along axes that the type does not have.
  Sharding restrict(Sharding sharding, NamedTensorType type) const;
  /// The part of a whole tensor that one rank has.
  NamedTensorType local(NamedTensorType whole, const Sharding &sharding) const;
  /// Whether every split of it leaves equal parts, or nearly: what rules split between blocks may be padded, by a
  /// quarter of its length at most. The last ranks' parts then end behind the end of the whole, where anything finite
  /// stands.
  bool divides(NamedTensorType whole, const Sharding &sharding) const;
  /// `sharding` with one axis more split over the ranks that ZeRO shares state among, if one that may be split can be.
  Sharding sharedState(
      NamedTensorType whole, Sharding sharding,
      llvm::function_ref<bool(mlir::StringAttr)> may = [](mlir::StringAttr) { return true; }) const;

  /// Whether ranks along the mesh axis have two runs each of such an axis, number r the runs r and 2n - 1 - r: under a
  /// causal mask they then have as much to do. `length`: of what these ranks share.
  bool isBalanced(mlir::StringAttr axis, unsigned meshAxis, int64_t length) const {
    return balanced.contains({axis, meshAxis}) && length % (2 * degrees[meshAxis]) == 0;
  }

  /// Whether the last parts of an axis end behind the end of the whole.
  bool isPadded(Axis whole, const Sharding &sharding) const;

  /// Whether a rule that holds everywhere splits the axis over the mesh axis.
  bool hasRule(mlir::StringAttr axis, unsigned meshAxis) const { return has(everywhere, axis, meshAxis); }
  /// Whether a rule for between blocks does.
  bool hasRuleBetween(mlir::StringAttr axis, unsigned meshAxis) const { return has(between, axis, meshAxis); }
  /// Whether ZeRO shares state among the ranks along the mesh axis.
  bool isSharedOver(unsigned meshAxis) const { return zeroLevel > 0 && meshAxis == zeroOn; }

  /// The splits of a type as an attribute: for each axis that is split, the mesh axes, outermost first.
  mlir::DictionaryAttr splitAttr(NamedTensorType whole, const Sharding &sharding) const;

  tofu::MeshOp mesh;
  llvm::SmallVector<mlir::StringAttr> names; ///< of the mesh's axes
  llvm::SmallVector<int64_t> degrees;
  int64_t zeroLevel = 0;
  bool sumsEarly = false; ///< gradients over ranks, slice by slice, as soon as a step has them: `overlap gradients`

private:
  struct Rule {
    mlir::StringAttr axis;
    llvm::SmallVector<unsigned> on;
  };
  static bool has(llvm::ArrayRef<Rule> rules, mlir::StringAttr axis, unsigned meshAxis);
  void apply(llvm::ArrayRef<Rule> rules, NamedTensorType type, Sharding &sharding) const;
  /// Attention's keys lie as its queries, of which they are another name, unless a rule says otherwise.
  void splitKeys(mlir::ModuleOp module);
  void balance(mlir::ModuleOp module);
  mlir::LogicalResult read(mlir::ArrayAttr from, llvm::SmallVectorImpl<Rule> &to);

  llvm::SmallVector<Rule> everywhere, between;
  llvm::DenseSet<std::pair<mlir::StringAttr, unsigned>> balanced;
  unsigned zeroOn = 0;
};

} // namespace kinu::shard
