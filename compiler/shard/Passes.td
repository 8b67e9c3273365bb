// The passes of the shard stage.
#ifndef KINU_SHARD_PASSES_TD
#define KINU_SHARD_PASSES_TD

include "mlir/Pass/PassBase.td"

def PartitionPrograms : Pass<"kinu-partition", "::mlir::ModuleOp"> {
  let summary = "rewrites every program for one rank of the mesh";
  let description = [{
    Requires a `tofu.mesh` and the attribute `kinu.layout`; without a mesh nothing changes. Afterwards types are those of
    a rank's parts, everything that ranks send is a `tofu` op, the rank's place comes in by inputs `$rank.AXIS`, and
    variables say in `kinu.whole` and `kinu.split` which part of what they are. Stands before `fuse`, because which ops
    meet in one kernel depends on where collectives are.

    ```mlir
    // x[batch, embed] @{embed} up[embed, ffn], ffn on tensor; then @{ffn} down[ffn, embed]
    %h = kinu.dot %x, %up over ["embed"] : ... -> !kinu.tensor<batch=4, ffn=32 : f32>
    %y = kinu.dot %h, %down over ["ffn"] : ... -> !kinu.tensor<batch=4, embed=16 : f32>
    // becomes, for 2 ranks
    %h = kinu.dot %x, %up over ["embed"] : ... -> !kinu.tensor<batch=4, ffn=16 : f32>
    %p = kinu.dot %h, %down over ["ffn"] : ... -> !kinu.tensor<batch=4, embed=16 : f32>
    %y = tofu.all_reduce sum %p on ["tensor"] : !kinu.tensor<batch=4, embed=16 : f32>
    ```
  }];
  let dependentDialects = ["::kinu::KinuDialect", "::kinu::tofu::TofuDialect"];
}

#endif
