// Parsing, printing and queries of the tensor type.
#include "dialects/kinu/Kinu.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace kinu;

#define GET_TYPEDEF_CLASSES
#include "dialects/kinu/KinuTypes.cpp.inc"

void KinuDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/kinu/KinuTypes.cpp.inc"
      >();
}

int64_t NamedTensorType::getNumElements() const {
  int64_t count = 1;
  for (const Axis &axis : getAxes())
    count *= axis.length;
  return count;
}

int64_t NamedTensorType::find(StringRef name) const {
  for (auto [i, axis] : llvm::enumerate(getAxes()))
    if (axis.name == name)
      return i;
  return -1;
}

NamedTensorType NamedTensorType::without(ArrayAttr names) const {
  SmallVector<Axis> kept;
  for (const Axis &axis : getAxes())
    if (!contains(names, axis.name.getValue()))
      kept.push_back(axis);
  return withAxes(kept);
}

LogicalResult NamedTensorType::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<Axis> axes,
                                      Type element) {
  if (!element.isF32() && !element.isBF16() && !element.isF16() && !element.isInteger(64) && !element.isInteger(1))
    return emitError() << "requires elements of type f32, bf16, f16, i64 or i1, but it is " << element;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    if (axis.length < 1)
      return emitError() << "axis `" << axis.name.getValue() << "` has length " << axis.length
                         << ", but needs at least 1";
    for (const Axis &other : axes.take_front(i))
      if (other.name == axis.name)
        return emitError() << "axis `" << axis.name.getValue() << "` is named twice";
  }
  return success();
}

// `<` (name `=` length (`,` name `=` length)* `:`)? element `>`; unusual names are quoted.
Type NamedTensorType::parse(AsmParser &parser) {
  SmallVector<Axis> axes;
  Type element;
  if (parser.parseLess())
    return {};
  OptionalParseResult scalar = parser.parseOptionalType(element);
  if (scalar.has_value()) {
    if (failed(*scalar) || parser.parseGreater())
      return {};
    return NamedTensorType::get(parser.getContext(), axes, element);
  }
  do {
    std::string name;
    int64_t length;
    if (parser.parseKeywordOrString(&name) || parser.parseEqual() || parser.parseInteger(length))
      return {};
    axes.push_back({StringAttr::get(parser.getContext(), name), length});
  } while (succeeded(parser.parseOptionalComma()));
  if (parser.parseColon() || parser.parseType(element) || parser.parseGreater())
    return {};
  return parser.getChecked<NamedTensorType>(parser.getContext(), axes, element);
}

void NamedTensorType::print(AsmPrinter &printer) const {
  printer << '<';
  llvm::interleaveComma(getAxes(), printer, [&](const Axis &axis) {
    // A name such as `i64` would read back as a type.
    StringRef name = axis.name.getValue();
    bool looksLikeType = name.size() > 1 && StringRef("fisu").contains(name[0]) && llvm::isDigit(name[1]);
    if (looksLikeType || name == "index" || name == "none" || name == "tensor" || name == "vector" || name == "tuple" ||
        name == "complex" || name == "memref" || name == "bf16" || name == "token")
      printer.printString(name);
    else
      printer.printKeywordOrString(name);
    printer << '=' << axis.length;
  });
  if (!getAxes().empty())
    printer << " : ";
  printer << getElement() << '>';
}
