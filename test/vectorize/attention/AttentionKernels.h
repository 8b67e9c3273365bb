// Kernels of attention as text, for any order of axes, element, mask and extra operands: what tests and benchmarks
// compile.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace kinu::test {

/// Axes are letters: s the query axis, t the key axis, the rest as a case likes; in memory order.
struct AttentionCase {
  std::map<char, int64_t> lengths;
  std::string q, k, v, result, sum;
  /// MLIR between `%raw` and `%score`, and between `%raw`, `%dt` and `%ds`; `!raw` is the scores' type, `!s` a scalar.
  /// Types `!is`, `!it`, `!st` are indices of a query, a key, and conditions of both; `!rawbool` of all scores.
  std::string score, backward;
  /// Axes and element of each extra operand, `%y0`, `%y1` ... of types `!x0` ... in the regions.
  std::vector<std::pair<std::string, std::string>> extras = {};
  std::string element = "f32"; ///< of q, k, v, the result and the gradients; the rest is f32
  int64_t promote = 0;         ///< the attribute, if not 0
};

std::string forwardText(const AttentionCase &c);
std::string backwardText(const AttentionCase &c);

/// A score and its derivative: score = 0.25 raw, and -inf where no mask lets the query see the key.
struct Mask {
  std::string score, backward;
};
Mask noMask();
/// key <= query + offset.
Mask causal(int64_t offset = 0);
/// `predicate` (le, lt, ge ...) between key and query.
Mask compared(const std::string &predicate);
/// query - window < key <= query.
Mask slidingWindow(int64_t window);
/// Causal, and document[query] = document[key]; extras: {"s", "i64"}, {"t", "i64"}.
Mask packedDocuments();
/// key + y1 <= query + y0: queries and keys begin somewhere in their sequences; extras: {"", "i64"}, twice.
Mask causalOfParts();
/// Causal, with 0.125 (key - query) added.
Mask alibi();

} // namespace kinu::test
