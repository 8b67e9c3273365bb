// Metrics as JSON lines: one object per step or evaluation, for plotting and for tests.
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace kinu::rt {

/// A file of JSON lines, each with a `step`, written as they come.
class MetricsFile {
public:
  /// Opens or creates `path`, keeping the lines of steps up to `step` and dropping the rest: an interrupted run wrote
  /// them after its last checkpoint and they will come again. A file that holds anything else than metrics is refused
  /// if the user named it, and else cut off there. Throws Failure: Exit::Io, or Exit::Usage for such a file.
  MetricsFile(const std::string &path, int64_t step, bool namedByUser);
  ~MetricsFile();
  MetricsFile(const MetricsFile &) = delete;
  MetricsFile &operator=(const MetricsFile &) = delete;

  /// Throws Failure (Exit::Io).
  void write(const nlohmann::ordered_json &line);

private:
  std::string path;
  std::FILE *file;
};

} // namespace kinu::rt
