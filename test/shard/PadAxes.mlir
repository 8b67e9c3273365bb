// RUN: kinu-opt %s --kinu-pad-axes | FileCheck %s
// RUN: kinu-opt %s --kinu-pad-axes=poison | FileCheck %s --check-prefix=POISON

// Without the entry `pad` nothing changes; with it, whatever joins elements along an axis sees neutral ones behind the end.
module attributes {kinu.layout = {rules = [["word", "tensor"]], pad = {word = array<i64: 5, 6>}}} {
  tofu.mesh ["tensor"] [2]
  // CHECK: kinu.variable @w {{.*}}kinu.real = {word = 5 : i64}{{.*}} : !kinu.tensor<word=6, embed=4 : f32>
  kinu.variable @w weight zeros(0.0, 0.0) : !kinu.tensor<word=5, embed=4 : f32>
  kinu.variable @w.moment moment1 zeros(0.0, 0.0) of "w" : !kinu.tensor<word=5, embed=4 : f32>

  // CHECK-LABEL: kinu.program @loss
  kinu.program @loss {
    %h = kinu.input "h" : !kinu.tensor<batch=2, embed=4 : f32>
    // CHECK: %[[W:.*]] = kinu.read @w : <word=6, embed=4 : f32>
    %w = kinu.read @w : !kinu.tensor<word=5, embed=4 : f32>
    // CHECK: %[[Z:.*]] = kinu.dot {{.*}} over ["embed"] {{.*}} -> !kinu.tensor<batch=2, word=6 : f32>
    // POISON: %[[Z:.*]] = kinu.dot {{.*}} over ["embed"] {{.*}} -> !kinu.tensor<batch=2, word=6 : f32>
    // POISON: kinu.constant(0x7FF8000000000000 : f64)
    // POISON: kinu.select {{.*}}, %[[Z]],
    %z = kinu.dot %h, %w over ["embed"] : (!kinu.tensor<batch=2, embed=4 : f32>, !kinu.tensor<word=5, embed=4 : f32>) -> !kinu.tensor<batch=2, word=5 : f32>
    // CHECK: %[[LOW:.*]] = kinu.constant(0xFFF0000000000000 : f64)
    // CHECK: %[[END:.*]] = kinu.constant(5 : i64)
    // CHECK: %[[REAL:.*]] = kinu.compare lt {{.*}}, %[[END]]
    // CHECK: %[[SEEN:.*]] = kinu.select %[[REAL]], %[[Z]], %[[LOW]]
    // CHECK: kinu.reduce max %[[SEEN]] over ["word"]
    %m = kinu.reduce max %z over ["word"] : (!kinu.tensor<batch=2, word=5 : f32>) -> !kinu.tensor<batch=2 : f32>
    // A value that a product sums over is zero there, for all its users; the weight is already.
    // CHECK: %[[E:.*]] = kinu.exp
    // CHECK: %[[ZEROS:.*]] = kinu.select {{.*}}, %[[E]], {{.*}}
    %e = kinu.exp %z : !kinu.tensor<batch=2, word=5 : f32>
    // CHECK: kinu.dot %[[ZEROS]], %[[W]] over ["word"]
    %d = kinu.dot %e, %w over ["word"] : (!kinu.tensor<batch=2, word=5 : f32>, !kinu.tensor<word=5, embed=4 : f32>) -> !kinu.tensor<batch=2, embed=4 : f32>
    kinu.output "m", %m : !kinu.tensor<batch=2 : f32>
    kinu.output "d", %d : !kinu.tensor<batch=2, embed=4 : f32>
    // What leaves is cut.
    // CHECK: %[[CUT:.*]] = kinu.slice %[[ZEROS]] "word" from 0 as "real.word" : {{.*}} -> !kinu.tensor<batch=2, real.word=5 : f32>
    // CHECK: kinu.output "e", %[[CUT]]
    kinu.output "e", %e : !kinu.tensor<batch=2, word=5 : f32>
  }

  // Weights have zeros there after every update, whatever moments have; numbers are drawn by the place in the real tensor.
  // CHECK-LABEL: kinu.program @update
  kinu.program @update {
    %seed = kinu.input "$seed" : !kinu.tensor<i64>
    %moment = kinu.read @w.moment : !kinu.tensor<word=5, embed=4 : f32>
    // CHECK: %[[R:.*]] = kinu.random {{.*}} -> !kinu.tensor<word=5, embed=4 : f32>
    // CHECK: %[[RENAMED:.*]] = kinu.rename %[[R]] "word" to "real.word"
    // CHECK: kinu.lookup %[[RENAMED]] ["real.word"] at {{.*}} else 0.0{{.*}} -> !kinu.tensor<word=6, embed=4 : f32>
    %r = kinu.random 7 of 4 (%seed, %seed, %seed) : (!kinu.tensor<i64>, !kinu.tensor<i64>, !kinu.tensor<i64>) -> !kinu.tensor<word=5, embed=4 : f32>
    // CHECK: %[[SUM:.*]] = kinu.add
    // CHECK: %[[MASKED:.*]] = kinu.select {{.*}}, %[[SUM]], {{.*}}
    // CHECK: kinu.write @w, %[[MASKED]]
    %s = kinu.add %r, %moment : (!kinu.tensor<word=5, embed=4 : f32>, !kinu.tensor<word=5, embed=4 : f32>) -> !kinu.tensor<word=5, embed=4 : f32>
    kinu.write @w, %s : !kinu.tensor<word=5, embed=4 : f32>
    // CHECK-NOT: kinu.select
    // CHECK: kinu.write @w.moment
    kinu.write @w.moment, %r : !kinu.tensor<word=5, embed=4 : f32>
  }
}
