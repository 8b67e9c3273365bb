#include "compiler/shard/Shard.h"

#include <algorithm>

using namespace kinu;

/// The fewest ranks that a layout can run on: the product of the smallest degrees.
static int64_t fewestRanks(const typed::Layout &layout) {
  int64_t ranks = 1;
  for (const typed::MeshAxis &axis : layout.mesh)
    if (!axis.degrees.empty())
      ranks *= *std::min_element(axis.degrees.begin(), axis.degrees.end());
  return ranks;
}

void shard::check(const TypedModel &model, const std::string &name, Diagnostics &diagnostics) {
  if (name.empty())
    return;
  std::string known;
  for (const typed::Layout &layout : model.layouts) {
    if (layout.name == name) {
      if (int64_t ranks = fewestRanks(layout); ranks > 1)
        diagnostics
            .error("too-many-ranks", layout.range,
                   "layout `" + name + "` needs at least " + std::to_string(ranks) + " ranks; executables run on one")
            .suggest("build without `--layout`, or add a degree of 1 to every mesh axis");
      return;
    }
    known += (known.empty() ? "`" : ", `") + layout.name + "`";
  }
  SourceRange place = model.train ? model.train->range : SourceRange();
  diagnostics.error("unknown-layout", place, "there is no layout `" + name + "`")
      .suggest(known.empty() ? "the file has no layout" : "the file has " + known);
}
