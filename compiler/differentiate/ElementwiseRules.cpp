// Derivatives of elementwise ops: one line each. Ints and bools pass no gradient, so the ops that only make those have
// no rule.
#include "compiler/differentiate/Rules.h"

#include <numbers>

using namespace mlir;
using namespace kinu;
using namespace kinu::differentiate;

static void attachUnary(MLIRContext *context) {
  attach<NegOp, [](NegOp op, Rule &r) { r.give(op.getOperand(), r.same<NegOp>(r.g)); }>(context);
  attach<Fp32Op, [](Fp32Op op, Rule &r) { r.give(op.getOperand(), r.g); }>(context);
  attach<ExpOp, [](ExpOp op, Rule &r) { r.chain(op.getOperand(), op); }>(context);
  attach<LogOp, [](LogOp op, Rule &r) { r.chain(op.getOperand(), r.join<DivOp>(r.number(1.0), op.getOperand())); }>(
      context);
  attach<SqrtOp, [](SqrtOp op, Rule &r) { r.chain(op.getOperand(), r.join<DivOp>(r.number(0.5), op)); }>(context);
  attach<TanhOp, [](TanhOp op, Rule &r) {
    r.chain(op.getOperand(), r.join<SubOp>(r.number(1.0), r.join<MulOp>(op, op)));
  }>(context);
  attach<ErfOp, [](ErfOp op, Rule &r) {
    Value square = r.join<MulOp>(op.getOperand(), op.getOperand());
    Value bell = r.same<ExpOp>(r.same<NegOp>(square));
    r.chain(op.getOperand(), r.join<MulOp>(bell, r.number(2.0 / std::sqrt(std::numbers::pi))));
  }>(context);
  attach<SinOp, [](SinOp op, Rule &r) { r.chain(op.getOperand(), r.same<CosOp>(op.getOperand())); }>(context);
  attach<CosOp, [](CosOp op, Rule &r) { r.chain(op.getOperand(), r.same<NegOp>(r.same<SinOp>(op.getOperand()))); }>(
      context);
  // The derivative of |x| at 0 is 0.
  attach<AbsOp, [](AbsOp op, Rule &r) {
    Value x = op.getOperand(), zero = r.number(0.0);
    Value negative =
        SelectOp::create(r.builder, r.loc, typeOf(x), r.compare(ComparePredicate::lt, x, zero), r.number(-1.0), zero);
    Value sign = SelectOp::create(r.builder, r.loc, typeOf(x), r.compare(ComparePredicate::gt, x, zero), r.number(1.0),
                                  negative);
    r.chain(x, sign);
  }>(context);
}

/// y x^(y - 1), and x^y ln x, which is taken as 0 where x is not positive.
static void powRule(PowOp op, Rule &r) {
  Value x = op.getLhs(), y = op.getRhs();
  Value lower = r.join<PowOp>(x, r.join<SubOp>(y, r.number(1.0)));
  r.chain(x, r.join<MulOp>(y, lower));
  Value positive = r.compare(ComparePredicate::gt, x, r.number(0.0));
  Value safe = SelectOp::create(r.builder, r.loc, typeOf(x), positive, x, r.number(1.0));
  r.chain(y, r.join<MulOp>(op, r.same<LogOp>(safe)));
}

static void attachBinary(MLIRContext *context) {
  attach<AddOp, [](AddOp op, Rule &r) {
    r.give(op.getLhs(), r.g);
    r.give(op.getRhs(), r.g);
  }>(context);
  attach<SubOp, [](SubOp op, Rule &r) {
    r.give(op.getLhs(), r.g);
    r.give(op.getRhs(), r.same<NegOp>(r.g));
  }>(context);
  attach<MulOp, [](MulOp op, Rule &r) {
    r.chain(op.getLhs(), op.getRhs());
    r.chain(op.getRhs(), op.getLhs());
  }>(context);
  attach<DivOp, [](DivOp op, Rule &r) {
    r.chain(op.getLhs(), r.join<DivOp>(r.number(1.0), op.getRhs()));
    // -x / y^2, with the part that y does not vary along summed first: a norm's root is smaller than what it divides.
    Value share =
        conform(r.builder, r.loc, ChainOp::create(r.builder, r.loc, typeOf(r.g), r.g, op), typeOf(op.getRhs()));
    r.give(op.getRhs(),
           ChainOp::create(r.builder, r.loc, typeOf(share), share, r.join<DivOp>(r.number(-1.0), op.getRhs())));
  }>(context);
  attach<PowOp, powRule>(context);
  // Of equal operands the first is the one chosen.
  attach<MaxOp, [](MaxOp op, Rule &r) {
    Value first = r.compare(ComparePredicate::ge, op.getLhs(), op.getRhs());
    r.give(op.getLhs(), r.where(first));
    r.give(op.getRhs(), r.whereNot(first));
  }>(context);
  attach<MinOp, [](MinOp op, Rule &r) {
    Value first = r.compare(ComparePredicate::le, op.getLhs(), op.getRhs());
    r.give(op.getLhs(), r.where(first));
    r.give(op.getRhs(), r.whereNot(first));
  }>(context);
  attach<SelectOp, [](SelectOp op, Rule &r) {
    r.give(op.getYes(), r.where(op.getCondition()));
    r.give(op.getNo(), r.whereNot(op.getCondition()));
  }>(context);
}

void differentiate::attachElementwise(MLIRContext *context) {
  attachUnary(context);
  attachBinary(context);
}
