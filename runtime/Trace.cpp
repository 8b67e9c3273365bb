// See Trace.h. The format: "Trace Event Format", complete events ("ph": "X"), times in microseconds.
#include "runtime/Trace.h"

#include "runtime/File.h"

#include <nlohmann/json.hpp>

namespace kinu::rt {

static double microseconds(Trace::Clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

void Trace::write(const std::string &path) const {
  nlohmann::json all = nlohmann::json::array();
  all.push_back({{"ph", "M"},
                 {"name", "process_name"},
                 {"pid", rank},
                 {"args", {{"name", "rank " + std::to_string(rank)}}}});
  for (const Event &event : events)
    all.push_back({{"ph", "X"},
                   {"name", event.name},
                   {"cat", event.category},
                   {"pid", rank},
                   {"tid", 0},
                   {"ts", microseconds(event.begin - start)},
                   {"dur", microseconds(event.end - event.begin)}});
  replaceFile(path, nlohmann::json{{"traceEvents", std::move(all)}, {"displayTimeUnit", "ms"}}.dump());
}

} // namespace kinu::rt
