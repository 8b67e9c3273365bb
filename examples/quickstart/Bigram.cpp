// Interpolated Kneser-Ney: p(b | a) = max(c(a b) - d, 0) / c(a) + d types(a) / c(a) * q(b), where q(b) is the share of
// distinct predecessors of b among all distinct pairs, smoothed by one pair for every symbol.
#include "examples/quickstart/Bigram.h"

#include <cmath>
#include <unordered_map>

double quickstart::bigramCrossEntropy(const std::vector<int32_t> &training, const std::vector<int32_t> &test,
                                      int32_t symbols) {
  std::unordered_map<uint64_t, int64_t> pairs;
  auto pairOf = [](int32_t a, int32_t b) { return uint64_t(uint32_t(a)) << 32 | uint32_t(b); };
  for (size_t i = 1; i < training.size(); ++i)
    ++pairs[pairOf(training[i - 1], training[i])];

  std::vector<int64_t> count(symbols, 0), followers(symbols, 0), predecessors(symbols, 0);
  double once = 0, twice = 0;
  for (const auto &[pair, times] : pairs) {
    size_t a = size_t(pair >> 32), b = size_t(uint32_t(pair));
    count[a] += times;
    ++followers[a];
    ++predecessors[b];
    once += times == 1;
    twice += times == 2;
  }
  double discount = once > 0 ? once / (once + 2 * twice) : 0;

  double nats = 0;
  for (size_t i = 1; i < test.size(); ++i) {
    size_t a = size_t(test[i - 1]), b = size_t(test[i]);
    double unigram = (double(predecessors[b]) + 1) / (double(pairs.size()) + symbols);
    double probability = unigram;
    if (count[a] > 0) {
      auto found = pairs.find(pairOf(int32_t(a), int32_t(b)));
      double kept = found == pairs.end() ? 0 : double(found->second) - discount;
      probability = (kept + discount * double(followers[a]) * unigram) / double(count[a]);
    }
    nats -= std::log(probability);
  }
  return nats / double(test.size() - 1);
}
