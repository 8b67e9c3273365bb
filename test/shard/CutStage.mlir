// Two stages of a model of three layers whose embedding is also its output: the first has one layer, the last has two.
// RUN: kinu-opt %s --kinu-cut-stage=stage=0 --canonicalize --cse | FileCheck %s --check-prefix=FIRST
// RUN: kinu-opt %s --kinu-cut-stage=stage=1 --canonicalize --cse | FileCheck %s --check-prefix=LAST

module attributes {
  kinu.micro_batches = 3 : i64,
  kinu.pipeline = {repeat = "layer", on = "pipe", bounds = array<i64: 0, 1, 3>, schedule = "1f1b"}
} {
  tofu.mesh ["pipe"] [2]
  // Variables of layers are cut, the embedding is on both stages, and the first one writes it to checkpoints.
  // FIRST: kinu.elsewhere = [{name = "norm", {{.*}}]
  // FIRST-SAME: kinu.schedule = array<i64: 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 2, 0, 0, 1, 1, 1, 0, 1, 2, 0, 0>
  // FIRST-SAME: kinu.stores = 2
  // FIRST: kinu.variable @table weight
  // FIRST-NOT: kept_by
  // FIRST: kinu.variable @up weight {{.*}} {kinu.cut = array<i64: 0, 3>, {{.*}} : !kinu.tensor<layer=1, embed=4 : f32>
  // LAST: kinu.schedule = array<i64: 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 2, 0, 0, 1, 2, 0, 0>
  // LAST-SAME: kinu.stores = 1
  // LAST: kinu.variable @table weight {{.*}} {kinu.kept_by = 0 : i64
  // LAST: kinu.variable @up weight {{.*}} {kinu.cut = array<i64: 1, 3>, {{.*}} : !kinu.tensor<layer=2, embed=4 : f32>
  kinu.variable @table weight zeros(0.0, 0.0) : !kinu.tensor<id=8, embed=4 : f32>
  kinu.variable @up weight zeros(0.0, 0.0) : !kinu.tensor<layer=3, embed=4 : f32>
  kinu.variable @norm gain zeros(0.0, 0.0) : !kinu.tensor<embed=4 : f32>
  kinu.variable @table.gradient gradient zeros(0.0, 0.0) of "table" : !kinu.tensor<id=8, embed=4 : f32>
  kinu.variable @up.gradient gradient zeros(0.0, 0.0) of "up" : !kinu.tensor<layer=3, embed=4 : f32>
  kinu.variable @norm.gradient gradient zeros(0.0, 0.0) of "norm" : !kinu.tensor<embed=4 : f32>

  // FIRST-LABEL: kinu.program @forward
  // FIRST: %[[H:.*]] = kinu.lookup
  // FIRST: kinu.repeat "layer" 1 carried(%[[H]]
  // FIRST: kinu.write @stash.0
  // FIRST: kinu.write @forward.message.0
  // FIRST: %[[SENT:.*]] = kinu.read @forward.message.0
  // FIRST: tofu.send %[[SENT]] to 1 on "pipe" tag 0
  // FIRST: kinu.output "$loss_sum", %{{.*}} : <f32>
  // FIRST-LABEL: kinu.program @backward
  // FIRST: %[[D:.*]] = tofu.receive from 1 on "pipe" tag 1
  // FIRST: kinu.repeat "layer" 1 reverse carried(%[[D]]
  // FIRST: kinu.read @stash.0
  // FIRST: %[[EMBEDDING:.*]] = kinu.scatter
  // FIRST: kinu.accumulate @table.gradient, %[[EMBEDDING]]

  // The last stage counts its layers from the model's second, and computes the loss and its own gradient of the embedding.
  // LAST-LABEL: kinu.program @forward
  // LAST: %[[H:.*]] = tofu.receive from 0 on "pipe" tag 0
  // LAST: kinu.repeat "layer" 2 carried(%[[H]]
  // LAST: ^bb0(%[[LOCAL:.*]]: !kinu.tensor<i64>
  // LAST: %[[LAYER:.*]] = kinu.add %[[LOCAL]], %{{.*}} : (!kinu.tensor<i64>
  // LAST: kinu.read @up[%[[LOCAL]]
  // LAST: kinu.to_float %[[LAYER]]
  // LAST: kinu.accumulate @table.gradient
  // LAST: kinu.write @stash.seed.0
  // LAST-LABEL: kinu.program @backward
  // LAST: %[[SEED:.*]] = kinu.read @stash.seed.0
  // LAST: kinu.repeat "layer" 2 reverse carried(%[[SEED]]
  // LAST: tofu.send %{{.*}} to 0 on "pipe" tag 1
  kinu.program @micro {
    %tokens = kinu.input "tokens" below 8 : !kinu.tensor<batch=2 : i64>
    %table = kinu.read @table : !kinu.tensor<id=8, embed=4 : f32>
    %h = kinu.lookup %table ["id"] at %tokens : (!kinu.tensor<id=8, embed=4 : f32>, !kinu.tensor<batch=2 : i64>) -> !kinu.tensor<batch=2, embed=4 : f32>
    %out, %saved = kinu.repeat "layer" 3 carried(%h : !kinu.tensor<batch=2, embed=4 : f32>) stacked() -> carried(!kinu.tensor<batch=2, embed=4 : f32>) sums() saved(!kinu.tensor<layer=3, batch=2, embed=4 : f32>) {
    ^bb0(%layer: !kinu.tensor<i64>, %x: !kinu.tensor<batch=2, embed=4 : f32>):
      %up = kinu.read @up[%layer : !kinu.tensor<i64>] : !kinu.tensor<embed=4 : f32>
      %number = kinu.to_float %layer : (!kinu.tensor<i64>) -> !kinu.tensor<f32>
      %scaled = kinu.mul %x, %up : (!kinu.tensor<batch=2, embed=4 : f32>, !kinu.tensor<embed=4 : f32>) -> !kinu.tensor<batch=2, embed=4 : f32>
      %next = kinu.add %scaled, %number : (!kinu.tensor<batch=2, embed=4 : f32>, !kinu.tensor<f32>) -> !kinu.tensor<batch=2, embed=4 : f32>
      kinu.yield %next, %x : !kinu.tensor<batch=2, embed=4 : f32>, !kinu.tensor<batch=2, embed=4 : f32>
    }
    %norm = kinu.read @norm : !kinu.tensor<embed=4 : f32>
    %normed = kinu.mul %out, %norm : (!kinu.tensor<batch=2, embed=4 : f32>, !kinu.tensor<embed=4 : f32>) -> !kinu.tensor<batch=2, embed=4 : f32>
    %logits = kinu.dot %normed, %table over ["embed"] : (!kinu.tensor<batch=2, embed=4 : f32>, !kinu.tensor<id=8, embed=4 : f32>) -> !kinu.tensor<batch=2, id=8 : f32>
    %loss = kinu.reduce sum %logits over ["batch", "id"] : (!kinu.tensor<batch=2, id=8 : f32>) -> !kinu.tensor<f32>
    kinu.output "$loss_sum", %loss : !kinu.tensor<f32>
    %dlogits = kinu.tanh %logits : !kinu.tensor<batch=2, id=8 : f32>
    %dtable = kinu.dot %dlogits, %normed over ["batch"] : (!kinu.tensor<batch=2, id=8 : f32>, !kinu.tensor<batch=2, embed=4 : f32>) -> !kinu.tensor<id=8, embed=4 : f32>
    %dnormed = kinu.dot %dlogits, %table over ["id"] : (!kinu.tensor<batch=2, id=8 : f32>, !kinu.tensor<id=8, embed=4 : f32>) -> !kinu.tensor<batch=2, embed=4 : f32>
    %dnorm = kinu.reduce sum %dnormed over ["batch"] : (!kinu.tensor<batch=2, embed=4 : f32>) -> !kinu.tensor<embed=4 : f32>
    kinu.accumulate @norm.gradient, %dnorm : !kinu.tensor<embed=4 : f32>
    %dh = kinu.repeat "layer" 3 reverse carried(%dnormed : !kinu.tensor<batch=2, embed=4 : f32>) stacked(%saved : !kinu.tensor<layer=3, batch=2, embed=4 : f32>) -> carried(!kinu.tensor<batch=2, embed=4 : f32>) sums() saved() {
    ^bb0(%layer: !kinu.tensor<i64>, %d: !kinu.tensor<batch=2, embed=4 : f32>, %x: !kinu.tensor<batch=2, embed=4 : f32>):
      %up = kinu.read @up[%layer : !kinu.tensor<i64>] : !kinu.tensor<embed=4 : f32>
      %product = kinu.mul %d, %x : (!kinu.tensor<batch=2, embed=4 : f32>, !kinu.tensor<batch=2, embed=4 : f32>) -> !kinu.tensor<batch=2, embed=4 : f32>
      %dup = kinu.reduce sum %product over ["batch"] : (!kinu.tensor<batch=2, embed=4 : f32>) -> !kinu.tensor<embed=4 : f32>
      kinu.accumulate @up.gradient[%layer : !kinu.tensor<i64>], %dup : !kinu.tensor<embed=4 : f32>
      %dx = kinu.mul %d, %up : (!kinu.tensor<batch=2, embed=4 : f32>, !kinu.tensor<embed=4 : f32>) -> !kinu.tensor<batch=2, embed=4 : f32>
      kinu.yield %dx : !kinu.tensor<batch=2, embed=4 : f32>
    }
    %dembedding = kinu.scatter %dh over ["batch"] to ["id"] at %tokens : (!kinu.tensor<batch=2, embed=4 : f32>, !kinu.tensor<batch=2 : i64>) -> !kinu.tensor<id=8, embed=4 : f32>
    %both = kinu.add %dtable, %dembedding : (!kinu.tensor<id=8, embed=4 : f32>, !kinu.tensor<id=8, embed=4 : f32>) -> !kinu.tensor<id=8, embed=4 : f32>
    kinu.accumulate @table.gradient, %both : !kinu.tensor<id=8, embed=4 : f32>
  }

  // The gradient of what both stages have is summed over them, and counted once in the norm, which is summed over all.
  // FIRST-LABEL: kinu.program @update
  // FIRST: %[[G:.*]] = kinu.read @table.gradient
  // FIRST: %[[SUM:.*]] = tofu.all_reduce sum %[[G]] on ["pipe"] {kinu.number = 0 : i64} : <id=8
  // FIRST: kinu.reduce
  // FIRST: kinu.read @up.gradient : <layer=1, embed=4 : f32>
  // FIRST: %[[OWN:.*]] = kinu.add
  // FIRST: tofu.all_reduce sum %[[OWN]] on ["pipe"] {kinu.number = 1 : i64} : <f32>
  // FIRST: kinu.write @up
  // LAST-LABEL: kinu.program @update
  // LAST: tofu.all_reduce sum %{{.*}} on ["pipe"] {kinu.number = 0 : i64} : <id=8
  // LAST: kinu.read @up.gradient : <layer=2, embed=4 : f32>
  // LAST: %[[OWN:.*]] = kinu.reduce sum %{{.*}} over ["layer", "embed"]
  // LAST: tofu.all_reduce sum %[[OWN]] on ["pipe"] {kinu.number = 1 : i64} : <f32>
  kinu.program @update {
    %g0 = kinu.read @table.gradient : !kinu.tensor<id=8, embed=4 : f32>
    %s0 = kinu.mul %g0, %g0 : (!kinu.tensor<id=8, embed=4 : f32>, !kinu.tensor<id=8, embed=4 : f32>) -> !kinu.tensor<id=8, embed=4 : f32>
    %n0 = kinu.reduce sum %s0 over ["id", "embed"] : (!kinu.tensor<id=8, embed=4 : f32>) -> !kinu.tensor<f32>
    %g1 = kinu.read @up.gradient : !kinu.tensor<layer=3, embed=4 : f32>
    %s1 = kinu.mul %g1, %g1 : (!kinu.tensor<layer=3, embed=4 : f32>, !kinu.tensor<layer=3, embed=4 : f32>) -> !kinu.tensor<layer=3, embed=4 : f32>
    %n1 = kinu.reduce sum %s1 over ["layer", "embed"] : (!kinu.tensor<layer=3, embed=4 : f32>) -> !kinu.tensor<f32>
    %n = kinu.add %n0, %n1 : (!kinu.tensor<f32>, !kinu.tensor<f32>) -> !kinu.tensor<f32>
    %norm = kinu.sqrt %n : !kinu.tensor<f32>
    kinu.output "$gradient_norm", %norm : !kinu.tensor<f32>
    %t = kinu.read @table : !kinu.tensor<id=8, embed=4 : f32>
    %t1 = kinu.mul %g0, %norm : (!kinu.tensor<id=8, embed=4 : f32>, !kinu.tensor<f32>) -> !kinu.tensor<id=8, embed=4 : f32>
    %t2 = kinu.sub %t, %t1 : (!kinu.tensor<id=8, embed=4 : f32>, !kinu.tensor<id=8, embed=4 : f32>) -> !kinu.tensor<id=8, embed=4 : f32>
    kinu.write @table, %t2 : !kinu.tensor<id=8, embed=4 : f32>
    %u = kinu.read @up : !kinu.tensor<layer=3, embed=4 : f32>
    %u1 = kinu.mul %g1, %norm : (!kinu.tensor<layer=3, embed=4 : f32>, !kinu.tensor<f32>) -> !kinu.tensor<layer=3, embed=4 : f32>
    %u2 = kinu.sub %u, %u1 : (!kinu.tensor<layer=3, embed=4 : f32>, !kinu.tensor<layer=3, embed=4 : f32>) -> !kinu.tensor<layer=3, embed=4 : f32>
    kinu.write @up, %u2 : !kinu.tensor<layer=3, embed=4 : f32>
  }
}
