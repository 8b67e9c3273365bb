// See Report.h.
#include "test/bench/gemm/Report.h"

#include "test/bench/gemm/Measure.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

using namespace kinu::bench;

void kinu::bench::printHeader() {
  std::printf("%-22s %5s %2s %8s %9s %9s %8s %9s %8s\n", "product", "", "", "ours", "plain", "preferred", "/ plain",
              "/ prefer.", "differs");
}

void kinu::bench::printRow(const Row &row) {
  std::printf("%-22s %5s %2d %8.1f %9.1f %9.1f %8.3f %9.3f %8.1e", row.name.c_str(), row.precision.c_str(), row.threads,
              row.ours * 1e-9, row.plain * 1e-9, row.preferred * 1e-9, row.overPlain, row.overPreferred,
              row.difference);
  if (row.disturbed)
    std::printf("  (%d of %d rounds on a busy machine)", row.disturbed, row.rounds);
  std::printf("\n");
  std::fflush(stdout);
}

namespace {
/// Of the rows of one precision and number of threads.
struct Summary {
  double logPlain = 0, logPreferred = 0;
  const Row *worst = nullptr;
  int rows = 0;

  void add(const Row &row) {
    logPlain += std::log(row.overPlain);
    logPreferred += std::log(row.overPreferred);
    if (!worst || row.overPreferred < worst->overPreferred)
      worst = &row;
    ++rows;
  }
  double plain() const { return std::exp(logPlain / rows); }
  double preferred() const { return std::exp(logPreferred / rows); }
};
} // namespace

static std::map<std::pair<std::string, int>, Summary> summarize(const std::vector<Row> &rows) {
  std::map<std::pair<std::string, int>, Summary> summaries;
  for (const Row &row : rows)
    summaries[{row.precision, row.threads}].add(row);
  return summaries;
}

void kinu::bench::printSummary(const std::vector<Row> &rows) {
  std::map<int, CanaryRange> canaries;
  for (const auto &[key, summary] : summarize(rows)) {
    std::printf("%s, %d thread(s), geometric mean of %d: %.3f of oneDNN with plain weights, %.3f of oneDNN with its "
                "preferred layout; least %.3f (%s)\n",
                key.first.c_str(), key.second, summary.rows, summary.plain(), summary.preferred(),
                summary.worst->overPreferred, summary.worst->name.c_str());
    canaries[key.second] = canaryRange(key.second);
  }
  for (const auto &[threads, canary] : canaries)
    std::printf("canary, %d thread(s): %.0f GF/s a core at best, %.0f in the median, %.0f at least\n", threads,
                canary.best * 1e-9, canary.median * 1e-9, canary.lowest * 1e-9);
}

void kinu::bench::printJson(const std::vector<Row> &rows) {
  nlohmann::ordered_json json;
  for (const Row &row : rows)
    json["products"].push_back({{"name", row.name},
                                {"precision", row.precision},
                                {"threads", row.threads},
                                {"ours_gflops", row.ours * 1e-9},
                                {"plain_gflops", row.plain * 1e-9},
                                {"preferred_gflops", row.preferred * 1e-9},
                                {"over_plain", row.overPlain},
                                {"over_preferred", row.overPreferred},
                                {"difference", row.difference},
                                {"rounds", row.rounds},
                                {"busy_rounds", row.disturbed}});
  for (const auto &[key, summary] : summarize(rows))
    json["means"].push_back({{"precision", key.first},
                             {"threads", key.second},
                             {"over_plain", summary.plain()},
                             {"over_preferred", summary.preferred()},
                             {"least_over_preferred", summary.worst->overPreferred}});
  std::printf("%s\n", json.dump(2).c_str());
}
