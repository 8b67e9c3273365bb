// The passes of the shard stage.
#ifndef KINU_SHARD_PASSES_TD
#define KINU_SHARD_PASSES_TD

include "mlir/Pass/PassBase.td"

def CutStage : Pass<"kinu-cut-stage", "::mlir::ModuleOp"> {
  let summary = "keeps one stage of a pipeline";
  let description = [{
    Requires the attribute `kinu.pipeline`: the repeat whose rounds are shared out, the mesh axis of the stages, the
    first round of each, and the schedule; without it nothing changes. Run once on a copy of the module for each
    stage. Afterwards there are a program `forward` and a program `backward` for one micro-batch instead of `micro`;
    `eval` and `generate` run through the stages; variables are the stage's own, and what `kinu.elsewhere` lists is
    other stages'. What goes to a neighbour is read from a variable of role `message`, what a forward pass keeps for
    the backward pass lies in variables of role `stash`; `kinu.schedule` is the order of the passes in a step and
    `kinu.stores` how many sets of these variables there are. Stands before `kinu-partition`: a stage is a graph of
    whole tensors, and what stages send one another is shared out as any other value.

    ```mlir
    // the second of two stages, of a model of 4 layers
    %h = kinu.repeat "layer" 4 carried(%embedded) ... { ^bb0(%layer, %x): %w = kinu.read @layer.up[%layer] ... }
    // becomes
    %received = tofu.receive from 0 on "pipe" tag 0
    %h = kinu.repeat "layer" 2 carried(%received) ... { ^bb0(%local, %x): %w = kinu.read @layer.up[%local] ... }
    ```
  }];
  let options = [Option<"stage", "stage", "int64_t", /*default=*/"0", "which stage is kept">];
  let dependentDialects = ["::kinu::KinuDialect", "::kinu::tofu::TofuDialect"];
}

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
