// RUN: kinu-opt %s --kinu-allocate --split-input-file | FileCheck %s

!x = !kinu.tensor<seq=64 : f32>

// Variables come first. Every buffer of this program has 256 bytes: the first result takes the place of nothing, for the
// input comes from outside; the second takes the first's place, since the kernel may write over its operand and nobody
// wants that later.
// CHECK: kinu.arena_bytes = 768 : i64, kinu.variable_bytes = 256 : i64
// CHECK: kinu.variable @w {{.*}}{kinu.offset = 0 : i64}
// CHECK-LABEL: kinu.program @eval attributes {kinu.live_bytes = 512 : i64, kinu.program_bytes = 512 : i64, kinu.sent_bytes = 0 : i64}
// CHECK: kinu.input "x" {kinu.offset = [[X:[0-9]+]] : i64}
// CHECK: step.launch @over(%{{.*}}) "a" at {{\[}}[[X]], [[A:[0-9]+]]]
// CHECK: step.launch @over(%{{.*}}) "b" at {{\[}}[[A]], [[A]]]
// CHECK: kinu.output "y", %{{.*}} {kinu.offset = [[A]] : i64}
kinu.variable @w weight normal(0.0, 0.02) : !x
kinu.program @eval {
  %x = kinu.input "x" : !x
  %a = step.launch @over(%x) "a" : (!x) -> !x
  %b = step.launch @over(%a) "b" : (!x) -> !x
  kinu.output "y", %b : !x
}
step.kernel @over loops rows ["seq"] inplace [0, 0] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}

// -----

!x = !kinu.tensor<seq=64 : f32>

// A result is not put over an operand that something reads later, nor where the kernel does not allow it.
// CHECK-LABEL: kinu.program @later
// CHECK: step.launch @over(%{{.*}}) "a" at {{\[}}[[X:[0-9]+]], [[A:[0-9]+]]]
// CHECK-NOT: "b" at {{\[}}[[A]], [[A]]]
// CHECK: step.launch @over(%{{.*}}) "b" at {{\[}}[[A]], [[B:[0-9]+]]]
// CHECK-NOT: "c" at {{\[}}[[B]], [[A]], [[B]]]
// CHECK: step.launch @apart(%{{.*}}) "c" at {{\[}}[[B]], [[A]], [[C:[0-9]+]]]
kinu.program @later {
  %x = kinu.input "x" : !x
  %a = step.launch @over(%x) "a" : (!x) -> !x
  %b = step.launch @over(%a) "b" : (!x) -> !x
  %c = step.launch @apart(%b, %a) "c" : (!x, !x) -> !x
  kinu.output "y", %c : !x
}
step.kernel @over loops rows ["seq"] inplace [0, 0] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}
step.kernel @apart loops rows ["seq"] inplace [] {
^bb0(%x: !x, %y: !x):
  %z = kinu.add %x, %y : (!x, !x) -> !x
  kinu.yield %z : !x
}

// -----

!x = !kinu.tensor<seq=64 : f32>
!s = !kinu.tensor<layer=2, seq=64 : f32>

// What is written is computed in the variable's own memory: the second round's slice lies 256 bytes behind the first. A
// view has the place of what it views. Programs share the memory behind the variables: the arena ends where the larger does.
// CHECK: kinu.arena_bytes = 1024 : i64, kinu.variable_bytes = 512 : i64
// CHECK-LABEL: kinu.program @update attributes {{.*}}kinu.program_bytes = 256 : i64
// CHECK: step.launch @over(%{{.*}}) "t" at [256, 512]
// CHECK: step.launch @over(%{{.*}}) "a" at [512, 256]
// CHECK-LABEL: kinu.program @shares attributes {{.*}}kinu.program_bytes = 512 : i64
// CHECK: kinu.input "x" {kinu.offset = 512 : i64}
// CHECK: step.launch @over(%{{.*}}) "b" at [512,
kinu.variable @w weight normal(0.0, 0.02) : !s
kinu.program @update {
  %one = kinu.constant(1 : i64) : !kinu.tensor<i64>
  %w = kinu.read @w[%one : !kinu.tensor<i64>] : !x
  %t = step.launch @over(%w) "t" : (!x) -> !x
  %a = step.launch @over(%t) "a" : (!x) -> !x
  kinu.write @w[%one : !kinu.tensor<i64>], %a : !x
}
kinu.program @shares {
  %x = kinu.input "x" : !kinu.tensor<half=2, dim=32 : f32>
  %v = step.view %x : (!kinu.tensor<half=2, dim=32 : f32>) -> !x
  %b = step.launch @over(%v) "b" : (!x) -> !x
}
step.kernel @over loops rows ["seq"] inplace [0, 0] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}

// -----

!x = !kinu.tensor<seq=64 : f32>

// A sum on its way to a variable is made in the variable from the start, here at byte 0; not if the old value is read
// meanwhile, as that of @v (byte 256) is.
// CHECK-LABEL: kinu.program @sums attributes {{.*}}kinu.program_bytes = 512 : i64
// CHECK: step.launch @over(%{{.*}}) "a" at {{\[}}[[X:[0-9]+]], 0]
// CHECK: step.launch @over(%{{.*}}) "b" at [0, 0]
// CHECK: step.launch @over(%{{.*}}) "c" at [0, 0]
// CHECK: step.launch @over(%{{.*}}) "d" at {{\[}}[[X]], [[D:[0-9]+]]]
// CHECK: step.launch @plus(%{{.*}}) "e" at {{\[}}[[D]], 256, 256]
kinu.variable @w weight normal(0.0, 0.02) : !x
kinu.variable @v weight normal(0.0, 0.02) : !x
kinu.program @sums {
  %x = kinu.input "x" : !x
  %v = kinu.read @v : !x
  %a = step.launch @over(%x) "a" : (!x) -> !x
  %b = step.launch @over(%a) "b" : (!x) -> !x
  %c = step.launch @over(%b) "c" : (!x) -> !x
  kinu.write @w, %c : !x
  %d = step.launch @over(%x) "d" : (!x) -> !x
  %e = step.launch @plus(%d, %v) "e" : (!x, !x) -> !x
  kinu.write @v, %e : !x
}
step.kernel @over loops rows ["seq"] inplace [0, 0] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}
step.kernel @plus loops rows ["seq"] inplace [0, 0, 0, 1] {
^bb0(%x: !x, %y: !x):
  %z = kinu.add %x, %y : (!x, !x) -> !x
  kinu.yield %z : !x
}

// -----

// A value that is written to one variable is not computed in another one, into which a sum goes that could start there.
// CHECK: kinu.variable @stash {{.*}}kinu.offset = 0
// CHECK: kinu.variable @message {{.*}}kinu.offset = 256
// CHECK: step.launch @f(%{{.*}}) "h" at [{{[0-9]+}}, 0]
// CHECK: step.launch @add({{.*}}) "next" at [0, {{[0-9]+}}, 256]
!x = !kinu.tensor<seq=64 : f32>
kinu.variable @stash stash zeros(0.0, 0.0) : !x
kinu.variable @message message zeros(0.0, 0.0) : !x
kinu.program @forward {
  %x = kinu.input "x" : !x
  %h = step.launch @f(%x) "h" : (!x) -> !x
  kinu.write @stash, %h : !x
  %next = step.launch @add(%h, %x) "next" : (!x, !x) -> !x
  kinu.write @message, %next : !x
  %sent = kinu.read @message : !x
  tofu.send %sent to 1 on "pipe" tag 0 : !x
}
step.kernel @f loops rows ["seq"] inplace [] {
^bb0(%x: !x):
  %y = kinu.tanh %x : !x
  kinu.yield %y : !x
}
step.kernel @add loops rows ["seq"] inplace [0, 0] {
^bb0(%x: !x, %y: !x):
  %z = kinu.add %x, %y : (!x, !x) -> !x
  kinu.yield %z : !x
}
