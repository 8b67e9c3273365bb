// RUN: kinu-opt %s --kinu-bucket-gradients="small-bytes=512 bucket-bytes=1024 least-buckets=1" --split-input-file | FileCheck %s

!x = !kinu.tensor<seq=64 : f32>
!y = !kinu.tensor<row=8, col=4 : f32>
!b = !kinu.tensor<seq=512 : f32>

// Two small sums become one at the place of the second, and what is done to the first's result goes behind it. A large one
// goes alone, and so does one over other ranks. Bytes stay the same: 64 and 32 numbers.
// CHECK-LABEL: kinu.program @micro
// CHECK: %[[L:.*]] = tofu.all_reduce sum %{{.*}} on ["data"] : <seq=512 : f32>
// CHECK-NEXT: kinu.write @l.gradient, %[[L]]
// CHECK: %[[O:.*]] = tofu.all_reduce sum %{{.*}} on ["tensor"] : <seq=64 : f32>
// CHECK-NEXT: kinu.write @o.gradient, %[[O]]
// CHECK: %[[P:.*]] = step.launch @pack0(%{{.*}}, %{{.*}}) "bucket" : (!kinu.tensor<bucket.0=64 : f32>, !kinu.tensor<bucket.1=32 : f32>) -> !kinu.tensor<bucket=96 : f32>
// CHECK-NEXT: %[[S:.*]] = tofu.all_reduce sum %[[P]] on ["data"] : <bucket=96 : f32>
// CHECK-NEXT: %[[U0:.*]] = step.launch @unpack1(%[[S]])
// CHECK-NEXT: %[[V0:.*]] = step.view %[[U0]] : (!kinu.tensor<bucket.0=64 : f32>) -> !kinu.tensor<seq=64 : f32>
// CHECK-NEXT: %[[U1:.*]] = step.launch @unpack2(%[[S]])
// CHECK-NEXT: %[[V1:.*]] = step.view %[[U1]] : (!kinu.tensor<bucket.1=32 : f32>) -> !kinu.tensor<row=8, col=4 : f32>
// CHECK-NEXT: kinu.write @a.gradient, %[[V0]]
// CHECK-NEXT: kinu.write @b.gradient, %[[V1]]
// CHECK-NOT: tofu.
// CHECK: step.kernel @pack0 loops rows ["bucket"]
// CHECK: kinu.concat %{{.*}}, %{{.*}} along ["bucket.0", "bucket.1"] as "bucket"
// CHECK: step.kernel @unpack1 loops rows ["bucket.0"]
// CHECK: kinu.slice %{{.*}} "bucket" from 0 as "bucket.0"
// CHECK: step.kernel @unpack2 loops rows ["bucket.1"]
// CHECK: kinu.slice %{{.*}} "bucket" from 64 as "bucket.1"
module attributes {kinu.layout = {overlap = ["gradients"], bucket = 25000000}} {
tofu.mesh ["data", "tensor"] [2, 2]
kinu.variable @a.gradient gradient zeros(0.0, 0.0) : !x
kinu.variable @b.gradient gradient zeros(0.0, 0.0) : !y
kinu.variable @l.gradient gradient zeros(0.0, 0.0) : !b
kinu.variable @o.gradient gradient zeros(0.0, 0.0) : !x
kinu.program @micro {
  %a = kinu.read @a.gradient : !x
  %s = tofu.all_reduce sum %a on ["data"] : !x
  kinu.write @a.gradient, %s : !x
  %l = kinu.read @l.gradient : !b
  %t = tofu.all_reduce sum %l on ["data"] : !b
  kinu.write @l.gradient, %t : !b
  %o = kinu.read @o.gradient : !x
  %u = tofu.all_reduce sum %o on ["tensor"] : !x
  kinu.write @o.gradient, %u : !x
  %b = kinu.read @b.gradient : !y
  %v = tofu.all_reduce sum %b on ["data"] : !y
  kinu.write @b.gradient, %v : !y
}
}

// -----

!x = !kinu.tensor<seq=64 : f32>
!q = !kinu.tensor<rank.data=2, seq=64 : f32>

// Parts of ZeRO: each rank's parts of all gradients are behind one another. The adding waits for its sum, too. A third one
// has no room: three times 512 bytes are more than 1024; it stays alone.
// CHECK-LABEL: kinu.program @micro
// CHECK: step.launch @pack0(%{{.*}}, %{{.*}}) "bucket" : (!kinu.tensor<rank.data=2, bucket.0=64 : f32>, !kinu.tensor<rank.data=2, bucket.1=64 : f32>) -> !kinu.tensor<rank.data=2, bucket=128 : f32>
// CHECK-NEXT: tofu.reduce_scatter %{{.*}} on "data" : (!kinu.tensor<rank.data=2, bucket=128 : f32>) -> !kinu.tensor<bucket=128 : f32>
// CHECK: %[[AN:.*]] = step.launch @add
// CHECK-NEXT: kinu.write @a.gradient, %[[AN]]
// CHECK: %[[BN:.*]] = step.launch @add
// CHECK-NEXT: kinu.write @b.gradient, %[[BN]]
// CHECK: tofu.reduce_scatter %{{.*}} on "data" : (!kinu.tensor<rank.data=2, seq=64 : f32>) -> !kinu.tensor<seq=64 : f32>
module attributes {kinu.layout = {overlap = ["gradients"], bucket = 25000000}} {
tofu.mesh ["data"] [2]
kinu.variable @a.gradient gradient zeros(0.0, 0.0) : !x
kinu.variable @b.gradient gradient zeros(0.0, 0.0) : !x
kinu.variable @c.gradient gradient zeros(0.0, 0.0) : !x
kinu.program @micro {
  %x = kinu.input "x" : !q
  %a = step.launch @f(%x) "a" : (!q) -> !q
  %as = tofu.reduce_scatter %a on "data" : (!q) -> !x
  %ao = kinu.read @a.gradient : !x
  %an = step.launch @add(%ao, %as) "a" : (!x, !x) -> !x
  kinu.write @a.gradient, %an : !x
  %b = step.launch @f(%a) "b" : (!q) -> !q
  %bs = tofu.reduce_scatter %b on "data" : (!q) -> !x
  %bo = kinu.read @b.gradient : !x
  %bn = step.launch @add(%bo, %bs) "b" : (!x, !x) -> !x
  kinu.write @b.gradient, %bn : !x
  %c = step.launch @f(%b) "c" : (!q) -> !q
  %cs = tofu.reduce_scatter %c on "data" : (!q) -> !x
  %co = kinu.read @c.gradient : !x
  %cn = step.launch @add(%co, %cs) "c" : (!x, !x) -> !x
  kinu.write @c.gradient, %cn : !x
}
step.kernel @f loops rows ["rank.data", "seq"] inplace [] {
^bb0(%x: !q):
  %y = kinu.tanh %x : !q
  kinu.yield %y : !q
}
step.kernel @add loops rows ["seq"] inplace [0, 0] {
^bb0(%x: !x, %y: !x):
  %z = kinu.add %x, %y : (!x, !x) -> !x
  kinu.yield %z : !x
}
}

// -----

!x = !kinu.tensor<seq=64 : f32>

// A sum that two kernels stand between and its variable goes alone: with one more the others would have to wait for it.
// CHECK-LABEL: kinu.program @micro
// CHECK: tofu.all_reduce sum %{{.*}} on ["data"] : <seq=64 : f32>
// CHECK: tofu.all_reduce sum %{{.*}} on ["data"] : <bucket=128 : f32>
module attributes {kinu.layout = {overlap = ["gradients"], bucket = 25000000}} {
tofu.mesh ["data"] [2]
kinu.variable @a.gradient gradient zeros(0.0, 0.0) : !x
kinu.variable @b.gradient gradient zeros(0.0, 0.0) : !x
kinu.variable @c.gradient gradient zeros(0.0, 0.0) : !x
kinu.program @micro {
  %a = kinu.read @a.gradient : !x
  %s = tofu.all_reduce sum %a on ["data"] : !x
  %f = step.launch @f(%s) "a" : (!x) -> !x
  %g = step.launch @f(%f) "a" : (!x) -> !x
  kinu.write @a.gradient, %g : !x
  %b = kinu.read @b.gradient : !x
  %t = tofu.all_reduce sum %b on ["data"] : !x
  kinu.write @b.gradient, %t : !x
  %c = kinu.read @c.gradient : !x
  %v = tofu.all_reduce sum %c on ["data"] : !x
  %h = step.launch @f(%v) "c" : (!x) -> !x
  kinu.write @c.gradient, %h : !x
}
step.kernel @f loops rows ["seq"] inplace [0, 0] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}
}
// -----

!x = !kinu.tensor<seq=64 : f32>

// What reads a sum before the next gradient is there has it at once: three messages, as before.
// CHECK-LABEL: kinu.program @micro
// CHECK-COUNT-3: tofu.all_reduce sum %{{.*}} on ["data"] : <seq=64 : f32>
// CHECK-NOT: tofu.
// CHECK-NOT: step.kernel @pack
module attributes {kinu.layout = {overlap = ["gradients"], bucket = 25000000}} {
tofu.mesh ["data"] [2]
kinu.variable @a.gradient gradient zeros(0.0, 0.0) : !x
kinu.variable @b.gradient gradient zeros(0.0, 0.0) : !x
kinu.variable @c.gradient gradient zeros(0.0, 0.0) : !x
kinu.program @micro {
  %a = kinu.read @a.gradient : !x
  %s = tofu.all_reduce sum %a on ["data"] : !x
  kinu.write @a.gradient, %s : !x
  %r = kinu.read @a.gradient : !x
  kinu.output "r", %r : !x
  %b = kinu.read @b.gradient : !x
  %t = tofu.all_reduce sum %b on ["data"] : !x
  kinu.write @b.gradient, %t : !x
  %b2 = kinu.read @b.gradient : !x
  kinu.output "b", %b2 : !x
  %c = kinu.read @c.gradient : !x
  %v = tofu.all_reduce sum %c on ["data"] : !x
  kinu.write @c.gradient, %v : !x
}
}

