// See Metrics.h.
#include "runtime/Metrics.h"

#include "runtime/File.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace kinu::rt {

static bool isMetrics(std::string_view line) {
  auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  return json.is_object() && json.contains("step") && json["step"].is_number();
}

/// Whether a run could have written this: lines of metrics, the last one perhaps cut off.
static bool isMetricsFile(std::string_view text) {
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != text.npos; begin = end + 1)
    if (!isMetrics(text.substr(begin, end - begin)))
      return false;
  std::string_view rest = text.substr(begin), start = "{\"step\":";
  return rest.substr(0, start.size()) == start.substr(0, rest.size());
}

/// Bytes of the leading whole lines whose step is at most `step`.
static size_t keptBytes(std::string_view text, int64_t step) {
  size_t kept = 0;
  for (size_t end; (end = text.find('\n', kept)) != text.npos; kept = end + 1) {
    auto line = nlohmann::json::parse(text.substr(kept, end - kept), nullptr, /*allow_exceptions=*/false);
    if (!line.is_object() || !line.contains("step") || !line["step"].is_number() || line["step"] > step)
      break;
  }
  return kept;
}

MetricsFile::MetricsFile(const std::string &path, int64_t step, bool namedByUser) : path(path) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored)) {
    if (namedByUser && !isMetricsFile(MappedFile(path).bytes()))
      fail(Exit::Usage, "`", path, "` holds something else than metrics; name another file with --metrics");
    size_t kept = keptBytes(MappedFile(path).bytes(), step);
    if (truncate(path.c_str(), off_t(kept)))
      fail(Exit::Io, "cannot write `", path, "`: ", std::strerror(errno));
  }
  file = std::fopen(path.c_str(), "a");
  if (!file)
    fail(Exit::Io, "cannot write `", path, "`: ", std::strerror(errno));
}

MetricsFile::~MetricsFile() { std::fclose(file); }

void MetricsFile::write(const nlohmann::ordered_json &line) {
  if (std::fputs((line.dump() + "\n").c_str(), file) < 0 || std::fflush(file))
    fail(Exit::Io, "cannot write `", path, "`: ", std::strerror(errno));
}

} // namespace kinu::rt
