// What derivative rules are written with. A rule emits the gradients of an op's operands at the builder's place.
#pragma once

#include "dialects/kinu/Kinu.h"

namespace kinu::differentiate {

/// The gradient with the axes of `type`, in any order: summed over axes that `type` does not have, repeated along axes
/// that only `type` has.
mlir::Value conform(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value gradient, NamedTensorType type);
/// As `conform`, and of exactly this type, its order of axes included: what a region hands to its op.
mlir::Value retype(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value gradient, NamedTensorType type);
/// Whether a value is one that the writer wants in fp32: `fp32(x)`, perhaps under another name.
bool isFp32(mlir::Value value);
/// The value marked so, if it is not.
mlir::Value inFp32(mlir::OpBuilder &builder, mlir::Value value);
/// Zeros of a type.
mlir::Value zeros(mlir::OpBuilder &builder, mlir::Location loc, NamedTensorType type);

/// The place of one rule: emits ops where the builder stands and hands over the gradients of operands.
class Rule {
public:
  Rule(mlir::OpBuilder &builder, mlir::Location loc, mlir::ValueRange gradients,
       llvm::function_ref<void(mlir::Value, mlir::Value)> accumulate)
      : builder(builder), loc(loc), gradients(gradients), g(gradients[0]), accumulate(accumulate) {}

  mlir::OpBuilder &builder;
  mlir::Location loc;
  mlir::ValueRange gradients; ///< of the op's results, null where a result has none
  mlir::Value g;              ///< of the first

  /// The gradient of an operand; of other axes than the operand's it is summed or repeated.
  void give(mlir::Value operand, mlir::Value gradient) {
    accumulate(operand, conform(builder, loc, gradient, typeOf(operand)));
  }
  /// The gradient of an elementwise op's operand: g times the local derivative, 0 where g is 0.
  void chain(mlir::Value operand, mlir::Value derivative) {
    give(operand, ChainOp::create(builder, loc, typeOf(g), g, derivative));
  }
  /// g where the condition holds, else 0.
  mlir::Value where(mlir::Value condition) {
    return SelectOp::create(builder, loc, typeOf(g), condition, g, number(0.0));
  }
  mlir::Value whereNot(mlir::Value condition) {
    return SelectOp::create(builder, loc, typeOf(g), condition, number(0.0), g);
  }

  mlir::Value number(double value) { return ConstantOp::create(builder, loc, value); }
  mlir::Value whole(int64_t value) { return ConstantOp::create(builder, loc, value); }
  /// An op of one operand whose result has the operand's type.
  template <typename Op> mlir::Value same(mlir::Value x) { return Op::create(builder, loc, typeOf(x), x); }
  /// An op of two operands that join by name.
  template <typename Op> mlir::Value join(mlir::Value x, mlir::Value y) { return Op::create(builder, loc, x, y); }
  mlir::Value compare(ComparePredicate predicate, mlir::Value x, mlir::Value y) {
    return CompareOp::create(builder, loc, predicate, x, y);
  }

private:
  llvm::function_ref<void(mlir::Value, mlir::Value)> accumulate;
};

/// The external model of an op whose rule is a function of the op and a Rule; it returns false where it has no
/// derivative, having said why.
template <typename Op, auto rule>
struct Derivative : DifferentiableOpInterface::ExternalModel<Derivative<Op, rule>, Op> {
  llvm::LogicalResult backward(mlir::Operation *op, mlir::OpBuilder &builder, mlir::ValueRange gradients,
                               llvm::function_ref<void(mlir::Value, mlir::Value)> accumulate) const {
    Rule place(builder, op->getLoc(), gradients, accumulate);
    if constexpr (std::is_void_v<decltype(rule(llvm::cast<Op>(op), place))>) {
      rule(llvm::cast<Op>(op), place);
      return llvm::success();
    } else {
      return rule(llvm::cast<Op>(op), place);
    }
  }
};
template <typename Op, auto rule> void attach(mlir::MLIRContext *context) {
  Op::template attachInterface<Derivative<Op, rule>>(*context);
}

// The rules, by group.
void attachElementwise(mlir::MLIRContext *context);
void attachAxes(mlir::MLIRContext *context);
void attachLookup(mlir::MLIRContext *context);
void attachComposites(mlir::MLIRContext *context);

} // namespace kinu::differentiate
