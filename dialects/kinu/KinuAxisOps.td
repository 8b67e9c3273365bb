// Ops that remove, add or rename axes.

include "KinuReduction.td"

def DotOp : Kinu_Op<"dot", [Pure]> {
  let summary = "multiplies and sums over the axes named";
  let description = [{
    `result = sum over `over` of lhs * rhs`. Each axis in `over` is in both operands; other shared axes are carried and
    one-sided ones kept. The sum is in fp32 and is rounded once, if the result has 16 bits. Only with `promote`, which
    needs f16 operands, is it in fp16 for so many terms at a time, whose sums are added in fp32.
  }];
  let arguments = (ins Kinu_Float:$lhs, Kinu_Float:$rhs, StrArrayAttr:$over, OptionalAttr<I64Attr>:$promote);
  let results = (outs Kinu_Float:$result);
  let assemblyFormat = "$lhs `,` $rhs `over` $over (`promote` $promote^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$lhs, "::mlir::Value":$rhs, "::mlir::ArrayAttr":$over), [{
    build($_builder, $_state, joinTypes({lhs, rhs}).without(over), lhs, rhs, over); }]>,
    OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$lhs, "::mlir::Value":$rhs, "::mlir::ArrayAttr":$over), [{
    build($_builder, $_state, result, lhs, rhs, over, ::mlir::IntegerAttr()); }]>];
}
def ReduceOp : Kinu_Op<"reduce", [Pure]> {
  let summary = "the sum, maximum or minimum over axes";
  let description = [{ A maximum's gradient goes to the first element, in memory order of the named axes, that attains it. }];
  let arguments = (ins ReductionKind:$kind, Kinu_Any:$operand, StrArrayAttr:$over);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$kind $operand `over` $over attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let builders = [OpBuilder<(ins "ReductionKind":$kind, "::mlir::Value":$operand, "::mlir::ArrayAttr":$over), [{
    build($_builder, $_state, ::llvm::cast<NamedTensorType>(operand.getType()).without(over), kind, operand, over); }]>];
}
def BroadcastOp : Kinu_Op<"broadcast", [Pure]> {
  let summary = "the same value along more axes";
  let arguments = (ins Kinu_Any:$operand);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}
def CumSumOp : Kinu_Op<"cumsum", [Pure, AllTypesMatch<["operand", "result"]>]> {
  let summary = "running sum along an axis, the element itself included";
  let description = [{ From the end to the start if `reverse` (the derivative of the other). }];
  let arguments = (ins Kinu_Any:$operand, StrAttr:$over, UnitAttr:$reverse);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$operand `over` $over (`reverse` $reverse^)? attr-dict `:` type($operand)";
  let hasVerifier = 1;
}
def LookupOp : Kinu_Op<"lookup", [Pure]> {
  let summary = "elements at given indices along axes";
  let description = [{
    Each axis in `axes` of `source` is replaced by the axes of its index; other shared axes align. Without `otherwise`
    every index is known to be in range; with it, the result is that number where any index is not.

    ```mlir
    %0 = kinu.lookup %wte["token" = %ids] : ...
    ```
  }];
  let arguments = (ins Kinu_Any:$source, StrArrayAttr:$axes, Variadic<Kinu_Int>:$indices, OptionalAttr<F64Attr>:$otherwise);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$source $axes `at` $indices (`else` $otherwise^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def ScatterOp : Kinu_Op<"scatter", [Pure]> {
  let summary = "sums elements into the places that indices name: lookup's transpose";
  let description = [{
    `result[axes = indices, rest] += operand` summed over exactly `over`, axes of the operand that the result does not
    have; `axes` are new to it. With `drop` what lies outside is left out; else it is known not to happen.
  }];
  let arguments = (ins Kinu_Any:$operand, StrArrayAttr:$over, StrArrayAttr:$axes, Variadic<Kinu_Int>:$indices, UnitAttr:$drop);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$operand `over` $over `to` $axes `at` $indices (`drop` $drop^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def TopOp : Kinu_Op<"top", [Pure]> {
  let summary = "the indices of the largest elements along an axis, largest first";
  let description = [{ `over` is replaced by `as`, whose length says how many. Of equal elements the lower index comes first. }];
  let arguments = (ins Kinu_Float:$operand, StrAttr:$over, StrAttr:$as);
  let results = (outs Kinu_Int:$result);
  let assemblyFormat = "$operand `over` $over `as` $as attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def RenameOp : Kinu_Op<"rename", [Pure]> {
  let summary = "the same tensor with one axis called otherwise";
  let arguments = (ins Kinu_Any:$operand, StrAttr:$from, StrAttr:$to);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$operand $from `to` $to attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$operand, "::llvm::StringRef":$from, "::llvm::StringRef":$to)>];
}
def SliceOp : Kinu_Op<"slice", [Pure]> {
  let summary = "part of an axis, under another name";
  let description = [{ Elements `offset` to `offset` + the length of `as` of axis `axis`. }];
  let arguments = (ins Kinu_Any:$operand, StrAttr:$axis, I64Attr:$offset, StrAttr:$as);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$operand $axis `from` $offset `as` $as attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def PadOp : Kinu_Op<"pad", [Pure]> {
  let summary = "places a tensor inside a longer axis of zeros: slice's transpose";
  let arguments = (ins Kinu_Any:$operand, StrAttr:$axis, I64Attr:$offset, StrAttr:$as);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$operand $axis `at` $offset `as` $as attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def SplitOp : Kinu_Op<"split", [Pure]> {
  let summary = "an axis as the product of several, the last varying fastest";
  let arguments = (ins Kinu_Any:$operand, StrAttr:$axis, StrArrayAttr:$factors);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$operand $axis `into` $factors attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def JoinOp : Kinu_Op<"join", [Pure]> {
  let summary = "several axes as one, the last varying fastest: split's inverse";
  let arguments = (ins Kinu_Any:$operand, StrArrayAttr:$factors, StrAttr:$axis);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$operand $factors `into` $axis attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def ConcatOp : Kinu_Op<"concat", [Pure]> {
  let summary = "tensors one after another along axes, as one axis";
  let description = [{ Operand i lies along its axis `axes[i]`; the result along `as`, whose length is the sum. Other axes join by name. }];
  let arguments = (ins Variadic<Kinu_Any>:$operands, StrArrayAttr:$axes, StrAttr:$as);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$operands `along` $axes `as` $as attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
