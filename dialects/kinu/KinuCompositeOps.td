// Composite ops: found from the mathematics by `recognise`, each with a derivative and a kernel of its own.

class Kinu_Composite<string mnemonic, list<Trait> traits = []>
    : Kinu_Op<mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<CompositeOpInterface>], traits)>;

def AttentionOp : Kinu_Composite<"attention"> {
  let summary = "softmax(score(q k)) v";
  let description = [{
    `s = dot(q, k) over `sum``, `t = score(s, extras)`, `p = softmax(t) over `key``, `result = dot(p, v) over `key``. `score` is
    the region: an elementwise function of one raw score, the extras and indices; scale, soft-cap, mask and position
    bias all live there. `logsumexp` is the logarithm of softmax's denominator, 0 for a row masked everywhere, whose
    result is 0. No gradient passes to the extras: `recognise` leaves attention alone whose extras need one.
    `key` and `query` name the axes of the score matrix. Lifespan: from `recognise` to `vectorize`.
  }];
  let arguments = (ins Kinu_Float:$q, Kinu_Float:$k, Kinu_Float:$v, Variadic<Kinu_Any>:$extras, StrArrayAttr:$sum,
                       StrAttr:$query, StrAttr:$key, OptionalAttr<I64Attr>:$promote);
  let results = (outs Kinu_Float:$result, Kinu_Float:$logsumexp);
  let hasVerifier = 1;
  let regions = (region SizedRegion<1>:$score);
  let assemblyFormat = [{ $q `,` $k `,` $v (`extras` $extras^)? `sum` $sum `query` $query `key` $key (`promote` $promote^)? attr-dict `:`
                          functional-type(operands, results) $score }];
}
def AttentionBackwardOp : Kinu_Composite<"attention_backward"> {
  let summary = "the gradients of attention's q, k and v";
  let description = [{
    Computes p again from `logsumexp`, with `delta = sum over the value axes of gradient * result`:
    `dt = p (gradient v - delta)`, and back through `score` to `ds`; `dq = ds k`, `dk = ds q`, `dv = p gradient`
    (Dao et al., FlashAttention, 2022, appendix B). `score_backward` takes a raw score, the gradient of the final one
    and the extras, and yields the gradient of the raw score. Lifespan: from `differentiate` to `vectorize`.
  }];
  let arguments = (ins Kinu_Float:$q, Kinu_Float:$k, Kinu_Float:$v, Kinu_Float:$result, Kinu_Float:$logsumexp,
                       Kinu_Float:$gradient, Variadic<Kinu_Any>:$extras, StrArrayAttr:$sum, StrAttr:$query, StrAttr:$key,
                       OptionalAttr<I64Attr>:$promote);
  let results = (outs Kinu_Float:$dq, Kinu_Float:$dk, Kinu_Float:$dv);
  let hasVerifier = 1;
  let regions = (region SizedRegion<1>:$score, SizedRegion<1>:$score_backward);
  let assemblyFormat = [{ $q `,` $k `,` $v `,` $result `,` $logsumexp `,` $gradient (`extras` $extras^)? `sum` $sum `query` $query
                          `key` $key (`promote` $promote^)? attr-dict `:` functional-type(operands, results) $score $score_backward }];
}

def LinearCrossEntropyOp : Kinu_Composite<"linear_cross_entropy"> {
  let summary = "the cross-entropy of a linear layer's logits";
  let description = [{
    `z = dot(hidden, weight) over `sum``, `t = logit(z, extras)` (a soft-cap, say; empty for none), `logsumexp` of t over
    `over`, `result = logsumexp - t[over = target]`. Logits need not be stored whole.
    Lifespan: from `recognise` to `fuse`.
  }];
  let arguments = (ins Kinu_Float:$hidden, Kinu_Float:$weight, Kinu_Int:$target, Variadic<Kinu_Any>:$extras,
                       StrArrayAttr:$sum, StrAttr:$over,
                       OptionalAttr<I64Attr>:$promote);
  let results = (outs Kinu_Float:$result, Kinu_Float:$logsumexp);
  let hasVerifier = 1;
  let regions = (region SizedRegion<1>:$logit);
  let assemblyFormat = [{ $hidden `,` $weight `,` $target (`extras` $extras^)? `sum` $sum `over` $over (`promote` $promote^)? attr-dict `:`
                          functional-type(operands, results) $logit }];
}
def LinearCrossEntropyBackwardOp : Kinu_Composite<"linear_cross_entropy_backward"> {
  let summary = "the gradients of linear_cross_entropy's hidden and weight";
  let description = [{
    `dt = gradient (exp(t - logsumexp) - [over = target])`, back through `logit` to `dz`, `dhidden = dz weight`,
    `dweight = dz hidden`. Lifespan: from `differentiate` to `fuse`.
  }];
  let arguments = (ins Kinu_Float:$hidden, Kinu_Float:$weight, Kinu_Int:$target, Kinu_Float:$logsumexp,
                       Kinu_Float:$gradient, Variadic<Kinu_Any>:$extras, StrArrayAttr:$sum, StrAttr:$over,
                       OptionalAttr<I64Attr>:$promote);
  let results = (outs Kinu_Float:$dhidden, Kinu_Float:$dweight);
  let hasVerifier = 1;
  let regions = (region SizedRegion<1>:$logit, SizedRegion<1>:$logit_backward);
  let assemblyFormat = [{ $hidden `,` $weight `,` $target `,` $logsumexp `,` $gradient (`extras` $extras^)? `sum` $sum `over` $over
                          (`promote` $promote^)? attr-dict `:` functional-type(operands, results) $logit $logit_backward }];
}

def NormOp : Kinu_Composite<"norm"> {
  let summary = "a normalisation over axes, scaled and shifted";
  let description = [{
    LayerNorm, RMSNorm and their like: the region, whose arguments are the operands, is the definition. It keeps nothing
    for its derivative but its operands. `over` are the axes that it normalises over. Lifespan: from `recognise` to `fuse`.
  }];
  let arguments = (ins Variadic<Kinu_Any>:$operands, StrArrayAttr:$over);
  let results = (outs Kinu_Float:$result);
  let hasVerifier = 1;
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$operands `over` $over attr-dict `:` functional-type(operands, results) $body";
}
def NormBackwardOp : Kinu_Composite<"norm_backward"> {
  let summary = "the gradients of a norm's operands";
  let description = [{
    The operands are the norm's and then the gradient of its result; the region computes the norm's statistics again and
    yields a gradient for each result. Lifespan: from `differentiate` to `fuse`.
  }];
  let arguments = (ins Variadic<Kinu_Any>:$operands, StrArrayAttr:$over);
  let results = (outs Variadic<Kinu_Float>:$gradients);
  let hasVerifier = 1;
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$operands `over` $over attr-dict `:` functional-type(operands, results) $body";
}
