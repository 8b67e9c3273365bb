// Fills the inputs of programs from the corpus, as the spec binds them (language.md, Train).
#pragma once

#include "runtime/Manifest.h"
#include "runtime/Shards.h"

#include <span>

namespace kinu::rt {

/// One row of a batch.
struct Sample {
  int64_t start; ///< first token of the window, or number of the line
  int64_t row;   ///< index in the global batch: `random(axes)` depends on it
};

/// Where the windows of one program's inputs lie around their start.
struct WindowExtent {
  int64_t before = 0; ///< tokens read before the start
  int64_t span = 0;   ///< tokens read in all
};

/// What `random(axes)` depends on besides seed, input and element.
struct RandomMoment {
  uint64_t seed;
  uint32_t step;
  bool evaluating;
};

/// Fills buffers from one shard. Sources by element i of a row that starts at token s:
///   text: token s + i. shift(x, n): x at i + n. document: number of the document token s + i is in.
///   position: s + i - max(s, start of its document): restarts per document and per window.
///   line(k): token i of field k of the line, the padding piece beyond its end. present(x): whether x is not padding.
///   piece(p): the id of p. random(axes): a number in [0, 1), stream "data.random.INPUT", element numbered over the
///   axes sorted by name with the global batch.
class InputLoader {
public:
  /// Throws Failure: Exit::BadData if the tokenizer has more pieces than an input allows or lacks a piece,
  /// Exit::Internal if bindings do not fit one another.
  InputLoader(const TrainPlan &plan, const Tokenizer &tokenizer, const Shards &shards);

  /// How far the inputs of `program` read around the start of a window.
  WindowExtent extent(const ProgramInterface &program) const;
  /// Fills all bound inputs of `program` in `arena`; rows.size() is their batch length. Throws Failure
  /// (Exit::BadData) if a value is out of the range its input declares.
  void load(const ProgramInterface &program, const TokenShard &shard, std::span<const Sample> rows,
            const RandomMoment &moment, char *arena) const;
  /// Throws unless the pieces of the tokenizer fit the inputs of `program`, each having a binding.
  void check(const ProgramInterface &program) const;

private:
  const Source &sourceOf(const Input &input) const;
  int64_t valueAt(const Source &source, const TokenShard &shard, int64_t start, int64_t index) const;
  bool presentAt(const Source &source, const TokenShard &shard, int64_t start, int64_t index) const;
  void loadRandom(const Input &input, std::span<const Sample> rows, const RandomMoment &moment, char *arena) const;

  const TrainPlan &plan;
  const Tokenizer &tokenizer;
  int64_t fieldCount, pad, pieces;
  std::map<std::string, int64_t> pieceIds;
};

} // namespace kinu::rt
