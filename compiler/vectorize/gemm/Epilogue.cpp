// Results of a contraction from blocks of its product.
#include "compiler/vectorize/gemm/Epilogue.h"

#include "compiler/vectorize/Items.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::vectorize;

/// Vectors side by side, so that their latencies overlap where the machine does not look far ahead.
static constexpr int64_t kGroup = 4;

/// Rows from what is computed to what is fetched: a block's rows are short stretches, too short for the processor to
/// see that more of them follow.
static constexpr int64_t kRowsAhead = 2;

Epilogue::Epilogue(Emission &e, step::KernelOp kernel, DotOp dot, const ContractionShape &shape)
    : e(e), evaluator(e), kernel(kernel), dot(dot), shape(shape) {
  for (auto [argument, pointer] : llvm::zip(kernel.getBody().getArguments(), e.operands))
    evaluator.bindMemory(argument, pointer);
  llvm::SmallDenseSet<Value> products{dot};
  for (auto rename : kernel.getBody().front().getOps<RenameOp>())
    if (products.contains(rename.getOperand())) {
      products.insert(rename);
      renames.push_back(rename);
    }
}

OperandRange Epilogue::results() const {
  return step::KernelOp(kernel).getBody().front().getTerminator()->getOperands();
}

bool Epilogue::isPlain() const {
  return results().size() == 1 && results()[0] == dot->getResult(0) && typeOf(results()[0]).getElement().isF32();
}

bool Epilogue::isRounding() const {
  return results().size() == 1 && results()[0] == dot->getResult(0) && !typeOf(results()[0]).getElement().isF32();
}

double Epilogue::operations() const {
  double count = 0;
  for (Operation &op : step::KernelOp(kernel).getBody().front())
    if (op.hasTrait<Elementwise>() && typeOf(op.getResult(0)).isFloat())
      count += double(typeOf(op.getResult(0)).getNumElements());
  return count;
}

/// The point of a row: all axes but those of the columns.
Point Epilogue::rowPoint(const ProductBlock &block, Value row) {
  Point point = pointOf(e, row, shape.rowAxes);
  auto add = [&](Value number, ArrayRef<Axis> axes) {
    for (auto &[name, index] : pointOf(e, number, axes))
      point[name] = index;
  };
  add(block.batch, shape.batchAxes);
  add(block.columnRun, shape.columnRunAxes);
  for (const Axis &axis : typeOf(dot->getResult(0)).getAxes())
    if (axis.length == 1)
      point[axis.name] = Index::at(e.i64(0));
  return point;
}

/// The vector of columns from `column` on, a multiple of the lanes, under every name that its axes have.
Point Epilogue::columnPoint(const Point &row, Value column) {
  Point point = row;
  addColumns(point, column);
  for (RenameOp rename : renames)
    point[rename.getToAttr()] = Index(point[rename.getFromAttr()]);
  return point;
}

void Epilogue::addColumns(Point &point, Value column) {
  ArrayRef<Axis> axes = shape.columnAxes;
  if (axes.empty())
    return;
  if (axes.size() == 1 || axes.back().length % e.lanes == 0) {
    for (auto &[name, index] : pointOf(e, column, axes))
      point[name] = index;
    Value base = point[axes.back().name].value;
    point[axes.back().name] = Index::lanesFrom(base, e.lanes);
    return;
  }
  // Vectors cross from one stretch of the last axis to the next: every lane has an index of its own.
  Value numbers = numbersOf(e, Index::lanesFrom(column), /*narrow=*/true);
  for (const Axis &axis : llvm::reverse(axes)) {
    Value length = e.constantInt(numbers.getType(), axis.length);
    point[axis.name] = Index::lanesAt(arith::RemUIOp::create(e, numbers, length));
    numbers = arith::DivUIOp::create(e, numbers, length);
  }
}

/// A product of 16 bits is rounded once, before anything is computed from it.
Value Epilogue::roundedProduct(Value product) {
  Type element = typeOf(dot->getResult(0)).getElement();
  if (element.isF32())
    return product;
  return e.toFormat(e.toFormat(product, element), e.getF32Type());
}

void Epilogue::emitVectors(const Point &row, ArrayRef<Value> products, ArrayRef<Value> columns, Value mask) {
  Evaluator::Scope scope(evaluator);
  std::vector<std::pair<Point, SmallVector<Value>>> computed;
  for (auto [product, column] : llvm::zip(products, columns)) {
    Point point = columnPoint(row, column);
    evaluator.define(dot, point, roundedProduct(product));
    SmallVector<Value> values;
    for (Value result : results())
      values.push_back(evaluator.evaluate(result, point, mask));
    computed.emplace_back(point, values);
  }
  for (auto &[point, values] : computed)
    for (auto [i, value] : llvm::enumerate(values))
      evaluator.store(value, typeOf(results()[i]), e.results[i], point, mask);
}

/// Whether a result can lie over this operand and no other, and so usually does: both are the same lines then.
bool Epilogue::isUnderResult(unsigned operand) const {
  ArrayRef<int64_t> pairs = step::KernelOp(kernel).getInplace();
  llvm::SmallDenseMap<int64_t, SmallVector<int64_t>> operandsOf;
  for (size_t i = 0; i < pairs.size(); i += 2)
    operandsOf[pairs[i]].push_back(pairs[i + 1]);
  return llvm::any_of(operandsOf, [&](const auto &of) { return ArrayRef(of.second) == ArrayRef<int64_t>(operand); });
}

/// Starts to fetch what these columns of a row read and write besides the product.
void Epilogue::fetch(const Point &row, Value firstColumn, int64_t columns) {
  auto fetchOf = [&](NamedTensorType type, Value pointer, bool toWrite) {
    bool isOfRow =
        llvm::all_of(shape.rowAxes, [&](const Axis &axis) { return llvm::is_contained(type.getAxes(), axis); });
    if (!isOfRow || !type.isFloat())
      return;
    int64_t ofLine = kLineBytes / int64_t(type.getElement().getIntOrFloatBitWidth() / 8);
    for (int64_t column = 0; column < columns; column += ofLine)
      evaluator.fetch(type, pointer, columnPoint(row, e.add(firstColumn, column)), toWrite);
  };
  for (auto [argument, pointer] : llvm::zip(step::KernelOp(kernel).getBody().getArguments(), e.operands))
    if (argument != dot.getLhs() && argument != dot.getRhs() && !isUnderResult(argument.getArgNumber()))
      fetchOf(typeOf(argument), pointer, /*toWrite=*/false);
  for (auto [result, pointer] : llvm::zip(results(), e.results))
    fetchOf(typeOf(result), pointer, /*toWrite=*/true);
}

void Epilogue::emitRow(const ProductBlock &block, Value row) {
  Evaluator::Scope scope(evaluator);
  Point point = rowPoint(block, e.add(block.firstRow, row));
  Value from = e.address(block.base, e.getF32Type(), e.mul(row, block.rowStride));
  if (shape.columnAxes.empty())
    return emitVectors(point, e.load(e.getF32Type(), from, e.i64(0)), e.i64(0), {});
  Point ahead;
  if (e.isX86())
    ahead = rowPoint(block, e.add(block.firstRow, e.add(row, kRowsAhead)));
  auto vectors = [&](Value first, int64_t count, Value mask) {
    if (e.isX86())
      fetch(ahead, e.add(block.firstColumn, first), count * e.lanes);
    SmallVector<Value> products, columns;
    for (int64_t i = 0; i < count; ++i) {
      Value column = e.add(first, i * e.lanes);
      products.push_back(e.loadVector(e.getF32Type(), from, column));
      columns.push_back(e.add(block.firstColumn, column));
    }
    emitVectors(point, products, columns, mask);
  };
  int64_t group = kGroup * e.lanes, tail = shape.columns() % e.lanes;
  Value grouped = e.mul(e.div(block.columns, group), group), whole = e.mul(e.div(block.columns, e.lanes), e.lanes);
  e.loop(e.i64(0), grouped, group, [&](Value column) { vectors(column, kGroup, {}); });
  e.loop(grouped, whole, e.lanes, [&](Value column) { vectors(column, 1, {}); });
  if (!tail)
    return;
  Value isCut = e.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne, whole, block.columns);
  e.ifThen(isCut, [&] { vectors(whole, 1, e.firstLanes(tail)); });
}

void Epilogue::emit(const ProductBlock &block) {
  e.loop(e.i64(0), block.rows, 1, [&](Value row) { emitRow(block, row); });
}
