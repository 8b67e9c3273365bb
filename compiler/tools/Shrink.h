// A small model of the same shape: sizes and degrees with which a spec and one of its layouts still check.
#pragma once

#include "compiler/Pipeline.h"

namespace kinu::tools {

struct Shrunken {
  std::map<std::string, int64_t> defines; ///< sizes, lengths of the run, settings
  std::map<std::string, int64_t> degrees; ///< of the mesh, whose product is the number of ranks
  std::vector<std::string> whole;         ///< mesh axes that are left with one rank although the layout has more
  std::vector<std::string> padded;        ///< axes that do not divide in the spec: nor shall they here
  std::optional<TypedModel> model;        ///< as it checks with these
};

/// Ids that any vocabulary of a shrunken model has: what the characters of its text need.
inline constexpr int64_t kLeastIds = 32;

/// Reduces the model of `options.spec` for its layout `options.layout` on so many ranks. Why not, if it cannot be.
llvm::Expected<Shrunken> shrink(const PipelineOptions &options, int64_t ranks);

} // namespace kinu::tools
