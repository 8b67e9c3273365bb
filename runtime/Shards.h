// The corpus as piece ids: encoded once, kept beside the checkpoints as memory-mapped shards with a manifest.
//
// A shard folder `KEY.RANDOM` holds {train,validation}.{tokens,starts} and manifest.json, which is written last: a
// folder without it is what a killed run left and is made again. KEY is a hash of all that the ids depend on: text,
// tokenizer, split, fields. `tokens` are ids in 16 bits (32 if the model has over 65536 pieces), `starts` 64-bit
// offsets into them: where each document begins or, when samples are lines, each field of each line; and the end.
#pragma once

#include "runtime/File.h"
#include "runtime/Manifest.h"
#include "runtime/Tokenizer.h"

#include <string>

namespace kinu::rt {

/// One part of the corpus, encoded.
class TokenShard {
public:
  TokenShard() = default;
  TokenShard(const std::string &tokens, const std::string &starts, int idBytes);

  int64_t tokens() const { return int64_t(ids.bytes().size()) / idBytes; }
  int64_t token(int64_t index) const {
    return idBytes == 2 ? reinterpret_cast<const uint16_t *>(ids.bytes().data())[index]
                        : reinterpret_cast<const uint32_t *>(ids.bytes().data())[index];
  }
  /// Documents, or lines times fields.
  int64_t pieces() const { return int64_t(offsets.bytes().size()) / 8 - 1; }
  int64_t start(int64_t piece) const { return reinterpret_cast<const int64_t *>(offsets.bytes().data())[piece]; }
  /// The document that token `index` is in.
  int64_t documentOf(int64_t index) const;

  int64_t characters = 0; ///< of the raw text it was made from
  std::string tokensHash, startsHash;

private:
  MappedFile ids, offsets;
  int idBytes = 2;
};

struct Shards {
  TokenShard training, validation;
  std::string key;        ///< changes whenever the ids may change
  int64_t fieldCount = 0; ///< fields of a line when samples are lines, else 0
};

/// Fields that a line must have for these bindings; 0 if none is bound to a line.
int64_t countFields(const std::vector<Binding> &bindings);

/// Encodes the corpus of `plan` into a folder under `cacheFolder`, or opens it if it is there already, whole and
/// unchanged. Throws Failure: Exit::BadData for the text, Exit::Io if the folder cannot be written.
Shards encodeCorpus(const DataPlan &plan, const Tokenizer &tokenizer, const std::string &cacheFolder);

} // namespace kinu::rt
