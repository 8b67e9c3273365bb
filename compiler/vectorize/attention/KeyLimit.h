// Which keys a block of queries can see at all, read from the mask in a score region.
#pragma once

#include "compiler/vectorize/Emission.h"
#include "dialects/kinu/Kinu.h"

namespace kinu::vectorize {

/// How the last visible key depends on the query: keys up to query + `offset` may be seen, the others have score -inf.
/// Nothing if the region does not say so. Found where the region yields `select(c, x, -inf)` and `c` is, or is a
/// conjunction with, a comparison of the indices of the two axes, such as `key <= seq`.
std::optional<int64_t> keyLimit(mlir::Region &score, mlir::StringAttr query, mlir::StringAttr key);

} // namespace kinu::vectorize
