// Import: turns checked models into a module of the kinu dialect, one program per way of running the model.
#pragma once

#include "compiler/syntax/Source.h"
#include "compiler/syntax/TypedModel.h"
#include "dialects/kinu/Kinu.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace kinu::import {

/// The same model elaborated for each program; a null one is left out. `train` has the length of a micro-batch.
struct Models {
  const TypedModel *train = nullptr;
  const TypedModel *eval = nullptr;
  const TypedModel *generate = nullptr;
};

/// The module's programs `train`, `eval` and `generate` over the variables of the model. `train` and `eval` have the
/// outputs `$loss_sum` and `$loss_count` (what the loss adds up and how many elements that is), `$aux_sum` (train
/// only), and `metric.NAME.sum` and `metric.NAME.count`; `generate` has the model's outputs. Module attributes:
/// `kinu.global_batch` (sequences per step) and `kinu.micro_batches`.
mlir::OwningOpRef<mlir::ModuleOp> importModels(mlir::MLIRContext &context, const SourceMap &sources,
                                               const Models &models);

/// Lets `generate` compute one position of the logits: of the first output over `batch`, the positions of an input of
/// ids, and another axis. Which one the run says by the input `$position`; they are the output `$logits` then, and other
/// outputs go. Nothing happens where there is no such output.
void keepOnePosition(mlir::ModuleOp module);

} // namespace kinu::import
