// See Encode.h.
#include "runtime/Encode.h"

#include "runtime/Signals.h"
#include "runtime/Utf8.h"

#include <algorithm>
#include <exception>

namespace kinu::rt {

namespace {
constexpr size_t maxLineBytes = size_t(1) << 20; ///< longer lines are encoded in parts, to bound memory
constexpr size_t chunkBytes = size_t(1) << 16;   ///< what one thread takes at a time
constexpr size_t chunksAtOnce = 256;             ///< encoded before anything is written

/// Consecutive lines of one span, and what they become.
struct Chunk {
  std::string_view text;
  std::vector<int32_t> ids;
  std::vector<int64_t> starts; ///< of fields, relative to this chunk
};
} // namespace

/// Takes one line with its end off the front of `rest`; a part of it, cut between characters, if it is very long.
static std::string_view takeLine(std::string_view &rest) {
  size_t end = rest.substr(0, maxLineBytes).find('\n');
  size_t length = end != rest.npos ? end + 1 : std::min(rest.size(), maxLineBytes);
  while (length < rest.size() && (uint8_t(rest[length]) & 0xC0) == 0x80)
    ++length;
  std::string_view line = rest.substr(0, length);
  rest.remove_prefix(length);
  return line;
}

static std::string_view takeChunk(std::string_view &rest) {
  std::string_view whole = rest;
  size_t length = 0;
  while (!rest.empty() && length < chunkBytes)
    length += takeLine(rest).size();
  return whole.substr(0, length);
}

static std::string_view withoutLineEnd(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
    line.remove_suffix(1);
  return line;
}

static void encodeFields(std::string_view line, const Tokenizer &tokenizer, int64_t fieldCount, Chunk &chunk) {
  std::string_view rest = withoutLineEnd(line);
  if (rest.empty())
    return;
  for (int64_t field = 0; field < fieldCount; ++field) {
    if (rest.data() == nullptr)
      fail(Exit::BadData, "has ", field, " tab-separated fields where the spec reads ", fieldCount, ": `",
           withoutLineEnd(line).substr(0, 60), "`");
    size_t tab = rest.find('\t');
    chunk.starts.push_back(int64_t(chunk.ids.size()));
    tokenizer.encode(rest.substr(0, tab), chunk.ids);
    rest = tab == rest.npos ? std::string_view() : rest.substr(tab + 1);
  }
}

static void encodeChunk(Chunk &chunk, const Tokenizer &tokenizer, int64_t fieldCount) {
  for (std::string_view rest = chunk.text; !rest.empty();) {
    std::string_view line = takeLine(rest);
    if (fieldCount > 0)
      encodeFields(line, tokenizer, fieldCount, chunk);
    else
      tokenizer.encode(line, chunk.ids);
  }
}

/// Encodes all chunks; the failure of the first one that fails is thrown after the threads have ended.
static void encodeChunks(std::vector<Chunk> &chunks, const Tokenizer &tokenizer, int64_t fieldCount,
                         const TextSpan &span) {
  std::vector<std::exception_ptr> failures(chunks.size());
#pragma omp parallel for schedule(dynamic)
  for (size_t i = 0; i < chunks.size(); ++i) {
    try {
      encodeChunk(chunks[i], tokenizer, fieldCount);
    } catch (...) {
      failures[i] = std::current_exception();
    }
  }
  for (size_t i = 0; i < chunks.size(); ++i) {
    try {
      if (failures[i])
        std::rethrow_exception(failures[i]);
    } catch (const Failure &failure) {
      fail(failure.code, "a line of `", *span.path, "` ", failure.what());
    }
  }
}

static void writeIds(const std::vector<int32_t> &ids, int idBytes, FileWriter &file) {
  if (idBytes == 4) {
    file.write({reinterpret_cast<const char *>(ids.data()), ids.size() * 4});
    return;
  }
  std::vector<uint16_t> narrow(ids.begin(), ids.end());
  file.write({reinterpret_cast<const char *>(narrow.data()), narrow.size() * 2});
}

static void writeStart(int64_t start, FileWriter &file) {
  file.write({reinterpret_cast<const char *>(&start), sizeof start});
}

EncodedFiles encodeSpans(const std::vector<TextSpan> &spans, const Tokenizer &tokenizer, int64_t fieldCount,
                         const std::string &stem) {
  FileWriter tokens(stem + ".tokens"), starts(stem + ".starts");
  EncodedFiles encoded;
  int idBytes = tokenizer.size() <= 65536 ? 2 : 4;
  for (const TextSpan &span : spans) {
    encoded.characters += countCharacters(span.text);
    if (fieldCount == 0)
      writeStart(encoded.tokens, starts);
    for (std::string_view rest = span.text; !rest.empty();) {
      if (stopRequested())
        fail(Exit::Stopped, "stopped while the text was being encoded; run the same command again to start over");
      std::vector<Chunk> chunks;
      while (!rest.empty() && chunks.size() < chunksAtOnce)
        chunks.push_back({takeChunk(rest), {}, {}});
      encodeChunks(chunks, tokenizer, fieldCount, span);
      for (const Chunk &chunk : chunks) {
        for (int64_t start : chunk.starts)
          writeStart(encoded.tokens + start, starts);
        writeIds(chunk.ids, idBytes, tokens);
        encoded.tokens += int64_t(chunk.ids.size());
      }
    }
  }
  writeStart(encoded.tokens, starts);
  encoded.tokensHash = tokens.finish();
  encoded.startsHash = starts.finish();
  return encoded;
}

} // namespace kinu::rt
