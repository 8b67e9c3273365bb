// The table of a run, as text or as JSON.
#pragma once

#include <string>
#include <vector>

namespace kinu::bench {

/// Medians over rounds. Ratios are medians of the ratios within a round.
struct Row {
  std::string name, model, precision;
  int threads;
  double ours, plain, preferred;   ///< operations per second
  double overPlain, overPreferred; ///< ours / oneDNN's
  double difference;               ///< largest |ours - oneDNN's| over the largest |oneDNN's|
  int disturbed, rounds;           ///< rounds in which the canary saw the machine busy, and all of them
};

/// One line of the table, to be printed as soon as it is known.
void printHeader();
void printRow(const Row &row);
/// Geometric means and the worst shapes, by precision and threads.
void printSummary(const std::vector<Row> &rows);
void printJson(const std::vector<Row> &rows);

} // namespace kinu::bench
