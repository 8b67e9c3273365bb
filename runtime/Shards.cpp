// See Shards.h.
#include "runtime/Shards.h"

#include "runtime/Corpus.h"
#include "runtime/Encode.h"
#include "runtime/Messages.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

namespace kinu::rt {

using Json = nlohmann::json;
namespace fs = std::filesystem;

TokenShard::TokenShard(const std::string &tokens, const std::string &starts, int idBytes)
    : ids(tokens), offsets(starts), idBytes(idBytes) {
  tokensHash = hashBytes(ids.bytes());
  startsHash = hashBytes(offsets.bytes());
}

int64_t TokenShard::documentOf(int64_t index) const {
  int64_t low = 0, high = pieces(); // start(low) <= index < start(high)
  while (high - low > 1) {
    int64_t middle = low + (high - low) / 2;
    (start(middle) <= index ? low : high) = middle;
  }
  return low;
}

static int64_t fieldsOf(const Source &source) {
  if (source.kind == Source::Kind::Line)
    return source.field + 1;
  return source.of ? fieldsOf(*source.of) : 0;
}

int64_t countFields(const std::vector<Binding> &bindings) {
  int64_t count = 0;
  for (const Binding &binding : bindings)
    count = std::max(count, fieldsOf(binding.source));
  return count;
}

static TokenShard openShard(const std::string &stem, int idBytes, const Json &json) {
  TokenShard shard(stem + ".tokens", stem + ".starts", idBytes);
  shard.characters = json.at("characters");
  return shard;
}

/// The shards in `folder` if they are complete and unchanged.
static std::optional<Shards> openShards(const fs::path &folder, int idBytes) {
  if (!fs::exists(folder / "manifest.json"))
    return std::nullopt;
  try {
    Json json = Json::parse(MappedFile((folder / "manifest.json").string()).bytes());
    Shards shards;
    shards.training = openShard((folder / "train").string(), idBytes, json.at("train"));
    shards.validation = openShard((folder / "validation").string(), idBytes, json.at("validation"));
    auto matches = [](const TokenShard &shard, const Json &expected) {
      return expected.at("tokens_hash") == Json(shard.tokensHash) &&
             expected.at("starts_hash") == Json(shard.startsHash);
    };
    if (matches(shards.training, json.at("train")) && matches(shards.validation, json.at("validation")))
      return shards;
  } catch (const Json::exception &) { // damaged: falls through
  } catch (const Failure &) {
  }
  note("the token shards in `" + folder.string() + "` are damaged; encoding the corpus again");
  return std::nullopt;
}

static Json describe(const EncodedFiles &encoded) {
  return {{"tokens", encoded.tokens},
          {"characters", encoded.characters},
          {"tokens_hash", encoded.tokensHash},
          {"starts_hash", encoded.startsHash}};
}

static void writeShards(const TextSplit &split, const Tokenizer &tokenizer, int64_t fieldCount,
                        const fs::path &folder) {
  makeFolders(folder.string());
  Json json;
  json["tokenizer"] = tokenizer.path();
  json["tokenizer_hash"] = tokenizer.hash();
  json["pieces"] = tokenizer.size();
  json["train"] = describe(encodeSpans(split.training, tokenizer, fieldCount, (folder / "train").string()));
  json["validation"] = describe(encodeSpans(split.validation, tokenizer, fieldCount, (folder / "validation").string()));
  writeNewFile((folder / "manifest.json").string(), json.dump(1) + "\n");
  syncFolder(folder.string());
}

Shards encodeCorpus(const DataPlan &plan, const Tokenizer &tokenizer, const std::string &cacheFolder) {
  static constexpr int formatVersion = 1;
  int64_t fieldCount = countFields(plan.bindings);
  bool ownValidation = !plan.validationFiles.empty();
  Corpus corpus(plan.files, "; name the text with --data FILES");
  std::optional<Corpus> validation;
  if (ownValidation)
    validation.emplace(plan.validationFiles, "; `validation` in the train block of the spec names the files");
  TextSplit split = corpus.split(ownValidation ? 0 : plan.validation, fieldCount > 0);
  if (ownValidation)
    split.validation = validation->split(0).training;

  std::string key = hashBytes(text(formatVersion, " ", corpus.hash(), " ", validation ? validation->hash() : "", " ",
                                   tokenizer.hash(), " ", plan.validation, " ", fieldCount));
  int idBytes = tokenizer.size() <= 65536 ? 2 : 4;
  makeFolders(cacheFolder);
  std::optional<Shards> shards;
  for (const fs::directory_entry &entry : fs::directory_iterator(cacheFolder)) {
    if (shards || !entry.path().filename().string().starts_with(key))
      continue;
    shards = openShards(entry.path(), idBytes);
    std::error_code ignored; // what is damaged only takes room
    if (!shards)
      fs::remove_all(entry.path(), ignored);
  }
  if (!shards) {
    fs::path folder = fs::path(cacheFolder) / (key + "." + uniqueSuffix());
    try {
      writeShards(split, tokenizer, fieldCount, folder);
    } catch (const Failure &) { // a signal is one, too
      std::error_code ignored;
      fs::remove_all(folder, ignored);
      throw;
    }
    shards = openShards(folder, idBytes);
  }
  if (!shards)
    fail(Exit::Io, "the token shards just written to `", cacheFolder, "` cannot be read back");
  shards->key = key;
  shards->fieldCount = fieldCount;
  return std::move(*shards);
}

} // namespace kinu::rt
