// Syntax and rules of the repeat op.
#include "dialects/kinu/Kinu.h"

using namespace mlir;
using namespace kinu;

void YieldOp::build(OpBuilder &, OperationState &) {} // yields nothing

NamedTensorType RepeatOp::getStackedType(NamedTensorType slice) {
  SmallVector<Axis> axes{{getAxisAttr(), static_cast<int64_t>(getCount())}};
  llvm::append_range(axes, slice.getAxes());
  return slice.withAxes(axes);
}

YieldOp RepeatOp::getYield() { return cast<YieldOp>(getBody().front().getTerminator()); }

/// The type of a round's slice: the stacked type without the repeat's axis.
static NamedTensorType sliceType(NamedTensorType stacked, StringAttr axis) {
  return stacked.without(ArrayAttr::get(axis.getContext(), {axis}));
}

LogicalResult RepeatOp::verify() {
  Block &block = getBody().front();
  if (getCount() < 1)
    return emitOpError("requires at least one round");
  if (block.getNumArguments() != 1 + getCarried().size() + getStacked().size())
    return emitOpError("requires an argument for the round, each carried value and each stacked one");
  YieldOp yield = getYield();
  if (yield.getNumOperands() != getNumResults() || getResults().size() != getCarried().size())
    return emitOpError("requires a yielded value for each result, the carried ones first");
  for (auto [argument, init, next] : llvm::zip(getCarriedArguments(), getCarried(), yield.getValues()))
    if (argument.getType() != init.getType() || next.getType() != init.getType())
      return emitOpError("requires a carried value to keep its type, but it is ")
             << init.getType() << " and then " << next.getType();
  for (auto [argument, stacked] : llvm::zip(getStackedArguments(), getStacked()))
    if (!typeOf(stacked).has(getAxis()) || argument.getType() != sliceType(typeOf(stacked), getAxisAttr()))
      return emitOpError("requires a slice of ") << stacked.getType() << ", but it is " << argument.getType();
  unsigned first = getResults().size() + getSums().size();
  for (auto [i, saved] : llvm::enumerate(getSaved()))
    if (!typeOf(saved).has(getAxis()) ||
        yield.getOperand(first + i).getType() != sliceType(typeOf(saved), getAxisAttr()))
      return emitOpError("requires a saved value to be stacked under `") << getAxis() << "`";
  return success();
}

// kinu.repeat "layer" 12 reverse carried(%a : t) stacked(%b : t) -> carried(t) sums(t) saved(t) { ... }
static void printTyped(OpAsmPrinter &printer, StringRef keyword, OperandRange values) {
  printer << ' ' << keyword << '(';
  llvm::interleaveComma(values, printer, [&](Value value) { printer << value << " : " << value.getType(); });
  printer << ')';
}

void RepeatOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printAttribute(getAxisAttr());
  printer << ' ' << getCount();
  if (getReverse())
    printer << " reverse";
  printTyped(printer, "carried", getCarried());
  printTyped(printer, "stacked", getStacked());
  printer << " -> carried(" << getResults().getTypes() << ") sums(" << getSums().getTypes() << ") saved("
          << getSaved().getTypes() << ") ";
  printer.printRegion(getBody());
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {"axis", "count", "reverse", "operandSegmentSizes", "resultSegmentSizes"});
}

static ParseResult parseTyped(OpAsmParser &parser, StringRef keyword, OperationState &state, int32_t &count) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> types;
  auto one = [&]() -> ParseResult {
    return failure(parser.parseOperand(operands.emplace_back()) || parser.parseColonType(types.emplace_back()));
  };
  if (parser.parseKeyword(keyword) || parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, one))
    return failure();
  count = operands.size();
  return parser.resolveOperands(operands, types, parser.getNameLoc(), state.operands);
}

static ParseResult parseTypes(OpAsmParser &parser, StringRef keyword, OperationState &state, int32_t &count) {
  SmallVector<Type> types;
  auto one = [&]() -> ParseResult { return parser.parseType(types.emplace_back()); };
  if (parser.parseKeyword(keyword) || parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, one))
    return failure();
  count = types.size();
  state.addTypes(types);
  return success();
}

ParseResult RepeatOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  StringAttr axis;
  int64_t count;
  std::array<int32_t, 2> operands;
  std::array<int32_t, 3> results;
  if (parser.parseAttribute(axis) || parser.parseInteger(count))
    return failure();
  state.addAttribute("axis", axis);
  state.addAttribute("count", builder.getI64IntegerAttr(count));
  if (succeeded(parser.parseOptionalKeyword("reverse")))
    state.addAttribute("reverse", builder.getUnitAttr());
  if (parseTyped(parser, "carried", state, operands[0]) || parseTyped(parser, "stacked", state, operands[1]) ||
      parser.parseArrow() || parseTypes(parser, "carried", state, results[0]) ||
      parseTypes(parser, "sums", state, results[1]) || parseTypes(parser, "saved", state, results[2]) ||
      parser.parseRegion(*state.addRegion()) || parser.parseOptionalAttrDict(state.attributes))
    return failure();
  ensureTerminator(*state.regions[0], builder, parser.getEncodedSourceLoc(parser.getNameLoc()));
  state.getOrAddProperties<Properties>().operandSegmentSizes = operands;
  state.getOrAddProperties<Properties>().resultSegmentSizes = results;
  return success();
}
