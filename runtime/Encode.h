// Text to piece ids, over all threads, streamed to files.
#pragma once

#include "runtime/Corpus.h"
#include "runtime/Tokenizer.h"

#include <string>
#include <vector>

namespace kinu::rt {

/// What was written.
struct EncodedFiles {
  int64_t tokens = 0, characters = 0;
  std::string tokensHash, startsHash;
};

/// Encodes `spans` line by line (a line includes its end) into new files `stem`.tokens and `stem`.starts, described in
/// Shards.h. With `fieldCount` > 0 samples are lines: line ends and empty lines are left out, and each line gives its
/// first `fieldCount` tab-separated fields. Throws Failure (Exit::BadData) for a line with fewer fields.
EncodedFiles encodeSpans(const std::vector<TextSpan> &spans, const Tokenizer &tokenizer, int64_t fieldCount,
                         const std::string &stem);

} // namespace kinu::rt
