// Differentiate: from a program that computes the loss to one training step.
#pragma once

#include "compiler/syntax/TypedModel.h"
#include "dialects/kinu/Kinu.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/Pass.h"

namespace kinu {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/differentiate/Passes.h.inc"

namespace differentiate {

/// Attaches the derivative rules to the ops of the kinu dialect: wanted in every context that runs the pass.
void registerDerivatives(mlir::DialectRegistry &registry);

/// The pass's options for the optimizer of a train block.
DifferentiateOptions optionsFor(const typed::Optimizer &optimizer);

/// How `@update` changes the weights.
struct Optimizer {
  bool adamw = true; ///< else SGD
  double beta1, beta2, epsilon, decay, momentum, clip;
  bool scaleLoss; ///< gradients are multiples of themselves by `$loss_scale`
};

/// Appends `@update` and the variables it needs, for the trained variables of the module that have gradients.
void emitUpdate(mlir::ModuleOp module, const Optimizer &optimizer);

/// Whether a variable is trained: a weight, bias or gain.
bool isTrained(VariableOp variable);

} // namespace differentiate
} // namespace kinu
