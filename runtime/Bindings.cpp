// See Bindings.h.
#include "runtime/Bindings.h"

#include "runtime/Failure.h"
#include "runtime/Philox.h"

#include <algorithm>

namespace kinu::rt {

using Kind = Source::Kind;

static bool readsText(const Source &source) {
  return source.of ? readsText(*source.of) : source.kind == Kind::Text || source.kind == Kind::Line;
}

/// Whether it reads at places of a window of running text.
static bool readsWindow(const Source &source) {
  if (source.of)
    return readsWindow(*source.of);
  return source.kind == Kind::Text || source.kind == Kind::Document || source.kind == Kind::Position;
}

static int64_t totalShift(const Source &source) { return source.by + (source.of ? totalShift(*source.of) : 0); }

static bool isReserved(const Input &input) { return input.name.starts_with("$"); }

/// Elements of a row: the length of the one axis beside the batch.
static int64_t rowLength(const Input &input) { return std::max<int64_t>(1, input.elements() / input.length("batch")); }

InputLoader::InputLoader(const TrainPlan &plan, const Tokenizer &tokenizer, const Shards &shards)
    : plan(plan), tokenizer(tokenizer), fieldCount(shards.fieldCount), pad(tokenizer.pad()), pieces(tokenizer.size()) {
  for (const Binding &binding : plan.data.bindings) {
    if (binding.source.kind == Kind::Piece)
      pieceIds[binding.source.text] = tokenizer.id(binding.source.text);
    if (fieldCount > 0 && readsWindow(binding.source))
      fail(Exit::Internal, "input `", binding.input, "` reads running text where others read lines");
  }
}

const Source &InputLoader::sourceOf(const Input &input) const {
  for (const Binding &binding : plan.data.bindings)
    if (binding.input == input.name)
      return binding.source;
  fail(Exit::Internal, "input `", input.name, "` is bound to nothing");
}

void InputLoader::check(const ProgramInterface &program) const {
  for (const Input &input : program.inputs) {
    if (isReserved(input))
      continue;
    const Source &source = sourceOf(input);
    if (source.kind != Kind::Present && readsText(source) && input.below && pieces > *input.below)
      fail(Exit::BadData, "tokenizer `", tokenizer.path(), "` has ", pieces, " pieces, but input `", input.name,
           "` takes ids below ", *input.below, "; build with a larger vocabulary or train a smaller tokenizer");
  }
}

WindowExtent InputLoader::extent(const ProgramInterface &program) const {
  int64_t low = 0, high = plan.seq;
  for (const Input &input : program.inputs) {
    if (isReserved(input) || !readsWindow(sourceOf(input)))
      continue;
    int64_t shift = totalShift(sourceOf(input));
    low = std::min(low, shift);
    high = std::max(high, shift + rowLength(input));
  }
  return {-low, high - low};
}

/// The token index of element `index` of a field, or -1 beyond its end.
static int64_t fieldToken(const TokenShard &shard, int64_t piece, int64_t index) {
  int64_t at = shard.start(piece) + index;
  return index >= 0 && at < shard.start(piece + 1) ? at : -1;
}

bool InputLoader::presentAt(const Source &source, const TokenShard &shard, int64_t start, int64_t index) const {
  if (source.kind == Kind::Shift)
    return presentAt(*source.of, shard, start, index + source.by);
  return source.kind != Kind::Line || fieldToken(shard, start * fieldCount + source.field, index) >= 0;
}

int64_t InputLoader::valueAt(const Source &source, const TokenShard &shard, int64_t start, int64_t index) const {
  switch (source.kind) {
  case Kind::Text: return shard.token(start + index);
  case Kind::Shift: return valueAt(*source.of, shard, start, index + source.by);
  case Kind::Document: return shard.documentOf(start + index);
  case Kind::Position: return start + index - std::max(start, shard.start(shard.documentOf(start + index)));
  case Kind::Line: {
    int64_t at = fieldToken(shard, start * fieldCount + source.field, index);
    return at < 0 ? pad : shard.token(at);
  }
  case Kind::Present: return presentAt(*source.of, shard, start, index);
  case Kind::Piece: return pieceIds.at(source.text);
  case Kind::Random: break;
  }
  return 0;
}

static void store(const Input &input, char *arena, int64_t element, int64_t value) {
  char *data = arena + input.offset;
  if (input.dtype == DType::I64)
    reinterpret_cast<int64_t *>(data)[element] = value;
  else if (input.dtype == DType::F32)
    reinterpret_cast<float *>(data)[element] = float(value);
  else
    data[element] = value != 0;
}

static void checkRange(const Input &input, int64_t value) {
  if (input.below && (value < 0 || value >= *input.below))
    fail(Exit::BadData, "input `", input.name, "` takes ids below ", *input.below, ", but the data has ", value);
}

void InputLoader::load(const ProgramInterface &program, const TokenShard &shard, std::span<const Sample> rows,
                       const RandomMoment &moment, char *arena) const {
  for (const Input &input : program.inputs) {
    if (isReserved(input))
      continue;
    const Source &source = sourceOf(input);
    if (source.kind == Kind::Random) {
      loadRandom(input, rows, moment, arena);
      continue;
    }
    int64_t batch = input.length("batch"), length = rowLength(input), rowStride = input.stride("batch");
    int64_t step = rowStride == 1 ? batch : 1; // the batch may be the inner axis
    for (int64_t row = 0; row < std::min(batch, int64_t(rows.size())); ++row)
      for (int64_t i = 0; i < length; ++i) {
        int64_t value = valueAt(source, shard, rows[size_t(row)].start, i);
        checkRange(input, value);
        store(input, arena, row * rowStride + i * step, value);
      }
  }
}

void InputLoader::loadRandom(const Input &input, std::span<const Sample> rows, const RandomMoment &moment,
                             char *arena) const {
  struct Numbered {
    int64_t stride, length, global; ///< in the buffer; in the numbering over sorted axes
    bool isBatch;
  };
  std::vector<Axis> sorted = input.axes;
  std::sort(sorted.begin(), sorted.end(), [](const Axis &a, const Axis &b) { return a.name < b.name; });
  std::vector<Numbered> axes;
  int64_t global = 1;
  for (size_t i = sorted.size(); i-- > 0;) {
    bool isBatch = sorted[i].name == "batch";
    axes.push_back({input.stride(sorted[i].name), sorted[i].length, global, isBatch});
    global *= isBatch ? plan.batch : sorted[i].length;
  }
  PhiloxKey key = streamKey(moment.seed, fnv1a("data.random." + input.name));
  float *values = reinterpret_cast<float *>(arena + input.offset);
  for (int64_t element = 0; element < input.elements(); ++element) {
    int64_t number = 0;
    for (const Numbered &axis : axes) {
      int64_t index = element / axis.stride % axis.length;
      number += (axis.isBatch ? rows[size_t(index)].row : index) * axis.global;
    }
    values[element] = unitFloat(streamWords(key, uint64_t(number), moment.step, moment.evaluating)[0]);
  }
}

} // namespace kinu::rt
