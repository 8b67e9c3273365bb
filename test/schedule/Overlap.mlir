// RUN: kinu-opt %s --kinu-merge-reductions --kinu-overlap --split-input-file | FileCheck %s

!x = !kinu.tensor<seq=64 : f32>
!s = !kinu.tensor<layer=2, seq=64 : f32>
!i = !kinu.tensor<i64>

// What `reduce` does goes behind the last write of each gradient in the last micro-batch, of which there are two here; other
// micro-batches send nothing. The sum begins there and is waited for at the end, and nothing is copied.
module attributes {kinu.micro_batches = 2 : i64, kinu.layout = {overlap = ["gradients"], bucket = 1000}} {
tofu.mesh ["data"] [2]
kinu.variable @a.gradient gradient zeros(0.0, 0.0) : !s
kinu.variable @b.gradient gradient zeros(0.0, 0.0) : !x
// CHECK-LABEL: kinu.program @micro {
// CHECK-NOT: tofu.
// CHECK-LABEL: kinu.program @micro.last {
// CHECK: %[[A:.*]] = step.launch @f
// CHECK-NEXT: kinu.write @a.gradient[%[[R1:.*]] : !kinu.tensor<i64>], %[[A]]
// CHECK: %[[A1:.*]] = kinu.read @a.gradient
// CHECK-NEXT: %[[S:.*]] = tofu.all_reduce async sum %[[A1]] on ["data"]
// CHECK-NEXT: %[[B:.*]] = step.launch @f
// CHECK-NEXT: kinu.write @b.gradient, %[[B]]
// CHECK-NEXT: %[[B1:.*]] = kinu.read @b.gradient
// CHECK-NEXT: %[[T:.*]] = tofu.all_reduce async sum %[[B1]] on ["data"]
// CHECK-NEXT: step.launch @f
// CHECK: kinu.output "y"
// CHECK-NEXT: %[[U:.*]] = tofu.wait %[[S]] with %[[A1]]
// CHECK-NEXT: kinu.write @a.gradient[{{.*}}], %[[U]]
// CHECK-NEXT: %[[V:.*]] = tofu.wait %[[T]] with %[[B1]]
// CHECK-NEXT: kinu.write @b.gradient, %[[V]]
// CHECK-NOT: kinu.program @reduce
kinu.program @micro {
  %x = kinu.input "x" : !x
  %r = kinu.constant(1 : i64) : <i64>
  %a = step.launch @f(%x) "a" : (!x) -> !x
  kinu.write @a.gradient[%r : !i], %a : !x
  %b = step.launch @f(%a) "b" : (!x) -> !x
  kinu.write @b.gradient, %b : !x
  %y = step.launch @f(%b) "y" : (!x) -> !x
  kinu.output "y", %y : !x
}
kinu.program @reduce {
  %r = kinu.constant(1 : i64) : <i64>
  %a = kinu.read @a.gradient[%r : !i] : !x
  %s = tofu.all_reduce sum %a on ["data"] : !x
  %c = step.launch @copy(%s) "" : (!x) -> !x
  kinu.write @a.gradient[%r : !i], %c : !x
  %b = kinu.read @b.gradient : !x
  %t = tofu.all_reduce sum %b on ["data"] : !x
  kinu.write @b.gradient, %t : !x
}
step.kernel @f loops rows ["seq"] inplace [] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}
// CHECK-NOT: step.kernel @copy
step.kernel @copy loops rows ["seq"] inplace [] {
^bb0(%x: !x):
  kinu.yield %x : !x
}
}

// -----

!x = !kinu.tensor<seq=64 : f32>
!p = !kinu.tensor<rank.data=2, seq=32 : f32>
!h = !kinu.tensor<seq=32 : f32>

// Sums that are added to a gradient wait late, too, the adding with them. At most two of them, or `bucket` bytes, are
// under way: each keeps 384 bytes here, so before the third begins the first is waited for.
// CHECK-LABEL: kinu.program @micro
// CHECK: %[[S0:.*]] = tofu.reduce_scatter async
// CHECK: %[[S1:.*]] = tofu.reduce_scatter async
// CHECK: step.launch @f
// CHECK: %[[W0:.*]] = tofu.wait %[[S0]]
// CHECK-NEXT: %[[N0:.*]] = step.launch @add(%{{.*}}, %[[W0]])
// CHECK-NEXT: kinu.write @a.gradient, %[[N0]]
// CHECK-NEXT: tofu.reduce_scatter async
// CHECK: kinu.output "y"
// CHECK-NEXT: tofu.wait %[[S1]]
module attributes {kinu.layout = {overlap = ["gradients"], bucket = 1000}} {
tofu.mesh ["data"] [2]
kinu.variable @a.gradient gradient zeros(0.0, 0.0) : !h
kinu.variable @b.gradient gradient zeros(0.0, 0.0) : !h
kinu.variable @c.gradient gradient zeros(0.0, 0.0) : !h
kinu.program @micro {
  %x = kinu.input "x" : !x
  %a = step.launch @f(%x) "a" : (!x) -> !x
  %av = step.view %a : (!x) -> !p
  %as = tofu.reduce_scatter %av on "data" : (!p) -> !h
  %ao = kinu.read @a.gradient : !h
  %an = step.launch @add(%ao, %as) "a" : (!h, !h) -> !h
  kinu.write @a.gradient, %an : !h
  %b = step.launch @f(%x) "b" : (!x) -> !x
  %bv = step.view %b : (!x) -> !p
  %bs = tofu.reduce_scatter %bv on "data" : (!p) -> !h
  %bo = kinu.read @b.gradient : !h
  %bn = step.launch @add(%bo, %bs) "b" : (!h, !h) -> !h
  kinu.write @b.gradient, %bn : !h
  %c = step.launch @f(%x) "c" : (!x) -> !x
  %cv = step.view %c : (!x) -> !p
  %cs = tofu.reduce_scatter %cv on "data" : (!p) -> !h
  %co = kinu.read @c.gradient : !h
  %cn = step.launch @add(%co, %cs) "c" : (!h, !h) -> !h
  kinu.write @c.gradient, %cn : !h
  kinu.output "y", %c : !x
}
step.kernel @f loops rows ["seq"] inplace [] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}
step.kernel @add loops rows ["seq"] inplace [0, 0] {
^bb0(%x: !h, %y: !h):
  %z = kinu.add %x, %y : (!h, !h) -> !h
  kinu.yield %z : !h
}
}

// -----

!x = !kinu.tensor<seq=64 : f32>
!p = !kinu.tensor<rank.data=2, part.seq=32 : f32>
!q = !kinu.tensor<part.seq=32 : f32>
!h = !kinu.tensor<seq=32 : f32>

// Gathers of weights begin ahead of use: the first two at once, the third when the first is there. What writes the weight
// comes first all the same, and a message that is not asked for blocks.
// CHECK-LABEL: kinu.program @eval
// CHECK: tofu.all_gather async
// CHECK: tofu.all_gather async
// CHECK: tofu.wait
// CHECK: tofu.all_gather async
// CHECK: step.launch @mul
// CHECK-NEXT: tofu.all_reduce sum
// CHECK: tofu.wait
// CHECK: step.launch @mul
// CHECK: tofu.wait
// CHECK: step.launch @mul
// CHECK-LABEL: kinu.program @update
// CHECK: kinu.write @w0
// CHECK: tofu.all_gather async
module attributes {kinu.layout = {overlap = ["weights"], bucket = 300}} {
tofu.mesh ["data"] [2]
kinu.variable @w0 weight zeros(0.0, 0.0) : !h
kinu.variable @w1 weight zeros(0.0, 0.0) : !h
kinu.variable @w2 weight zeros(0.0, 0.0) : !h
kinu.program @eval {
  %x = kinu.input "x" : !x
  %a = kinu.read @w0 : !h
  %av = step.view %a : (!h) -> !q
  %ag = tofu.all_gather %av on "data" : (!q) -> !p
  %aw = step.view %ag : (!p) -> !x
  %y = step.launch @mul(%x, %aw) "a" : (!x, !x) -> !x
  %ys = tofu.all_reduce sum %y on ["data"] : !x
  %b = kinu.read @w1 : !h
  %bv = step.view %b : (!h) -> !q
  %bg = tofu.all_gather %bv on "data" : (!q) -> !p
  %bw = step.view %bg : (!p) -> !x
  %z = step.launch @mul(%ys, %bw) "b" : (!x, !x) -> !x
  %c = kinu.read @w2 : !h
  %cv = step.view %c : (!h) -> !q
  %cg = tofu.all_gather %cv on "data" : (!q) -> !p
  %cw = step.view %cg : (!p) -> !x
  %o = step.launch @mul(%z, %cw) "c" : (!x, !x) -> !x
  kinu.output "o", %o : !x
}
kinu.program @update {
  %x = kinu.input "x" : !x
  %n = kinu.input "n" : !h
  %u = step.launch @half(%n) "u" : (!h) -> !h
  kinu.write @w0, %u : !h
  %a = kinu.read @w0 : !h
  %av = step.view %a : (!h) -> !q
  %ag = tofu.all_gather %av on "data" : (!q) -> !p
  %aw = step.view %ag : (!p) -> !x
  %y = step.launch @mul(%x, %aw) "a" : (!x, !x) -> !x
  kinu.output "y", %y : !x
}
step.kernel @half loops rows ["seq"] inplace [] {
^bb0(%x: !h):
  %y = kinu.tanh %x : !h
  kinu.yield %y : !h
}
step.kernel @mul loops rows ["seq"] inplace [] {
^bb0(%x: !x, %y: !x):
  %z = kinu.mul %x, %y : (!x, !x) -> !x
  kinu.yield %z : !x
}
}

// -----

!x = !kinu.tensor<seq=64 : f32>

// A block of keys goes on around the ring before the rank computes with it, and the next one is waited for when that is
// done; no product is passed on the way.
// CHECK-LABEL: kinu.program @micro
// CHECK: step.launch @product
// CHECK-NEXT: %[[S0:.*]] = tofu.shift async %[[X:.*]] on "context"
// CHECK-NEXT: kinu.output "p"
// CHECK-NEXT: step.launch @f(%[[X]])
// CHECK-NEXT: kinu.output "a"
// CHECK-NEXT: %[[W0:.*]] = tofu.wait %[[S0]] with %[[X]]
// CHECK-NEXT: %[[S1:.*]] = tofu.shift async %[[W0]] on "context"
// CHECK-NEXT: step.launch @f(%[[W0]])
// CHECK-NEXT: kinu.output "b"
// CHECK-NEXT: %[[W1:.*]] = tofu.wait %[[S1]] with %[[W0]]
// CHECK-NEXT: step.launch @f(%[[W1]])
module attributes {kinu.layout = {overlap = ["activations"], bucket = 1000}} {
tofu.mesh ["context"] [2]
kinu.program @micro {
  %x = kinu.input "x" : !x
  %p = step.launch @product(%x, %x) "p" : (!x, !x) -> !kinu.tensor<f32>
  kinu.output "p", %p : !kinu.tensor<f32>
  %a = step.launch @f(%x) "a" : (!x) -> !x
  kinu.output "a", %a : !x
  %s = tofu.shift %x on "context" : !x
  %b = step.launch @f(%s) "b" : (!x) -> !x
  kinu.output "b", %b : !x
  %t = tofu.shift %s on "context" : !x
  %c = step.launch @f(%t) "c" : (!x) -> !x
  kinu.output "c", %c : !x
}
step.kernel @f loops rows ["seq"] inplace [] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}
step.kernel @product contraction rows [] inplace [] {
^bb0(%x: !x, %y: !x):
  %z = kinu.dot %x, %y over ["seq"] : (!x, !x) -> !kinu.tensor<f32>
  kinu.yield %z : !kinu.tensor<f32>
}
}
