// The pass of the recompute stage.
#ifndef KINU_RECOMPUTE_PASSES_TD
#define KINU_RECOMPUTE_PASSES_TD

include "mlir/Pass/PassBase.td"

def RecomputeRepeats : Pass<"kinu-recompute-repeats", "::mlir::ModuleOp"> {
  let summary = "backward rounds compute again what forward rounds would save";
  let description = [{
    For forward repeats with the attribute `kinu.recompute`; without any nothing changes. Such a repeat then saves only
    what its rounds carry, and a backward round begins with as much of its forward round as it wants. Random numbers are
    functions of site, step and element, so they come out the same.

    It stands after `precision`, so that what is computed again is rounded in the same places, and before `shard`, which
    partitions what is computed again, with its messages, like everything else.

    ```mlir
    %y, %kept = kinu.repeat "layer" 12 carried(%x) { ^bb0(%layer, %h): ... kinu.yield %next, %q } {kinu.recompute}
    %dx = kinu.repeat "layer" 12 reverse carried(%dy) stacked(%kept) { ^bb0(%layer, %dh, %q): ... }
    // becomes
    %y, %kept = kinu.repeat "layer" 12 carried(%x) { ^bb0(%layer, %h): ... kinu.yield %next, %h }
    %dx = kinu.repeat "layer" 12 reverse carried(%dy) stacked(%kept) { ^bb0(%layer, %dh, %h): %q = ... }
    ```

    Source: Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016.
  }];
  let dependentDialects = ["::kinu::KinuDialect"];
  let statistics = [Statistic<"dropped", "dropped", "values that forward repeats save no more">];
}

#endif
