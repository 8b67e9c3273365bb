// See Sampling.h.
#include "runtime/Sampling.h"

#include "runtime/Philox.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace kinu::rt {

int64_t samplePiece(std::span<const float> logits, const SamplingOptions &options, int64_t position) {
  std::vector<int64_t> order;
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] > -INFINITY) // false for NaN as well
      order.push_back(int64_t(i));
  if (order.empty())
    return -1;
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return std::pair(-logits[size_t(a)], a) < std::pair(-logits[size_t(b)], b); // ties: the lower index
  });
  double highest = logits[size_t(order[0])];
  if (options.temperature <= 0 || std::isinf(highest))
    return order[0];
  if (options.topK > 0 && options.topK < int64_t(order.size()))
    order.resize(size_t(options.topK));

  std::vector<double> weights;
  double total = 0;
  for (int64_t piece : order)
    total += weights.emplace_back(std::exp((logits[size_t(piece)] - highest) / options.temperature));
  double kept = 0;
  size_t count = 0;
  while (count < weights.size() && (count == 0 || kept < options.topP * total))
    kept += weights[count++];

  PhiloxKey key = streamKey(options.seed, fnv1a("generate"));
  double draw = unitFloat(streamWords(key, uint64_t(position), 0, 0)[0]) * kept;
  for (size_t i = 0; i < count; ++i)
    if ((draw -= weights[i]) < 0)
      return order[i];
  return order[count - 1];
}

} // namespace kinu::rt
