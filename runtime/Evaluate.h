// The loss over the whole validation part.
#pragma once

#include "runtime/Bindings.h"
#include "runtime/Executor.h"

#include <map>
#include <optional>
#include <string>

namespace kinu::rt {

struct Evaluation {
  double loss = 0;                    ///< nats per element that the loss counts (per token, for a language model)
  bool perSequence = false;           ///< the loss counts one element of a sequence, as that of a classifier does
  std::optional<double> perCharacter; ///< nats per character of raw text; only for losses over running text
  int64_t samples = 0;                ///< windows or lines
  std::map<std::string, double> metrics;
};

/// Throws Failure (Exit::BadData) if `shard`, the validation part, has not one window or line, saying what to do.
void checkValidation(Executor &executor, const Manifest &manifest, const InputLoader &loader, const TokenShard &shard);

/// Runs the program `eval` over all non-overlapping windows (or all lines) of `shard` in order. Nothing if a signal
/// asked to stop on the way. Auxiliary losses are left out. Throws Failure (Exit::BadData) if there is not one window.
std::optional<Evaluation> evaluate(Executor &executor, const Manifest &manifest, const InputLoader &loader,
                                   const TokenShard &shard);

/// "loss 1.8967 nats per token, 1.8967 per character, perplexity 6.66", or "loss 0.3 nats per sequence".
std::string describe(const Evaluation &evaluation);

} // namespace kinu::rt
