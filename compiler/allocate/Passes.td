// The pass of the allocate stage.
#ifndef KINU_ALLOCATE_PASSES_TD
#define KINU_ALLOCATE_PASSES_TD

include "mlir/Pass/PassBase.td"

def Allocate : Pass<"kinu-allocate", "::mlir::ModuleOp"> {
  let summary = "gives every value a place in one arena";
  let description = [{
    Requires straight lists of launches. Variables come first and stay; what programs compute on the way shares the rest,
    since programs never run at the same time. A value that is written to a variable is computed in the variable's own
    memory; a result takes the place of an operand that ends there, where the kernel allows it. What is left is packed by
    size, largest first, each at the lowest offset that is free for its whole life (Pisarchyk and Lee, Efficient memory
    management for deep neural net inference, 2020).

    Afterwards launches have `offsets`, variables, inputs and outputs `kinu.offset`, and the module `kinu.arena_bytes`,
    `kinu.variable_bytes` and, for each program, `kinu.program_bytes`: the memory of a run is known.
  }];
  let dependentDialects = ["::kinu::KinuDialect", "::kinu::step::StepDialect"];
  let statistics = [Statistic<"inplace", "in place", "results that take the place of an operand">];
}

#endif
