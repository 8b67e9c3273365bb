// What a model that sees one symbol back can reach: the measure of how much the corpus asks of memory.
#pragma once

#include <cstdint>
#include <vector>

namespace quickstart {

/// Nats per symbol of `test` under an interpolated Kneser-Ney bigram of `training` (Kneser and Ney 1995, with absolute
/// discount n1 / (n1 + 2 n2), interpolated with continuation counts, these with uniform). Symbols are below `symbols`.
double bigramCrossEntropy(const std::vector<int32_t> &training, const std::vector<int32_t> &test, int32_t symbols);

} // namespace quickstart
