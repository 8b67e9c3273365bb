// Check: from the syntax tree to the typed model. Every error a user can make in a model, a train block or a layout (as
// far as one rank can tell) is reported here, with its place.
#pragma once

#include "compiler/support/Diagnostics.h"
#include "compiler/syntax/Tree.h"
#include "compiler/syntax/TypedModel.h"

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace kinu::check {

struct CheckOptions {
  /// Lengths of axes that the run binds, before what the train block says: `{"batch", 1}` for generation. The length of
  /// `batch` is that of one micro-batch.
  std::map<std::string, int64_t> lengths;
  /// `-D name=n`: replaces a size, the length of a bound axis, or accumulate, steps, seed, evaluate, checkpoint.
  std::map<std::string, int64_t> defines;
  /// What `training` is in this program.
  bool training = true;
  /// The tree of an imported file, parsed; null when there is none, which check reports.
  std::function<const syntax::File *(const syntax::ImportDecl &)> import;
};

/// Elaborates the model of `file`. None when an error was reported, here or by the parser before.
std::optional<TypedModel> check(const syntax::File &file, const CheckOptions &options, Diagnostics &diagnostics);

} // namespace kinu::check
