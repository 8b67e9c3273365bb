// The step dialect: kernels over few tensors, and the launches that a step consists of.
#ifndef STEP_OPS_TD
#define STEP_OPS_TD

include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/kinu/KinuTypes.td"

def Step_Dialect : Dialect {
  let name = "step";
  let cppNamespace = "::kinu::step";
  let summary = "A step as launches of kernels over one arena.";
  let description = [{
    From `fuse` on the order of a tensor type's axes is the order in memory: row-major, dense, the last axis contiguous.
    After `schedule` a program is a straight list of launches; after `allocate` every launch knows the arena offsets
    of its operands and results.
  }];
  let dependentDialects = ["::kinu::KinuDialect"];
}

class Step_Op<string mnemonic, list<Trait> traits = []> : Op<Step_Dialect, mnemonic, traits>;

def KernelKind : I32EnumAttr<"KernelKind", "how `vectorize` lowers a kernel", [
  I32EnumAttrCase<"loops", 0>, I32EnumAttrCase<"contraction", 1>, I32EnumAttrCase<"attention", 2>,
  I32EnumAttrCase<"attention_backward", 3>, I32EnumAttrCase<"scatter", 4>, I32EnumAttrCase<"cumsum", 5>,
  I32EnumAttrCase<"top", 6>]> {
  let cppNamespace = "::kinu::step";
}

def KernelOp : Step_Op<"kernel", [Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "one computation over few tensors";
  let description = [{
    The region's arguments are the operands, `kinu.yield` gives the results; both in memory order.

    * `loops`: elementwise ops, changes of axes, lookups and reductions. `rows` names the axes that are independent: a
      result has all of them and either nothing else or every inner axis too; every reduction leaves nothing but rows.
      So a norm or a softmax is one kernel whose rows stay in cache from one pass to the next.
    * `contraction`: one `kinu.dot`, perhaps of casts of operands, and elementwise ops that have its result's axes: an
      epilogue, done while the product is in cache.  `attention`, `attention_backward`, `scatter`, `cumsum`, `top`: the op of that name.

    `inplace` lists pairs (result, operand) that may share memory: the kernel reads the operand at a point before it
    writes the result there, and nowhere else later.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, KernelKind:$kind, StrArrayAttr:$rows, DenseI64ArrayAttr:$inplace);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name $kind `rows` $rows `inplace` $inplace attr-dict-with-keyword $body";
  let extraClassDeclaration = [{
    /// Whether a result may be written over an operand: the pair is in `inplace`.
    bool mayReplace(int64_t result, int64_t operand);
  }];
  let hasVerifier = 1;
}

def LaunchOp : Step_Op<"launch", [MemoryEffects<[MemRead, MemWrite]>,
                                  DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a kernel";
  let description = [{ `offsets`, from `allocate` on: the byte in the arena of each operand, then of each result. }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<Kinu_Any>:$operands, StrAttr:$label,
                       OptionalAttr<DenseI64ArrayAttr>:$offsets);
  let results = (outs Variadic<Kinu_Any>:$results);
  let hasVerifier = 1;
  let assemblyFormat = "$kernel `(` $operands `)` $label (`at` $offsets^)? attr-dict `:` functional-type($operands, $results)";
}

def ViewOp : Step_Op<"view", [Pure]> {
  let summary = "the same bytes under other axes";
  let description = [{ A renaming, splitting or joining of axes that moves nothing in memory. }];
  let arguments = (ins Kinu_Any:$operand);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif
