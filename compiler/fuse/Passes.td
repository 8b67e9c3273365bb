// The passes of the fuse stage, in the order in which they run.
#ifndef KINU_FUSE_PASSES_TD
#define KINU_FUSE_PASSES_TD

include "mlir/Pass/PassBase.td"

def ChunkLinearCrossEntropy : Pass<"kinu-chunk-linear-cross-entropy", "::mlir::ModuleOp"> {
  let summary = "computes linear layers with cross-entropy, forward and backward at once, for chunks of rows";
  let description = [{
    Requires `linear_cross_entropy` ops as `recognise` and `differentiate` leave them. Afterwards those of which rows can
    be cut are a `kinu.repeat` over chunks: its body takes a chunk's rows, computes their logits once, and from these
    the loss, `dhidden` (saved) and `dweight` (summed). Forward and backward are one repeat unless the gradient that
    comes in depends on the loss; then, and in evaluation, each op is a repeat of its own. So no more logits are stored
    than `chunk-bytes`, and there are three products with the weight in a step, not four.

    Before ExpandComposites, which expands what is left.

    ```mlir
    %loss, %lse = kinu.linear_cross_entropy %h, %w, %y ...
    %dh, %dw = kinu.linear_cross_entropy_backward %h, %w, %y, %lse, %g ...
    // becomes, for batch=4, seq=1024 and 50257 classes
    %dw, %loss, %dh = kinu.repeat "batch.seq.chunk" 8 carried() stacked() -> carried() sums(...) saved(...) { ... }
    ```
  }];
  let options = [Option<"chunkBytes", "chunk-bytes", "int64_t", "128 << 20",
                        "the bytes that the fp32 logits of a chunk may take">];
  let statistics = [Statistic<"chunks", "chunks", "chunks of logits">,
                    Statistic<"paired", "paired", "losses computed with their gradients">];
  let dependentDialects = ["::kinu::KinuDialect"];
}

def ExpandComposites : Pass<"kinu-expand-composites", "::mlir::ModuleOp"> {
  let summary = "replaces composite ops that have no kernel of their own by their definition";
  let description = [{
    Norms, and linear + cross-entropy where it could not be cut into chunks, become plain ops, which fuse into one pass
    over memory; attention stays, for it has kernels. Everything after it looks at plain ops.
  }];
  let statistics = [Statistic<"expanded", "expanded", "composite ops expanded">];
}

def LowerAccumulate : Pass<"kinu-lower-accumulate", "::mlir::ModuleOp"> {
  let summary = "turns the accumulation of gradients into reads and writes";
  let description = [{
    With one micro-batch a step, `kinu.accumulate @g, %x` is `kinu.write @g, %x`. Otherwise it writes
    `x + ($first ? 0 : read @g)`, so that gradients need no pass that zeroes them.
  }];
  let dependentDialects = ["::kinu::KinuDialect"];
}

def LowerRepeatSums : Pass<"kinu-lower-repeat-sums", "::mlir::ModuleOp"> {
  let summary = "turns what a repeat sums over its rounds into carried values";
  let description = [{
    A sum starts at zero and adds each round's value, so that adding is part of a kernel of the body.
  }];
  let dependentDialects = ["::kinu::KinuDialect"];
}

def HoistConstants : Pass<"kinu-hoist-constants", "::mlir::ModuleOp"> {
  let summary = "computes tables of index expressions once, before the first step";
  let description = [{
    A float that depends on indices alone and needs more than arithmetic (the sines of rotary positions, ALiBi's slopes)
    moves into the program `constants`, in double precision rounded once, and becomes a `kinu.read` of a table. Masks
    and other cheap expressions stay where they are: computing them costs less than reading them.

    ```mlir
    %s = kinu.sin %angle : !kinu.tensor<seq=64, half=16 : f32>
    // becomes
    %s = kinu.read @table.0 : !kinu.tensor<seq=64, half=16 : f32>
    ```
  }];
  let dependentDialects = ["::kinu::KinuDialect"];
  let statistics = [Statistic<"made", "tables", "tables made">];
}

def SplitReductions : Pass<"kinu-split-reductions", "::mlir::ModuleOp"> {
  let summary = "gives long reductions independent parts, and turns thin products into reductions";
  let description = [{
    A reduction of many elements to few leaves nothing to run in parallel: it is done in two, the first of which keeps the
    outermost summed axis. Sums of columns, over many rows of many columns, are done in some 16 parts of the rows, so that
    each reads long runs of memory. The parts do not depend on the number of threads, so neither does the result.
    A `kinu.dot` whose one side adds no axis is bound by memory, not by arithmetic: it becomes a product and a sum.
  }];
  let dependentDialects = ["::kinu::KinuDialect"];
}

def AssignLayouts : Pass<"kinu-assign-layouts", "::mlir::ModuleOp"> {
  let summary = "fixes the order of every tensor's axes in memory";
  let description = [{
    From here on the order of axes in a type is the order in memory. Values that are written to a variable take the
    variable's order; a product's result has its shared axes first, then the left side's, then the right side's, so
    that each group is one run; elementwise results follow their largest operand; attention's result follows its
    queries. Before the kernels are formed, because which reads are contiguous decides how they are vectorized.
  }];
  let dependentDialects = ["::kinu::KinuDialect"];
}

def FormKernels : Pass<"kinu-form-kernels", "::mlir::ModuleOp"> {
  let summary = "groups ops into kernels and replaces them by launches";
  let description = [{
    Every value that must be in memory (operands of products, attention and scatters; what is written, carried, kept or
    put out) is the root of a cluster that pulls in its producers as far as they fit one set of rows. A value wanted by
    several clusters is computed again where that is cheap and put in memory where not. Clusters over the same rows
    that feed each other, or read the same tensors, become one kernel. Equal kernels are one `step.kernel`.

    Attention, scatters and other ops that are no loops are kernels by themselves. So is a product, unless a cluster of
    elementwise ops on its axes reads it: then both are one kernel, a contraction with an epilogue. Of a cluster with
    reductions (`y = x + dot`, then a norm of y) the part that fits is cut off where that saves memory traffic.

    ```mlir
    %a = kinu.dot %x, %w over ["embed"] : (!x, !w) -> !a
    %b = kinu.add %a, %bias : (!a, !bias) -> !a
    // becomes
    %b = step.launch @k0_contraction(%x, %w, %bias) : (!x, !w, !bias) -> !a
    ```

    Afterwards programs hold launches, views, reads, writes, inputs, outputs and repeats of those.
  }];
  let dependentDialects = ["::kinu::KinuDialect", "::kinu::step::StepDialect"];
  let statistics = [Statistic<"kernels", "kernels", "distinct kernels">, Statistic<"launches", "launches", "launches">,
                    Statistic<"epilogues", "epilogues", "products made with what is computed from them">];
}

#endif
