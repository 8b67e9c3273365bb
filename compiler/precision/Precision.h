// The precision stage: the storage and compute type of every tensor.
//
// Everything is fp32 so far; what asks for less is refused at its place, before anything is compiled. The pass that
// types tensors and makes casts and loss scaling explicit will stand here, between differentiate and shard.
#pragma once

#include "compiler/machines/Machine.h"
#include "compiler/support/Diagnostics.h"
#include "compiler/syntax/TypedModel.h"

namespace kinu::precision {

/// Reports `unsupported-precision` if the train block asks for a type that kernels for the machine do not have.
void check(const typed::TrainConfig &train, const machines::Machine &machine, Diagnostics &diagnostics);

} // namespace kinu::precision
