// The passes of the precision stage, in the order in which they run.
#ifndef KINU_PRECISION_PASSES_TD
#define KINU_PRECISION_PASSES_TD

include "mlir/Pass/PassBase.td"

def NarrowProducts : Pass<"kinu-narrow-products", "::mlir::ModuleOp"> {
  let summary = "gives products 16-bit operands, and stores in 16 bits what only they and elementwise ops read";
  let description = [{
    The operands of every `kinu.dot`, attention and linear + cross-entropy are cast to `format`; sums stay in fp32. Left
    alone are products with an `fp32(...)` side, and those of which one side depends on no weight.

    A product's result, with a bias added to it if there is one, is rounded to 16 bits too: that is what is stored, and
    who computes with it reads it back as f32. Not so a gradient that goes to weights only, an output, what a repeat
    carries or sums, what a softmax reduces, and what `fp32(...)` wants: those stay f32, and with them residual streams,
    statistics, losses, accumulated gradients and the optimizer.

    A value that a product reads in 16 bits is read in 16 bits by others, too, if it would only be in memory for them;
    but for sums of equals (residual streams) and norms, which read it before it is rounded.

    ```mlir
    %y = kinu.dot %x, %w over ["embed"] : (!x, !w) -> !y                       // all f32
    %z = kinu.add %y, %bias : (!y, !b) -> !y
    // becomes
    %x16 = kinu.cast %x, %w16 = kinu.cast %w
    %y = kinu.dot %x16, %w16 over ["embed"] : (!x16, !w16) -> !y
    %s = kinu.add %y, %bias : (!y, !b) -> !y
    %z16 = kinu.cast %s : (!y) -> !y16
    %z = kinu.cast %z16 : (!y16) -> !y
    ```

    First in the stage. It stands behind `differentiate`, so that the backward pass is typed by the same rules.
  }];
  let options = [
    Option<"format", "format", "std::string", "\"bf16\"", "bf16 or f16">,
    Option<"promote", "promote", "int64_t", "0",
           "f16: products are summed in f16 for so many terms, those sums in f32; 0: all in f32">];
  let statistics = [Statistic<"narrowed", "narrowed", "products of 16-bit operands">,
                    Statistic<"kept", "kept", "products left in fp32">];
  let dependentDialects = ["::kinu::KinuDialect"];
}

def NarrowSaved : Pass<"kinu-narrow-saved", "::mlir::ModuleOp"> {
  let summary = "saves in 16 bits what backward repeats read in 16 bits";
  let description = [{
    A value that a forward repeat saves, and that either is a 16-bit number there already or is read by the backward
    repeat in 16 bits only, is saved in 16 bits: the cast moves before the `kinu.yield`. What the backward repeat reads
    otherwise keeps its fp32.

    It stands behind `kinu-narrow-products`, whose casts it reads.
  }];
  let statistics = [Statistic<"narrowed", "narrowed", "saved values">];
  let dependentDialects = ["::kinu::KinuDialect"];
}

def KeepCopies : Pass<"kinu-keep-copies", "::mlir::ModuleOp"> {
  let summary = "keeps a 16-bit copy of every weight that is read in 16 bits";
  let description = [{
    Every `kinu.cast` of a weight that was read becomes a `kinu.read` of its copy, the variable `<path>.copy` of role
    `copy`. `@update` writes the copy together with the weight, which is one pass over memory after `fuse`; the program
    `refresh` computes all copies from their owners, for when those were set from outside.

    ```mlir
    %w = kinu.read @w : !w
    %0 = kinu.cast %w : (!w) -> !w16
    // becomes
    %0 = kinu.read @w.copy : !w16
    ```

    Last in the stage, when all casts are there.
  }];
  let statistics = [Statistic<"copies", "copies", "variables of role copy">];
  let dependentDialects = ["::kinu::KinuDialect"];
}

#endif
