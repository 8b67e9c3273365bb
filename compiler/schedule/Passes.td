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

def MergeReductions : Pass<"kinu-merge-reductions", "::mlir::ModuleOp"> {
  let summary = "sums gradients in the program that writes them last";
  let description = [{
    Requires straight lists, and the entry `overlap` of `kinu.layout`; without it nothing changes. What the program
    `reduce` does to a gradient goes to where the last micro-batch has it: into the program that writes the gradient,
    or, where a step has several micro-batches, into a copy of that program called `.last`. What a reduction alone makes
    is written to the variable without a copy. Afterwards there is no `reduce`.
  }];
  let dependentDialects = ["::kinu::KinuDialect", "::kinu::step::StepDialect", "::kinu::tofu::TofuDialect"];
  let statistics = [Statistic<"reductions", "reductions", "gradients that are summed as soon as they are there">];
}

def BucketGradients : Pass<"kinu-bucket-gradients", "::mlir::ModuleOp"> {
  let summary = "reduces small gradients together, as one message";
  let description = [{
    Requires `kinu-merge-reductions` and that `overlap` names gradients. Reductions of at most `small-bytes`, of one kind
    and over the same ranks, become one at the place of the last of them, until `bucket-bytes` are together, or, by
    `least-buckets`, that part of all that the program reduces, or an op wants one of the results: kernels lay the
    gradients behind one another and take the sums apart. A large gradient goes alone, and nothing of it is copied. The
    default is what a link of Tofu-D carries in the time in which an empty message goes
    around a ring of 160 ranks: with fewer bytes a ring waits most of its time. Bytes that are sent stay the same.

    ```mlir
    %s = tofu.all_reduce sum %a on ["data"] : <embed=64 : f32>
    kinu.write @a.gradient, %s
    %t = tofu.all_reduce sum %b on ["data"] : <ffn=32 : f32>
    kinu.write @b.gradient, %t
    // becomes, but for views
    %p = step.launch @pack0(%a, %b) "bucket"
    %r = tofu.all_reduce sum %p on ["data"] : <bucket=96 : f32>
    %s = step.launch @unpack1(%r) "bucket"
    %t = step.launch @unpack2(%r) "bucket"
    kinu.write @a.gradient, %s
    kinu.write @b.gradient, %t
    ```
  }];
  let dependentDialects = ["::kinu::KinuDialect", "::kinu::step::StepDialect", "::kinu::tofu::TofuDialect"];
  let options = [Option<"smallBytes", "small-bytes", "int64_t", "1 << 18", "of a gradient that does not go alone">,
                 Option<"bucketBytes", "bucket-bytes", "int64_t", "1 << 20", "of one message">,
                 Option<"leastBuckets", "least-buckets", "int64_t", "8",
                        "parts of all, so that small models, too, sum while their backward pass goes on">];
  let statistics = [Statistic<"saved", "saved", "messages less">];
}

def Overlap : Pass<"kinu-overlap", "::mlir::ModuleOp"> {
  let summary = "begins collectives early and waits for them late";
  let description = [{
    Requires straight lists, and the entry `overlap` of `kinu.layout`; without it nothing changes. Each collective that it
    names becomes a start (`async`) and a `tofu.wait`. Waits move down to the first reader, and past readers that do
    nothing but go on to write a variable; starts of what variables hold, as gathers of weights, move up, and so do those
    of steps around a ring, up to where what goes around is there. At most `bucket` bytes of the
    arena are held that way in each direction, or two collectives: then the oldest is waited for. What a variable
    keeps, as gradients that are summed in place, is not counted. Stands before `allocate`, which sees to it that nothing
    else lies in memory that is under way.

    ```mlir
    %g = step.launch @product(%x, %dy) ...
    kinu.write @up.gradient, %g
    %mine = kinu.read @up.gradient
    %sum = tofu.all_reduce sum %mine on ["data"]
    kinu.write @up.gradient, %sum
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
  let statistics = [Statistic<"pairs", "pairs", "collectives that were made a start and a wait">];
}

#endif
