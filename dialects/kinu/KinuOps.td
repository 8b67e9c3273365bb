// The ops of the kinu dialect. Their descriptions are the reference manual.
#ifndef KINU_OPS_TD
#define KINU_OPS_TD

include "KinuInterfaces.td"
include "KinuTypes.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Kinu_Op<string mnemonic, list<Trait> traits = []> : Op<Kinu_Dialect, mnemonic, traits>;

include "KinuProgramOps.td"
include "KinuElementwiseOps.td"
include "KinuAxisOps.td"
include "KinuCompositeOps.td"

#endif
