// The passes of the recognise stage: each finds one computation, whatever its parts are called, and makes it a
// composite op whose region keeps the definition. What is not recognised stays as it is and is only slower.
#ifndef KINU_RECOGNISE_PASSES_TD
#define KINU_RECOGNISE_PASSES_TD

include "mlir/Pass/PassBase.td"

def RecogniseNorm : Pass<"kinu-recognise-norm", "::mlir::ModuleOp"> {
  let summary = "finds normalisations: LayerNorm, RMSNorm and their like";
  let description = [{
    `c / sqrt(v + eps)`, or `c` times the reciprocal, where `v` is the sum or mean of squares over axes of `c`, and `c` is
    x or x minus its mean; then, where they are there, one factor and one term that are smaller than x (`gain`,
    `1 + gain`, `bias`). So its derivative keeps x and not five tensors of its size.

    ```mlir
    %c = sub %x, mean %x                        %y = kinu.norm %x, %gain over ["embed"] {
    %v = mean (mul %c, %c)                      ^bb0(%x, %gain):
    %n = div %c, sqrt (add %v, 1e-5)       →      ... the ops on the left ...
    %y = mul %n, %gain                            kinu.yield %y
                                                }
    ```

    It leaves alone a norm of whose inner values something else needs one.
  }];
  let statistics = [Statistic<"norms", "norms", "norms recognised">];
  let dependentDialects = ["::kinu::KinuDialect"];
}

def RecogniseAttention : Pass<"kinu-recognise-attention", "::mlir::ModuleOp"> {
  let summary = "finds softmax(score(q k)) v";
  let description = [{
    A softmax over one axis (shifted by the maximum or not, guarded for masked rows or not, by division or
    reciprocal) between a contraction of two tensors, of which only one has that axis, and a contraction over it.
    Whatever is elementwise between the first contraction and the softmax (scale, soft-cap, masks, position biases)
    becomes the region `score`. Index expressions move into it; other values from outside become `extras`.

    ```mlir
    %s = dot %q, %k over ["dim"]                    %o, %lse = kinu.attention %q, %k, %v sum ["dim"] query "seq"
    %t = select (le key seq), %s, -inf                key "key" {
    %p = softmax %t over "key"                 →    ^bb0(%s):
    %o = dot %p, %v over ["key"]                      kinu.yield (select (le key seq), %s, -inf)
                                                    }
    ```

    A bias that k has for every key alike goes, where scores are linear in the contraction but for masks of -inf: the
    softmax does not see it, so its gradient is 0.

    It leaves alone: scores or probabilities that something else reads, an extra that needs a gradient (a learned
    position bias), and contractions whose axes are not those of attention.
  }];
  let statistics = [Statistic<"attentions", "attentions", "attentions recognised">];
  let dependentDialects = ["::kinu::KinuDialect"];
}

def RecogniseLinearCrossEntropy : Pass<"kinu-recognise-linear-cross-entropy", "::mlir::ModuleOp"> {
  let summary = "finds the cross-entropy of a linear layer's logits";
  let description = [{
    `logsumexp(t) - t[a = target]`, or minus the lookup in `t - logsumexp(t)`, where t is elementwise in a contraction
    of two tensors of which only the second has axis `a`. So the logits need not be stored whole.

    ```mlir
    %z = dot %h, %w over ["embed"]
    %l = logsumexp %z over "token"             →    %r, %l = kinu.linear_cross_entropy %h, %w, %target
    %r = sub %l, (lookup %z["token"] at %target)      sum ["embed"] over "token" { ^bb0(%z): kinu.yield %z }
    ```

    It leaves alone logits that something else reads (an output, a metric), and elementwise operands that need a
    gradient (a bias).
  }];
  let statistics = [Statistic<"losses", "losses", "losses recognised">];
  let dependentDialects = ["::kinu::KinuDialect"];
}

#endif
