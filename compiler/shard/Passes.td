// The passes of the shard stage.
#ifndef KINU_SHARD_PASSES_TD
#define KINU_SHARD_PASSES_TD

include "mlir/Pass/PassBase.td"

def CutStage : Pass<"kinu-cut-stage", "::mlir::ModuleOp"> {
  let summary = "keeps one stage of a pipeline";
  let description = [{
    Requires the attribute `kinu.pipeline`, and of rounds that compute again what they would save, if they are not all,
    the numbers in `kinu.again`, and the program `micro.again` to cut them from. The former has the repeat whose rounds are shared out, the mesh axis of the stages, the
    first round of each or of each of their chunks, and the schedule; without it nothing changes. Run once on a copy of the module for each
    stage. Afterwards there are a program `forward` and a program `backward` for one micro-batch instead of `micro`;
    `eval` and `generate` run through the stages; variables are the stage's own, and what `kinu.elsewhere` lists is
    other stages'. What goes to a neighbour is read from a variable of role `message`, what a forward pass keeps for
    the backward pass lies in variables of role `stash`; `kinu.schedule` is the order of the passes in a step and
    `kinu.stores` how many sets of these variables there are. A stage of several chunks of layers has programs for each
    (`forward.1`, `backward.1`, ...), and its variables the slices of one chunk behind those of the other; ops in these
    programs say by `kinu.first_round` which slice round 0 has. Stands before `kinu-partition`: a stage is a graph of
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

def PadAxes : Pass<"kinu-pad-axes", "::mlir::ModuleOp"> {
  let summary = "makes axes longer that ranks cannot share out evenly";
  let description = [{
    Requires in the attribute `kinu.layout` the entry `pad`, the real and the padded length of each such axis; without it
    nothing changes. Afterwards values and variables have the padded length (variables say the real one in `kinu.real`),
    and no reduction, product or output sees what is behind the end: that may be anything, NaN too. Only weights and
    their 16-bit copies have zeros there. Numbers of `kinu.random` are those of the real tensor. Stands before
    `kinu-partition`, which splits axes that divide, and after `kinu-cut-stage`, since checkpoints know real lengths.

    ```mlir
    %max = kinu.reduce max %logits over ["token"] : (!kinu.tensor<batch=4, token=50257 : f32>) -> !kinu.tensor<batch=4 : f32>
    // becomes
    %real = kinu.compare lt %index, %c50257 ...
    %seen = kinu.select %real, %logits, %minus_infinity : ... -> !kinu.tensor<batch=4, token=50262 : f32>
    %max = kinu.reduce max %seen over ["token"] : (!kinu.tensor<batch=4, token=50262 : f32>) -> !kinu.tensor<batch=4 : f32>
    ```
  }];
  let options = [Option<"poison", "poison", "bool", /*default=*/"false",
                        "puts NaN into the padding of all else, for tests">];
  let dependentDialects = ["::kinu::KinuDialect"];
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
