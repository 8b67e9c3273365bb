// Interfaces that ops of the kinu dialect implement, here or as external models in a stage's folder.
#ifndef KINU_INTERFACES_TD
#define KINU_INTERFACES_TD

include "mlir/IR/OpBase.td"

def DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::kinu";
  let description = [{
    An op with a derivative rule. The rules are external models in compiler/differentiate; an op without one
    passes no gradient only if its results are not floats.
  }];
  let methods = [InterfaceMethod<[{
      Emits, at the builder's insertion point, the gradients of the op's operands, given those of its results (null
      where a result has none), and hands each to `accumulate`. Gradients have the axes of the value they belong to.
    }],
    "::llvm::LogicalResult", "backward",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$resultGradients,
         "::llvm::function_ref<void(::mlir::Value, ::mlir::Value)>":$accumulate)>];
}

def CompositeOpInterface : OpInterface<"CompositeOpInterface"> {
  let cppNamespace = "::kinu";
  let description = [{
    An op that stands for several: `expand` emits its definition in plain ops. The interpreter and every lowering that
    has no kernel of its own for the op use it.
  }];
  let methods = [InterfaceMethod<"Emits the definition and returns a value for each result.",
    "::llvm::SmallVector<::mlir::Value>", "expand", (ins "::mlir::OpBuilder &":$builder)>];
}

#endif
