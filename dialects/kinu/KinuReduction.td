// How to reduce: of ops of this dialect and of collectives.
#ifndef KINU_REDUCTION_TD
#define KINU_REDUCTION_TD

include "mlir/IR/EnumAttr.td"

def ReductionKind : I32EnumAttr<"ReductionKind", "how to reduce", [
  I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"max", 1>, I32EnumAttrCase<"min", 2>]> {
  let cppNamespace = "::kinu";
}

#endif
