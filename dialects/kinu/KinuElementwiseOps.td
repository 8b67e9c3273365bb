// Elementwise ops: they join by name, so the axes of the result are the union of the operands' axes.

def Kinu_Elementwise : NativeOpTrait<"Elementwise"> { let cppNamespace = "::kinu"; }

def ConstantOp : Kinu_Op<"constant", [Pure, ConstantLike]> {
  let summary = "a number or truth value";
  let description = [{ Floats are kept in double and rounded where they are used. The result is a scalar. }];
  let arguments = (ins AnyAttr:$value);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "`(` $value `)` attr-dict `:` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
  let builders = [
    OpBuilder<(ins "double":$value), [{
      build($_builder, $_state, NamedTensorType::get($_builder.getContext(), {}, $_builder.getF32Type()),
            $_builder.getF64FloatAttr(value)); }]>,
    OpBuilder<(ins "int64_t":$value), [{
      build($_builder, $_state, NamedTensorType::get($_builder.getContext(), {}, $_builder.getI64Type()),
            $_builder.getI64IntegerAttr(value)); }]>,
    OpBuilder<(ins "bool":$value), [{
      build($_builder, $_state, NamedTensorType::get($_builder.getContext(), {}, $_builder.getI1Type()),
            $_builder.getBoolAttr(value)); }]>];
}

def IndexOp : Kinu_Op<"index", [Pure]> {
  let summary = "the index along an axis";
  let description = [{ An int in [0, length) for each element of its one axis. }];
  let arguments = (ins);
  let results = (outs Kinu_Int:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{ Axis getAxis() { return getType().getAxes()[0]; } }];
}

class Kinu_Unary<string mnemonic, string text, Type operand, Type result, list<Trait> traits = []>
    : Kinu_Op<mnemonic, !listconcat([Pure, Kinu_Elementwise], traits)> {
  let summary = text;
  let arguments = (ins operand:$operand);
  let results = (outs result:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let extraClassDefinition = "::llvm::LogicalResult $cppClass::verify() { return verifyElementwise(*this); }";
}
/// The result has the type of the operand.
class Kinu_Same<string mnemonic, string text, Type type = Kinu_Float>
    : Kinu_Unary<mnemonic, text, type, type, [AllTypesMatch<["operand", "result"]>]> {
  let assemblyFormat = "$operand attr-dict `:` type($result)";
  let hasFolder = 1;
}

def NegOp : Kinu_Same<"neg", "minus x", Kinu_Any>;
def AbsOp : Kinu_Same<"abs", "the magnitude of x", Kinu_Any>;
def ExpOp : Kinu_Same<"exp", "e to the x">;
def LogOp : Kinu_Same<"log", "the natural logarithm">;
def SqrtOp : Kinu_Same<"sqrt", "the square root">;
def TanhOp : Kinu_Same<"tanh", "the hyperbolic tangent">;
def ErfOp : Kinu_Same<"erf", "the error function">;
def SinOp : Kinu_Same<"sin", "the sine of x radians">;
def CosOp : Kinu_Same<"cos", "the cosine of x radians">;
def NotOp : Kinu_Same<"not", "true where x is false", Kinu_Bool>;
def Fp32Op : Kinu_Unary<"fp32", "x, in fp32 whatever the precision", Kinu_Float, Kinu_Float,
                        [AllTypesMatch<["operand", "result"]>]> {
  let assemblyFormat = "$operand attr-dict `:` type($result)";
}
def ToFloatOp : Kinu_Unary<"to_float", "an int, or a bool as 0 or 1, as a float", Kinu_Any, Kinu_Float> {
  let builders = [OpBuilder<(ins "::mlir::Value":$operand)>];
  let hasFolder = 1;
}
def ToIntOp : Kinu_Unary<"to_int", "a float rounded down, or a bool as 0 or 1, as an int", Kinu_Any, Kinu_Int> {
  let builders = [OpBuilder<(ins "::mlir::Value":$operand)>];
  let hasFolder = 1;
}

def CastOp : Kinu_Unary<"cast", "a float in another format, rounded to the nearest, ties to even", Kinu_Float, Kinu_Float> {
  let description = [{
    Between f32 and a 16-bit format, either way. All other elementwise arithmetic is on f32. Lifespan: from `precision` on.
  }];
  let hasFolder = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$operand, "::mlir::Type":$element), [{
    build($_builder, $_state, ::llvm::cast<NamedTensorType>(operand.getType()).withElement(element), operand); }]>];
}

class Kinu_Binary<string mnemonic, string text, Type operand, Type result>
    : Kinu_Op<mnemonic, [Pure, Kinu_Elementwise]> {
  let summary = text;
  let arguments = (ins operand:$lhs, operand:$rhs);
  let results = (outs result:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$lhs, "::mlir::Value":$rhs), [{
    build($_builder, $_state, joinTypes({lhs, rhs}), lhs, rhs); }]>];
  let extraClassDefinition = "::llvm::LogicalResult $cppClass::verify() { return verifyElementwise(*this); }";
}
def AddOp : Kinu_Binary<"add", "x + y, of floats or of ints", Kinu_Any, Kinu_Any>;
def SubOp : Kinu_Binary<"sub", "x - y, of floats or of ints", Kinu_Any, Kinu_Any>;
def MulOp : Kinu_Binary<"mul", "x y, of floats or of ints", Kinu_Any, Kinu_Any>;
def DivOp : Kinu_Binary<"div", "x / y of floats", Kinu_Float, Kinu_Float>;
def FloorDivOp : Kinu_Binary<"floordiv", "x / y of ints, rounded down", Kinu_Int, Kinu_Int>;
def ModOp : Kinu_Binary<"mod", "what floordiv leaves: it has the sign of y", Kinu_Int, Kinu_Int>;
def PowOp : Kinu_Binary<"pow", "x to the y", Kinu_Float, Kinu_Float>;
def MaxOp : Kinu_Binary<"max", "the greater, of floats or of ints", Kinu_Any, Kinu_Any>;
def MinOp : Kinu_Binary<"min", "the lesser, of floats or of ints", Kinu_Any, Kinu_Any>;
def AndOp : Kinu_Binary<"and", "true where both are", Kinu_Bool, Kinu_Bool>;
def OrOp : Kinu_Binary<"or", "true where one is", Kinu_Bool, Kinu_Bool>;
def ChainOp : Kinu_Binary<"chain", "a gradient times a derivative, 0 where the gradient is 0", Kinu_Float, Kinu_Float> {
  let description = [{
    `x == 0 ? 0 : x * y`: a gradient of exactly 0 stays 0 whatever the derivative is, infinity and NaN included.
    Lifespan: made by `differentiate`.
  }];
}

def ComparePredicate : I32EnumAttr<"ComparePredicate", "a comparison", [
  I32EnumAttrCase<"eq", 0>, I32EnumAttrCase<"ne", 1>, I32EnumAttrCase<"lt", 2>, I32EnumAttrCase<"le", 3>,
  I32EnumAttrCase<"gt", 4>, I32EnumAttrCase<"ge", 5>]> {
  let cppNamespace = "::kinu";
}
def CompareOp : Kinu_Op<"compare", [Pure, Kinu_Elementwise]> {
  let summary = "whether a comparison holds, of floats, ints, or (eq, ne) bools";
  let arguments = (ins ComparePredicate:$predicate, Kinu_Any:$lhs, Kinu_Any:$rhs);
  let results = (outs Kinu_Bool:$result);
  let assemblyFormat = "$predicate $lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "ComparePredicate":$predicate, "::mlir::Value":$lhs, "::mlir::Value":$rhs), [{
    build($_builder, $_state, joinTypes({lhs, rhs}).withElement($_builder.getI1Type()), predicate, lhs, rhs); }]>];
  let extraClassDefinition = "::llvm::LogicalResult $cppClass::verify() { return verifyElementwise(*this); }";
}
def SelectOp : Kinu_Op<"select", [Pure, Kinu_Elementwise]> {
  let summary = "one value where a condition holds, another where not";
  let description = [{ No gradient passes to the side not chosen. }];
  let arguments = (ins Kinu_Bool:$condition, Kinu_Any:$yes, Kinu_Any:$no);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$condition `,` $yes `,` $no attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$condition, "::mlir::Value":$yes, "::mlir::Value":$no), [{
    build($_builder, $_state,
          joinTypes({condition, yes, no}).withElement(::llvm::cast<NamedTensorType>(yes.getType()).getElement()),
          condition, yes, no); }]>];
  let extraClassDefinition = "::llvm::LogicalResult $cppClass::verify() { return verifyElementwise(*this); }";
}
def RandomOp : Kinu_Op<"random", [Pure]> {
  let summary = "one uniform number in [0, 1) for each element";
  let description = [{
    Philox4x32-10 keyed by the run's seed and `site` (a hash of the call path), counted by step, rounds and the element's
    index along each axis sorted by name, `batch` being the global batch: see runtime/Philox.h. So it is the same under
    every layout and for every number of micro-batches. Its operands are the scalars `$seed`, `$step` and
    `$batch_offset` and the rounds of enclosing repeats.
  }];
  let arguments = (ins I64Attr:$site, I64Attr:$global_batch, Kinu_Int:$seed, Kinu_Int:$step, Kinu_Int:$batch_offset,
                       Variadic<Kinu_Int>:$rounds);
  let results = (outs Kinu_Float:$result);
  let assemblyFormat = "$site `of` $global_batch `(` operands `)` attr-dict `:` functional-type(operands, results)";
}
