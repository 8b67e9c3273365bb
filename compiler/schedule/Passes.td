// The passes of the schedule stage.
#ifndef KINU_SCHEDULE_PASSES_TD
#define KINU_SCHEDULE_PASSES_TD

include "mlir/Pass/PassBase.td"

def UnrollRepeats : Pass<"kinu-unroll-repeats", "::mlir::ModuleOp"> {
  let summary = "makes every program a straight list";
  let description = [{
    Requires kernels: what is copied is launches, never computation. Each round's saved value is a value of its own, so
    that `allocate` can free it as soon as the backward pass has used it. A round's index that a kernel reads becomes a
    read of the table `round.index`. What rounds saved and anything but a repeat uses is put together by a kernel that lays
    the rounds behind one another. Afterwards no `kinu.repeat` is left.
  }];
  let dependentDialects = ["::kinu::KinuDialect", "::kinu::step::StepDialect"];
  let statistics = [Statistic<"unrolled", "rounds", "rounds written out">];
}

#endif
