// Initial values of weights: a pure function of (seed, path, element), the same under every layout and thread count.
#pragma once

#include "runtime/Manifest.h"

namespace kinu::rt {

class Mesh;

/// The value of element `element` (linear index in the whole stacked variable, in declared order) of the variable
/// `path`, drawn as `init` says.
///
/// Key: seed XOR FNV-1a(path). Counter: (element low, element high, 0, 0xFFFFFFFF).
/// normal: Box-Muller in double from words 0 and 1: u = (word + 0.5) / 2^32,
///   a + b * sqrt(-2 ln u1) * cos(2 pi u2).
/// truncated normal: attempt k = 0, 1, ... draws the normal from words 2(k mod 2) and 2(k mod 2) + 1 of the counter
///   whose third word is k / 2; the first attempt whose standard normal is in [-2, 2] counts.
/// uniform: a + (b - a) * (word 0 >> 8) * 2^-24, in [a, b).
float initialValue(const Initializer &init, uint64_t seed, uint64_t path, uint64_t element);

/// Fills `count` values of the variable `path`, from element `first` of the whole on, over all threads.
void fillInitial(const Initializer &init, uint64_t seed, const std::string &path, float *values, int64_t count,
                 int64_t first = 0);

/// Initial state of a run: weights, biases and gains as drawn (this rank's part of them), moments and gradients zero.
void initializeVariables(const Manifest &manifest, char *arena, uint64_t seed, const Mesh &mesh);

} // namespace kinu::rt
