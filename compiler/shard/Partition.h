// Rewriting one program for a rank: a rule for every op. See Passes.td.
#pragma once

#include "compiler/shard/LocalValues.h"
#include "compiler/shard/RingAttention.h"

namespace kinu::shard {

/// How a value lies that stages of a pipeline hand to one another, as what a repeat carries does.
inline Sharding handedOn(const Rules &rules, NamedTensorType type) {
  return type.isFloat() ? rules.betweenBlocks(type) : rules.natural(type);
}

/// Where variables lie; programs agree on it.
struct StoredVariable {
  NamedTensorType whole;
  Sharding sharding;    ///< a gradient that is summed only when the step is done is partial here
  bool follows = false; ///< it lies as what is written to it: what one program keeps for another
};
using StoredVariables = llvm::StringMap<StoredVariable>;

class Partition {
public:
  /// Writes to where the builder stands, the start of the rank's program.
  Partition(mlir::OpBuilder &builder, const Rules &rules, StoredVariables &variables, mlir::Location loc)
      : b(builder), rules(rules), variables(variables), values(builder, rules, loc) {}

  mlir::LogicalResult visit(mlir::Block &whole);

private:
  mlir::LogicalResult visit(mlir::Operation *op);

  void elementwise(mlir::Operation *op);
  bool sumOfPartials(mlir::Operation *op);
  bool castOfPartials(CastOp op);
  Sharding joint(mlir::ValueRange operands, NamedTensorType result);
  void random(RandomOp op);

  // PartitionAxes.cpp: products, reductions, and ops that change axes.
  void dot(DotOp op);
  OnMeshAxis ofExperts(DotOp op, unsigned meshAxis);
  void reduce(ReduceOp op);
  void moveAxes(mlir::Operation *op);
  bool renameOfPartials(RenameOp op);
  void lookup(LookupOp op);
  void scatter(ScatterOp op);

  // PartitionVariables.cpp: what enters, leaves, and repeats.
  void read(ReadOp op);
  mlir::LogicalResult write(WriteOp op);
  mlir::LogicalResult accumulate(AccumulateOp op);
  void input(InputOp op);
  void output(OutputOp op);
  bool outputOfPartials(OutputOp op);
  mlir::LogicalResult repeat(RepeatOp op);

  // PartitionStages.cpp: what stages of a pipeline send one another.
  void allReduce(tofu::AllReduceOp op);
  void send(tofu::SendOp op);
  void receive(tofu::ReceiveOp op);

  // PartitionAttention.cpp
  mlir::LogicalResult attention(AttentionOp op);
  mlir::LogicalResult attentionBackward(AttentionBackwardOp op);
  Sharding attentionSharding(mlir::Value q, mlir::Value k, mlir::ArrayAttr sum, mlir::StringAttr key,
                             NamedTensorType result);
  void localRegion(mlir::Region &region, const Sharding &sharding, llvm::SmallVectorImpl<mlir::Value> &origins);
  static void runOfRegion(mlir::Region &region, Axis run, mlir::Value origin,
                          llvm::SmallVectorImpl<mlir::Value> &origins);
  static void shareExtras(mlir::Region &score, mlir::Region &backward, unsigned extras, mlir::ValueRange forwardOrigins,
                          mlir::ValueRange backwardOrigins);

  // PartitionLoss.cpp
  template <typename Loss> mlir::LogicalResult loss(Loss op);
  std::optional<Sharding> rowsOfLoss(mlir::Value hidden, mlir::Value weight, mlir::ArrayAttr sum,
                                     mlir::StringAttr over);
  void lossOfRows(mlir::Operation *op, const Sharding &rows);
  mlir::LogicalResult takeApart(CompositeOpInterface op);

  // PartitionRing.cpp: attention whose keys go around.
  std::optional<Ring> ringOf(const Sharding &queries, mlir::Value q, mlir::Value k, mlir::StringAttr query,
                             mlir::StringAttr key, mlir::Region &score);
  mlir::LogicalResult ringAttention(AttentionOp op, const Ring &ring);
  mlir::LogicalResult ringAttentionBackward(AttentionBackwardOp op, const Ring &ring);
  AttentionBackwardOp backwardOfPair(AttentionBackwardOp op, const Ring &ring, mlir::Value ofQueries,
                                     mlir::Value ofKeys, llvm::ArrayRef<mlir::Value> operands,
                                     llvm::SmallVector<mlir::Value> extras);
  mlir::Value metInStep(mlir::Location loc, const Ring &ring, int64_t step);
  llvm::SmallVector<mlir::Value> extrasOfRank(mlir::OperandRange extras, const Ring &ring);
  void turn(const Ring &ring, llvm::MutableArrayRef<mlir::Value> moving);
  void turnExtras(const Ring &ring, mlir::OperandRange wholes, llvm::MutableArrayRef<mlir::Value> own);
  void regionOfPair(mlir::Region &region, const Ring &ring, mlir::Value ofQueries, mlir::Value ofKeys,
                    llvm::SmallVectorImpl<mlir::Value> &origins);

  /// Changes the types of all values in a region.
  static void retype(mlir::Region &region, llvm::function_ref<NamedTensorType(NamedTensorType)> change);
  /// A copy of the op on these operands, its results (partial as they may be) lying as `sharding` says.
  mlir::Operation *copy(mlir::Operation *op, mlir::ValueRange operands, const Sharding &sharding);
  mlir::Value local(mlir::Value whole, const Sharding &sharding) {
    return values.get(whole, rules.restrict(sharding, typeOf(whole)));
  }

  mlir::OpBuilder &b;
  const Rules &rules;
  StoredVariables &variables;
  LocalValues values;
  llvm::StringMap<Part> summed; ///< gradients that were read, and so summed over ranks, before
};

} // namespace kinu::shard
