// The pass of the differentiate stage.
#ifndef KINU_DIFFERENTIATE_PASSES_TD
#define KINU_DIFFERENTIATE_PASSES_TD

include "mlir/Pass/PassBase.td"

def Differentiate : Pass<"kinu-differentiate", "::mlir::ModuleOp"> {
  let summary = "makes one training step of the program `train`";
  let description = [{
    Replaces `kinu.program @train` by

    * `@micro`: forward, backward and accumulation of gradients for one micro-batch. The gradient is that of
      `$loss_sum / N + $aux_sum / global_batch`, where the input `$loss_count` is N, the number of elements that the
      loss of the whole step averages over (0 makes every gradient of that part 0);
    * `@count`, only if that number depends on the data: its output `$loss_count` for one micro-batch. Else the module
      gets the number for the whole step as `kinu.loss_count`;
    * `@update`: the norm of the whole gradient, clipping, and the optimizer, elementwise over whole variables.

    With `scale-loss`, gradients are those of the loss times the input `$loss_scale`, so that small ones are not lost in
    fp16; `@update` divides by it again, has the output `$overflow`, 1 where the norm of the gradient is not finite, and
    then writes to every variable what it held.

    A variable `<path>.gradient` is made for every weight, bias and gain, and `.moment1`, `.moment2` as the optimizer
    needs. Requires `kinu.global_batch` and `kinu.micro_batches` on the module. A repeat saves what its backward repeat
    needs and cannot compute again elementwise; composites save what their rules name. Dead forward code is left for
    canonicalization.

    ```mlir
    kinu.program @train {                          kinu.program @micro {
      %w = kinu.read @w                              %w = kinu.read @w
      %l = kinu.dot %w, %x over ["a"]                %l = kinu.dot %w, %x over ["a"]
      kinu.output "$loss_sum", %l             →      kinu.output "$loss_sum", %l
    }                                                %n = kinu.input "$loss_count"
                                                     %g = kinu.dot %seed, %x over []     // seed: 1 / n
                                                     kinu.accumulate @w.gradient, %g
                                                   }
    ```

    It stands after `recognise`, because composites have better derivatives than their definitions, and before
    `precision`, which also has to type the backward pass.
  }];
  let options = [
    Option<"optimizer", "optimizer", "std::string", "\"adamw\"", "adamw or sgd">,
    Option<"beta1", "beta1", "double", "0.9", "AdamW: decay of the gradient's mean">,
    Option<"beta2", "beta2", "double", "0.999", "AdamW: decay of the gradient's mean square">,
    Option<"epsilon", "epsilon", "double", "1e-8", "AdamW: added to the root of the mean square">,
    Option<"decay", "decay", "double", "0.0", "weight decay, of variables of role weight">,
    Option<"momentum", "momentum", "double", "0.0", "SGD: decay of the velocity">,
    Option<"clip", "clip", "double", "0.0", "largest norm of the whole gradient; 0 for no clipping">,
    Option<"scaleLoss", "scale-loss", "bool", "false", "multiply gradients by `$loss_scale` on their way">];
  let statistics = [Statistic<"saved", "saved", "values that forward repeats save for backward ones">];
  let dependentDialects = ["::kinu::KinuDialect"];
}

#endif
