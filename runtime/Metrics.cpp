// See Metrics.h.
#include "runtime/Metrics.h"

#include "runtime/File.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace kinu::rt {

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

MetricsFile::MetricsFile(const std::string &path, int64_t step) : path(path) {
  if (std::filesystem::is_regular_file(path)) {
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
