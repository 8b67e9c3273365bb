// Recognise: composite ops for norms, attention and linear + cross-entropy, found from the mathematics.
#pragma once

#include "dialects/kinu/Kinu.h"

#include "mlir/Pass/Pass.h"

namespace kinu {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/recognise/Passes.h.inc"

namespace recognise {

/// All recognisers, over ops that are folded and free of duplicates.
void buildPipeline(mlir::OpPassManager &passes);

} // namespace recognise
} // namespace kinu
