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

inline constexpr int64_t kLongest = 4096;

struct CheckOptions {
  /// Lengths of axes that the run binds, before what the train block says: `{"batch", 1}` for generation. The length of
  /// `batch` is that of one micro-batch.
  std::map<std::string, int64_t> lengths;
  /// `-D name=n`: replaces a size, the length of a bound axis, or accumulate, steps, seed, evaluate, checkpoint.
  std::map<std::string, int64_t> defines;
  /// Axes that the run binds are as long as they may be (`up to n`, or else kLongest), whatever else is said: for what
  /// must not depend on the lengths of one run.
  bool longest = false;
  /// Degrees of mesh axes instead of those that `layout` lists, which is then the only one that is read.
  std::map<std::string, int64_t> degrees;
  std::string layout;
  /// What `training` is in this program. Layouts are of training: others are checked without them.
  bool training = true;
  /// The tree of an imported file, parsed; null when there is none, which check reports, with `reason` if it says one.
  std::function<const syntax::File *(const syntax::ImportDecl &, std::string &reason)> import;
};

/// Elaborates the model of `file`. None when an error was reported, here or by the parser before.
std::optional<TypedModel> check(const syntax::File &file, const CheckOptions &options, Diagnostics &diagnostics);

} // namespace kinu::check
