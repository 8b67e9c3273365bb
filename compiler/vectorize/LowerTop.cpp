// `top` kernels: the few largest along an axis, each by a pass that looks for the largest behind the one found before.
//
// Elements are ordered by value, largest first, and those of one value by index; so nothing needs to be marked as
// taken. The axis is that of experts, a few elements long: scalar code, parallel over the rows.
#include "compiler/vectorize/Items.h"
#include "compiler/vectorize/Vectorize.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

static Value compareFloats(Emission &e, arith::CmpFPredicate predicate, Value x, Value y) {
  return arith::CmpFOp::create(e, predicate, x, y);
}

static Value compareInts(Emission &e, arith::CmpIPredicate predicate, Value x, Value y) {
  return arith::CmpIOp::create(e, predicate, x, y);
}

/// The first element, in the order described above, that comes after (value, index); carries (-inf, -1) where none
/// does.
static SmallVector<Value> emitNext(Evaluator &evaluator, TopOp op, const Point &row, Value value, Value index) {
  Emission &e = evaluator.e;
  StringAttr axis = StringAttr::get(e.getContext(), op.getOver());
  SmallVector<Value> none{e.f32(-std::numeric_limits<double>::infinity()), e.i64(-1)};
  Value length = e.i64(typeOf(op.getOperand()).length(axis));
  return e.loop(e.i64(0), length, 1, none, [&](Value i, ValueRange best) -> SmallVector<Value> {
    Evaluator::Scope scope(evaluator);
    Point point = row;
    point[axis] = Index::at(i);
    Value x = evaluator.evaluate(op.getOperand(), point);
    Value isEqual = compareFloats(e, arith::CmpFPredicate::OEQ, x, value);
    Value isBehind = arith::AndIOp::create(e, isEqual, compareInts(e, arith::CmpIPredicate::sgt, i, index));
    Value isLeft = arith::OrIOp::create(e, compareFloats(e, arith::CmpFPredicate::OLT, x, value), isBehind);
    Value isFirst = compareInts(e, arith::CmpIPredicate::slt, best[1], e.i64(0));
    Value isBetter = arith::OrIOp::create(e, isFirst, compareFloats(e, arith::CmpFPredicate::OGT, x, best[0]));
    Value take = arith::AndIOp::create(e, isLeft, isBetter);
    return {arith::SelectOp::create(e, take, x, best[0]), arith::SelectOp::create(e, take, i, best[1])};
  });
}

llvm::Expected<Lowered> vectorize::lowerTop(step::KernelOp kernel, const machines::Machine &machine) {
  Block &block = kernel.getBody().front();
  auto op = block.getTerminator()->getOperand(0).getDefiningOp<TopOp>();
  if (!op)
    return llvm::createStringError("kernel " + kernel.getSymName() + ": a top kernel yields a kinu.top");
  Emission e(kernel, machine);
  Evaluator evaluator(e);
  for (auto [argument, pointer] : llvm::zip(block.getArguments(), e.operands))
    evaluator.bindMemory(argument, pointer);

  NamedTensorType type = op.getType();
  StringAttr as = StringAttr::get(e.getContext(), op.getAs());
  SmallVector<Axis> rows;
  for (const Axis &axis : type.getAxes())
    if (axis.name != as)
      rows.push_back(axis);
  int64_t items = type.getNumElements() / type.length(as);
  double operations = double(typeOf(op.getOperand()).getNumElements() * type.length(as));
  int64_t perTask = itemsPerTask(items, operations / double(items));
  emitItems(evaluator, items, perTask, [&](Value item) {
    Point row = pointOf(e, item, rows);
    SmallVector<Value> before{e.f32(std::numeric_limits<double>::infinity()), e.i64(-1)};
    e.loop(e.i64(0), e.i64(type.length(as)), 1, before, [&](Value i, ValueRange last) -> SmallVector<Value> {
      Evaluator::Scope scope(evaluator);
      SmallVector<Value> next = emitNext(evaluator, op, row, last[0], last[1]);
      Point place = row;
      place[as] = Index::at(i);
      // Only rows of NaN leave nothing to take: an index in range, then.
      Value index = arith::MaxSIOp::create(e, next[1], e.i64(0));
      evaluator.store(index, type, e.results[0], place);
      return next;
    });
  });
  if (evaluator.unsupported())
    return llvm::createStringError("kernel " + kernel.getSymName() + ": the operand of its top has no code");
  llvm::Expected<OwningOpRef<ModuleOp>> module = e.finish();
  if (!module)
    return module.takeError();
  return Lowered{std::move(*module), ceilDivide(items, perTask), 0, operations, 0, ""};
}
