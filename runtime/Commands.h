// The commands of a training executable besides `train` and `generate`.
#pragma once

#include "runtime/Run.h"

namespace kinu::rt {

/// `eval`: prints the loss over the validation part at the newest checkpoint. Returns Exit::Stopped if a signal came.
Exit evaluateCheckpoint(const Run &run);

/// `info`: prints sizes, memory, programs and variables.
void printInfo(const Run &run);

/// `profile`: trains a few steps from initial weights and prints what each kernel took, beside what the compiler's
/// model says if the executable was built with --report=kernels. Saves nothing. Returns Exit::Stopped if a signal came.
Exit profileSteps(const Run &run);

/// `rehearse`: runs a few steps in which kernels sleep for the time that they are modelled at, and messages are sent as
/// ever: prints how long each rank has nothing to do. `--seconds` stretches the times until the busiest rank's kernels
/// take so long a step, since a small model's are too short to sleep. Computes and saves nothing. With `--rank` one rank
/// computes instead, without the others: what it is sent is made up, what it takes of time and memory is real.
Exit rehearseSteps(const Run &run);

/// `gradients`: loss and gradients of the first step from initial weights, to the safetensors file --out: `loss`,
/// `gradient/PATH`, `weight/PATH`, and `input.M/NAME` for each micro-batch M. The gradients are those of the loss over
/// the global batch, before clipping.
void writeGradients(const Run &run);

} // namespace kinu::rt
