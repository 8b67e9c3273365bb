// One op for each node of the typed model.
#include "compiler/import/ImportValues.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::import;
using typed::Kind;

NamedTensorType ValueImporter::type(const typed::Type &type) const {
  SmallVector<Axis> axes;
  for (const typed::Axis &axis : type.axes)
    axes.push_back({builder.getStringAttr(axis.name), axis.length});
  Type element = type.element == typed::Element::Float  ? Type(builder.getF32Type())
                 : type.element == typed::Element::Bool ? Type(builder.getI1Type())
                                                        : Type(builder.getI64Type());
  return NamedTensorType::get(builder.getContext(), axes, element);
}

Location ValueImporter::location(SourceRange range) const {
  LineColumn place = sources.lineColumn(range.file, range.begin);
  return FileLineColLoc::get(builder.getContext(), sources.name(range.file), place.line, place.column);
}

SmallVector<Value> ValueImporter::operands(const typed::Value &value, unsigned first) const {
  SmallVector<Value> result;
  for (const typed::Value *operand : llvm::ArrayRef(value.operands).drop_front(first))
    result.push_back(values.lookup(operand));
  return result;
}

ArrayAttr ValueImporter::names(ArrayRef<std::string> list) const {
  SmallVector<StringRef> refs(list.begin(), list.end());
  return builder.getStrArrayAttr(refs);
}

ArrayAttr ValueImporter::names(ArrayRef<typed::Axis> list) const {
  SmallVector<StringRef> refs;
  for (const typed::Axis &axis : list)
    refs.push_back(axis.name);
  return builder.getStrArrayAttr(refs);
}

void ValueImporter::importRegion(const typed::Region &region) {
  for (const typed::Value *value : region.values) {
    if (value->kind == Kind::Repeat)
      importRepeat(*value);
    else if (value->kind == Kind::RepeatResult)
      values[value] = repeats.lookup(value->operands[0]).getResults()[value->integer];
    else if (value->kind != Kind::Carried && value->kind != Kind::Round)
      values[value] = importValue(*value);
  }
}

void ValueImporter::importRepeat(const typed::Value &value) {
  const typed::RepeatLoop &loop = *value.repeat;
  Location loc = location(value.range);
  SmallVector<Value> inits;
  SmallVector<Type> types;
  for (const auto &carried : loop.carried) {
    inits.push_back(values.lookup(carried.initial));
    types.push_back(type(carried.argument->type));
  }
  auto repeat = RepeatOp::create(builder, loc, types, TypeRange(), TypeRange(), loop.axis, loop.count, false, inits,
                                 ValueRange());
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&repeat.getBody());
  values[loop.round] = body->addArgument(NamedTensorType::get(builder.getContext(), {}, builder.getI64Type()), loc);
  for (auto [carried, type] : llvm::zip(loop.carried, types))
    values[carried.argument] = body->addArgument(type, loc);
  importRegion(loop.body);
  SmallVector<Value> nexts;
  for (const auto &carried : loop.carried)
    nexts.push_back(values.lookup(carried.next));
  YieldOp::create(builder, loc, nexts);
  // A carried value keeps its type; the order of axes means nothing yet.
  for (auto [next, type] : llvm::zip(nexts, types))
    if (next.getType() != type && next.getDefiningOp() && next.getDefiningOp()->getBlock() == body)
      next.setType(type);
  repeats[&value] = repeat;
}

/// A scalar that the run provides.
Value ValueImporter::runScalar(Location loc, StringRef name) {
  auto scalar = NamedTensorType::get(builder.getContext(), {}, builder.getI64Type());
  return InputOp::create(builder, loc, scalar, name, IntegerAttr());
}

/// 64-bit FNV-1a (Fowler, Noll, Vo): what a random site or a weight's path is known by.
static int64_t hashPath(StringRef path) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char byte : path)
    hash = (hash ^ byte) * 0x100000001b3;
  return static_cast<int64_t>(hash);
}

Value ValueImporter::importValue(const typed::Value &value) {
  Location loc = location(value.range);
  NamedTensorType result = type(value.type);
  if (value.kind <= Kind::Random)
    return importLeaf(value, loc, result);
  if (value.kind <= Kind::Where)
    return importElementwise(value, loc, result);
  return importAxes(value, loc, result);
}

Value ValueImporter::importLeaf(const typed::Value &value, Location loc, NamedTensorType type) {
  switch (value.kind) {
  case Kind::Input: {
    IntegerAttr below;
    for (const typed::Input &input : model.inputs)
      if (input.name == value.name && input.below)
        below = builder.getI64IntegerAttr(*input.below);
    return InputOp::create(builder, loc, type, value.name, below);
  }
  case Kind::ReadVariable: return ReadOp::create(builder, loc, type, value.name, operands(value));
  case Kind::Constant:
    if (type.isFloat())
      return ConstantOp::create(builder, loc, value.number);
    if (type.isBool())
      return ConstantOp::create(builder, loc, value.integer != 0);
    return ConstantOp::create(builder, loc, value.integer);
  case Kind::AxisIndex: return IndexOp::create(builder, loc, type);
  default:
    return RandomOp::create(builder, loc, type, hashPath(value.name), globalBatch, runScalar(loc, "$seed"),
                            runScalar(loc, "$step"), runScalar(loc, "$batch_offset"), operands(value));
  }
}

Value ValueImporter::importElementwise(const typed::Value &value, Location loc, NamedTensorType type) {
  auto unary = [&]<typename Op>() -> Value { return Op::create(builder, loc, type, operand(value, 0)); };
  auto binary = [&]<typename Op>() -> Value {
    return Op::create(builder, loc, type, operand(value, 0), operand(value, 1));
  };
  auto compare = [&](ComparePredicate predicate) -> Value {
    return CompareOp::create(builder, loc, type, predicate, operand(value, 0), operand(value, 1));
  };
  switch (value.kind) {
  case Kind::Neg: return unary.operator()<NegOp>();
  case Kind::Abs: return unary.operator()<AbsOp>();
  case Kind::Exp: return unary.operator()<ExpOp>();
  case Kind::Log: return unary.operator()<LogOp>();
  case Kind::Sqrt: return unary.operator()<SqrtOp>();
  case Kind::Rsqrt: {
    Value root = unary.operator()<SqrtOp>();
    return DivOp::create(builder, loc, type, ConstantOp::create(builder, loc, 1.0), root);
  }
  case Kind::Tanh: return unary.operator()<TanhOp>();
  case Kind::Erf: return unary.operator()<ErfOp>();
  case Kind::Sin: return unary.operator()<SinOp>();
  case Kind::Cos: return unary.operator()<CosOp>();
  case Kind::Not: return unary.operator()<NotOp>();
  case Kind::ToFloat: return unary.operator()<ToFloatOp>();
  case Kind::ToInt: return unary.operator()<ToIntOp>();
  case Kind::Fp32: return unary.operator()<Fp32Op>();
  case Kind::Add: return binary.operator()<AddOp>();
  case Kind::Sub: return binary.operator()<SubOp>();
  case Kind::Mul: return binary.operator()<MulOp>();
  case Kind::Div: return binary.operator()<DivOp>();
  case Kind::Pow: return binary.operator()<PowOp>();
  case Kind::FloorDiv: return binary.operator()<FloorDivOp>();
  case Kind::Mod: return binary.operator()<ModOp>();
  case Kind::Max: return binary.operator()<MaxOp>();
  case Kind::Min: return binary.operator()<MinOp>();
  case Kind::And: return binary.operator()<AndOp>();
  case Kind::Or: return binary.operator()<OrOp>();
  case Kind::Eq: return compare(ComparePredicate::eq);
  case Kind::Ne: return compare(ComparePredicate::ne);
  case Kind::Lt: return compare(ComparePredicate::lt);
  case Kind::Le: return compare(ComparePredicate::le);
  case Kind::Gt: return compare(ComparePredicate::gt);
  case Kind::Ge: return compare(ComparePredicate::ge);
  default: return SelectOp::create(builder, loc, type, operand(value, 0), operand(value, 1), operand(value, 2));
  }
}

Value ValueImporter::importAxes(const typed::Value &value, Location loc, NamedTensorType type) {
  auto reduce = [&](ReductionKind kind) -> Value {
    return ReduceOp::create(builder, loc, type, kind, operand(value, 0), names(value.axes));
  };
  Value first = operand(value, 0);
  switch (value.kind) {
  case Kind::Dot: return DotOp::create(builder, loc, type, first, operand(value, 1), names(value.axes));
  case Kind::Sum: return reduce(ReductionKind::sum);
  case Kind::MaxOver: return reduce(ReductionKind::max);
  case Kind::MinOver: return reduce(ReductionKind::min);
  case Kind::CumSum: return CumSumOp::create(builder, loc, first.getType(), first, value.axes[0], false);
  case Kind::Lookup: {
    FloatAttr otherwise = value.otherwise ? builder.getF64FloatAttr(*value.otherwise) : FloatAttr();
    return LookupOp::create(builder, loc, type, first, names(value.axes), operands(value, 1), otherwise);
  }
  case Kind::Scatter:
    return ScatterOp::create(builder, loc, type, first, names(value.axes), names(value.targets), operands(value, 1),
                             value.drop);
  case Kind::Top: return TopOp::create(builder, loc, type, first, value.axes[0], value.targets[0].name);
  case Kind::Rename: return RenameOp::create(builder, loc, type, first, value.axes[0], value.targets[0].name);
  case Kind::Slice:
    return SliceOp::create(builder, loc, type, first, value.axes[0], value.integer, value.targets[0].name);
  case Kind::Split: return SplitOp::create(builder, loc, type, first, value.axes[0], names(value.targets));
  case Kind::Join: return JoinOp::create(builder, loc, type, first, names(value.axes), value.targets[0].name);
  case Kind::Concat:
    return ConcatOp::create(builder, loc, type, operands(value), names(value.axes), value.targets[0].name);
  default: llvm_unreachable("every kind of the typed model is imported");
  }
}
