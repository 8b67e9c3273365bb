// Registers the dialect and holds the small functions that its ops share.
#include "dialects/kinu/Kinu.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace kinu;

#include "dialects/kinu/KinuDialect.cpp.inc"
#include "dialects/kinu/KinuEnums.cpp.inc"
#include "dialects/kinu/KinuInterfaces.cpp.inc"

void KinuDialect::initialize() {
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "dialects/kinu/KinuOps.cpp.inc"
      >();
}

Operation *KinuDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  auto tensor = dyn_cast<NamedTensorType>(type);
  if (!tensor || !tensor.getAxes().empty())
    return nullptr;
  return ConstantOp::create(builder, loc, type, value);
}

NamedTensorType kinu::joinTypes(ValueRange values) {
  SmallVector<Axis> axes;
  for (Value value : values)
    for (const Axis &axis : typeOf(value).getAxes())
      if (llvm::none_of(axes, [&](const Axis &met) { return met.name == axis.name; }))
        axes.push_back(axis);
  return NamedTensorType::get(values[0].getContext(), axes, typeOf(values[0]).getElement());
}

ArrayAttr kinu::namesAttr(MLIRContext *context, ArrayRef<StringRef> names) {
  return Builder(context).getStrArrayAttr(names);
}

bool kinu::contains(ArrayAttr names, StringRef name) {
  return llvm::any_of(names.getAsValueRange<StringAttr>(), [&](StringRef other) { return other == name; });
}

// A role or initialiser reads better as a bare word than as a string.
static ParseResult parseWord(OpAsmParser &parser, StringAttr &word) {
  std::string text;
  if (parser.parseKeywordOrString(&text))
    return failure();
  word = parser.getBuilder().getStringAttr(text);
  return success();
}

static void printWord(OpAsmPrinter &printer, Operation *, StringAttr word) {
  printer.printKeywordOrString(word.getValue());
}

void ToFloatOp::build(OpBuilder &builder, OperationState &state, Value operand) {
  build(builder, state, typeOf(operand).withElement(builder.getF32Type()), operand);
}

void ToIntOp::build(OpBuilder &builder, OperationState &state, Value operand) {
  build(builder, state, typeOf(operand).withElement(builder.getI64Type()), operand);
}

void RenameOp::build(OpBuilder &builder, OperationState &state, Value operand, StringRef from, StringRef to) {
  SmallVector<Axis> axes(typeOf(operand).getAxes());
  for (Axis &axis : axes)
    if (axis.name == from)
      axis.name = builder.getStringAttr(to);
  build(builder, state, typeOf(operand).withAxes(axes), operand, from, to);
}

#define GET_OP_CLASSES
#include "dialects/kinu/KinuOps.cpp.inc"
