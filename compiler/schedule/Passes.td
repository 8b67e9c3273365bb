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

def Overlap : Pass<"kinu-overlap", "::mlir::ModuleOp"> {
  let summary = "begins collectives early and waits for them late";
  let description = [{
    Requires straight lists, and the entry `overlap` of `kinu.layout`; without it nothing changes. What the program
    `reduce` does to a gradient goes to where the last micro-batch has it: into the program that writes the gradient,
    or, where a step has several micro-batches, into a copy of that program called `.last`. Then each collective becomes a
    start (`async`) and a `tofu.wait`. Waits move down to the first reader, and past readers that do nothing but go on
    to write a variable; starts of what variables hold, as gathers of weights, move up, and so do those of steps around a
    ring, up to where what goes around is there. At most `bucket` bytes of the
    arena are held that way in each direction, or two collectives: then the oldest is waited for. What a variable
    keeps, as gradients that are summed in place, is not counted. Stands before `allocate`, which sees to it that nothing
    else lies in memory that is under way.

    ```mlir
    %g = step.launch @product(%x, %dy) ...
    kinu.write @up.gradient, %g
    %next = step.launch @other(...)
    // becomes
    %g = step.launch @product(%x, %dy) ...
    kinu.write @up.gradient, %g
    %mine = kinu.read @up.gradient
    %begun = tofu.all_reduce async sum %mine on ["data"]
    %next = step.launch @other(...)
    %sum = tofu.wait %begun with %mine
    kinu.write @up.gradient, %sum
    ```
  }];
  let dependentDialects = ["::kinu::KinuDialect", "::kinu::step::StepDialect", "::kinu::tofu::TofuDialect"];
  let statistics = [Statistic<"reductions", "reductions", "gradients that are summed as soon as they are there">,
                    Statistic<"pairs", "pairs", "collectives that were made a start and a wait">];
}

#endif
