// Programs, variables, and what enters and leaves a program.

def VariableOp : Kinu_Op<"variable", [Symbol]> {
  let summary = "a tensor that outlives a step";
  let description = [{
    A weight, bias or gain of the model, or a moment or gradient that belongs to one. Its symbol is the path that names
    it in checkpoints and seeds its random numbers. The axes of enclosing repeats come first. `init` is one of
    `normal` and `truncated_normal` (mean a, deviation b, the latter cut at two deviations), `uniform` (from a to b),
    `zeros`, `ones`. Role `copy` is its owner in 16 bits, made by the program `refresh` at the start and by `update` after
    each step (`precision`); role `sum` is what a rank has of its owner's gradient when it is summed over ranks
    (`shard`). Lifespan: from `import` (weights) or `differentiate` (the rest) to `emit`.

    ```mlir
    kinu.variable @layer.attention.wq weight normal(0.0, 0.02) : !kinu.tensor<layer=12, embed=768, head=12, dim=64 : f32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$role, StrAttr:$init, F64Attr:$a, F64Attr:$b,
                       TypeAttrOf<Kinu_Any>:$type, OptionalAttr<StrAttr>:$owner);
  let assemblyFormat = "$sym_name custom<Word>($role) custom<Word>($init) `(` $a `,` $b `)` (`of` $owner^)? attr-dict `:` $type";
  let hasVerifier = 1;
}

def ProgramOp : Kinu_Op<"program", [Symbol, NoTerminator, SingleBlock, IsolatedFromAbove, NoRegionArguments]> {
  let summary = "a list of computations over the module's variables";
  let description = [{
    `train`, `eval` and `generate` come from `import`. `differentiate` replaces `train` by `micro` (forward, backward and
    accumulation for one micro-batch), `count` (how many elements a masked loss averages over) and `update` (clipping
    and the optimizer). `reduce`, from `shard` to `schedule`, sums gradients over ranks; `kinu-merge-reductions` makes it
    part of a step's last micro-batch, `micro.last` where there are several. `constants` runs once and holds tables of
    index expressions; `refresh` runs when variables were set from outside, and computes the copies of role `copy`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
}

def InputOp : Kinu_Op<"input", [Pure]> {
  let summary = "what the run puts in: a batch of data, or a scalar such as `$step`";
  let description = [{
    Inputs of the model have its names; scalars of the run begin with `$`. `below` is the length of the axis that ids
    belong to: the run checks it.
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<I64Attr>:$below);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$name (`below` $below^)? attr-dict `:` type($result)";
}

def ReadOp : Kinu_Op<"read", [MemoryEffects<[MemRead]>]> {
  let summary = "the value of a variable, or of one round's slice of it";
  let description = [{
    Each of `rounds` is the index value of an enclosing repeat and removes the variable's leading axis of that repeat.

    ```mlir
    %wq = kinu.read @layer.attention.wq[%layer] : !kinu.tensor<embed=768, head=12, dim=64 : f32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$variable, Variadic<Kinu_Int>:$rounds);
  let results = (outs Kinu_Any:$result);
  let assemblyFormat = "$variable (`[` $rounds^ `:` type($rounds) `]`)? attr-dict `:` type($result)";
}

def WriteOp : Kinu_Op<"write", [MemoryEffects<[MemWrite]>]> {
  let summary = "replaces the value of a variable, or of one round's slice of it";
  let arguments = (ins FlatSymbolRefAttr:$variable, Variadic<Kinu_Int>:$rounds, Kinu_Any:$value);
  let assemblyFormat = "$variable (`[` $rounds^ `:` type($rounds) `]`)? `,` $value attr-dict `:` type($value)";
}

def AccumulateOp : Kinu_Op<"accumulate", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "adds to a gradient, or replaces it in the first micro-batch";
  let description = [{
    The sum is in fp32. Where a step has one micro-batch it is a `write`; otherwise the input `$first` tells the
    first one. Lifespan: from `differentiate` to `fuse`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$variable, Variadic<Kinu_Int>:$rounds, Kinu_Any:$value);
  let assemblyFormat = "$variable (`[` $rounds^ `:` type($rounds) `]`)? `,` $value attr-dict `:` type($value)";
}

def OutputOp : Kinu_Op<"output", [MemoryEffects<[MemWrite]>]> {
  let summary = "names a value that leaves the program";
  let description = [{
    Outputs of the model have its names. After `import` a training or evaluation program also has the scalars
    `$loss_sum`, `$loss_count`, `$aux_sum` (a sum over sequences) and `metric.NAME.sum`, `metric.NAME.count`.
  }];
  let arguments = (ins StrAttr:$name, Kinu_Any:$value);
  let assemblyFormat = "$name `,` $value attr-dict `:` type($value)";
}

def RepeatOp : Kinu_Op<"repeat", [SingleBlockImplicitTerminator<"YieldOp">, RecursiveMemoryEffects,
                                  AttrSizedOperandSegments, AttrSizedResultSegments]> {
  let summary = "rounds of the same computation";
  let description = [{
    The body runs `count` times, from the last round to the first if `reverse`. Its arguments are the round's index, the
    carried values, and this round's slice of every `stacked` input (the axis `axis` removed). It yields, in this order,
    the carried values; values whose sum over rounds is a result (`summed`: auxiliary losses, gradients of shared
    weights); and values of which every round's is kept under `axis` (`saved`: what a backward pass needs). Values from
    outside may be used inside.

    ```mlir
    %h, %kept = kinu.repeat "layer" 12 carried(%h0) stacked() { ^bb0(%layer, %h): ... kinu.yield %next, %q }
    ```
  }];
  let arguments = (ins StrAttr:$axis, I64Attr:$count, UnitAttr:$reverse, Variadic<Kinu_Any>:$carried,
                       Variadic<Kinu_Any>:$stacked);
  let results = (outs Variadic<Kinu_Any>:$results, Variadic<Kinu_Any>:$sums, Variadic<Kinu_Any>:$saved);
  let regions = (region SizedRegion<1>:$body);
  let hasVerifier = 1;
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    ::mlir::Value getRound() { return getBody().getArgument(0); }
    ::llvm::ArrayRef<::mlir::BlockArgument> getCarriedArguments() {
      return getBody().getArguments().slice(1, getCarried().size());
    }
    ::llvm::ArrayRef<::mlir::BlockArgument> getStackedArguments() {
      return getBody().getArguments().drop_front(1 + getCarried().size());
    }
    YieldOp getYield();
    /// The type of values of type `slice`, one for each round.
    ::kinu::NamedTensorType getStackedType(::kinu::NamedTensorType slice);
  }];
}

def YieldOp : Kinu_Op<"yield", [Pure, Terminator]> {
  let summary = "ends a region";
  let arguments = (ins Variadic<Kinu_Any>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins)>];
}
