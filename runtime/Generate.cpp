// See Generate.h. The program `generate` reads a whole window; there is no cache of keys and values yet, so every piece
// costs one pass. Attention is causal: what lies behind the last piece in the window does not matter.
#include "runtime/Generate.h"

#include "runtime/Checkpoint.h"
#include "runtime/Failure.h"
#include "runtime/Sampling.h"
#include "runtime/Signals.h"
#include "runtime/Step.h"
#include "runtime/Utf8.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace kinu::rt {

namespace {
/// The parts of the program `generate` that are needed here.
struct Interface {
  const ProgramInterface *program = nullptr;
  const Input *tokens = nullptr;  ///< bound to `text`
  const Buffer *logits = nullptr; ///< the output over (batch, pieces), of one position
  int64_t window = 0, pieceStride = 0, pieces = 0;
};
} // namespace

static const Source *findSource(const Manifest &manifest, const std::string &input) {
  for (const Binding &binding : manifest.train.data.bindings)
    if (binding.input == input)
      return &binding.source;
  return nullptr;
}

static const Axis &innerAxis(const Buffer &buffer, const std::vector<std::string> &without) {
  for (const Axis &axis : buffer.axes)
    if (std::find(without.begin(), without.end(), axis.name) == without.end())
      return axis;
  fail(Exit::Internal, "`", buffer.name, "` of program `generate` has not the axes it needs");
}

static Interface findInterface(const Manifest &manifest) {
  Interface found;
  found.program = manifest.program("generate");
  if (!found.program)
    fail(Exit::Mismatch, "this model cannot generate: its spec has no `output` over the pieces at each position");
  for (const Input &input : found.program->inputs) {
    const Source *source = findSource(manifest, input.name);
    if (source && source->kind == Source::Kind::Text)
      found.tokens = &input;
    else if (!input.name.starts_with("$") &&
             (!source || (source->kind != Source::Kind::Position && source->kind != Source::Kind::Document)))
      fail(Exit::Mismatch, "this model cannot generate: it needs running text, an input bound to `text`; the input `",
           input.name, "` of its output is bound to something else");
  }
  found.logits = found.program->output("$logits");
  if (!found.tokens || !found.logits)
    fail(Exit::Mismatch, "this model cannot generate: it needs an input bound to `text` and an output of logits");
  const Axis &piece = innerAxis(*found.logits, {"batch"});
  found.window = innerAxis(*found.tokens, {"batch"}).length;
  found.pieceStride = found.logits->stride(piece.name);
  found.pieces = piece.length;
  return found;
}

/// Puts the last pieces of `text` into the window; returns the place of the last one.
static int64_t fillWindow(const Interface &interface, const Manifest &manifest, const std::vector<int32_t> &text,
                          char *arena) {
  int64_t present = std::min(int64_t(text.size()), interface.window), first = int64_t(text.size()) - present;
  for (const Input &input : interface.program->inputs) {
    const Source *source = findSource(manifest, input.name);
    if (!source)
      continue;
    for (int64_t element = 0; element < input.elements(); ++element) {
      int64_t i = element / input.stride(innerAxis(input, {"batch"}).name) % innerAxis(input, {"batch"}).length;
      int64_t value = source->kind == Source::Kind::Position   ? i
                      : source->kind == Source::Kind::Document ? 0
                      : i < present                            ? text[size_t(first + i)]
                                                               : 0;
      if (input.dtype == DType::I64)
        reinterpret_cast<int64_t *>(arena + input.offset)[element] = value;
      else
        reinterpret_cast<float *>(arena + input.offset)[element] = float(value);
    }
  }
  return present - 1;
}

/// The ids of the prompt; of a line end if it is empty, for a model needs something to go on from.
static std::vector<int32_t> encodePrompt(const Tokenizer &tokenizer, const std::string &prompt) {
  if (auto offset = findInvalidUtf8(prompt))
    fail(Exit::BadData, "the prompt is not UTF-8 at byte ", *offset);
  std::vector<int32_t> ids;
  tokenizer.encode(prompt.empty() ? "\n" : prompt, ids);
  if (ids.empty())
    ids.push_back(0);
  return ids;
}

static void put(const std::string &text) {
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout))
    fail(Exit::Io, "cannot write to standard output: ", std::strerror(errno));
}

Exit generate(const Run &run) {
  Interface interface = findInterface(run.manifest);
  Tokenizer tokenizer = openTokenizer(run);
  if (tokenizer.size() > interface.pieces)
    fail(Exit::BadData, "tokenizer `", tokenizer.path(), "` has ", tokenizer.size(), " pieces, the model ",
         interface.pieces);
  std::unique_ptr<Executor> executor = startExecutor(run);
  char *arena = executor->arena();
  if (!loadNewestCheckpoint(run.options.checkpointFolder, run.manifest, arena, LoadedParts::Weights, run.mesh))
    fail(Exit::NoCheckpoint, "there is no checkpoint in `", run.options.checkpointFolder, "`; train first");
  executor->runIfPresent("refresh");

  std::vector<int32_t> text = encodePrompt(tokenizer, run.options.prompt);
  put(run.options.prompt);
  Utf8Stream stream;
  SamplingOptions sampling = {run.options.temperature, run.options.topK, run.options.topP, run.manifest.train.seed};
  std::vector<float> logits(size_t(tokenizer.size()), -INFINITY);
  for (int64_t made = 0; made < run.options.tokens && !run.mesh.agree(stopRequested()); ++made) {
    Scalars scalars;
    scalars.position = fillWindow(interface, run.manifest, text, arena);
    scalars.seed = run.manifest.train.seed;
    setScalars(*interface.program, scalars, arena, run.mesh);
    executor->run("generate");
    const float *row = executor->at<float>(*interface.logits);
    for (int64_t piece = 0; piece < tokenizer.size(); ++piece)
      logits[size_t(piece)] = tokenizer.isText(piece) ? row[piece * interface.pieceStride] : -INFINITY;
    int64_t next = samplePiece(logits, sampling, made);
    if (next < 0)
      fail(Exit::Diverged, "the model's logits are not numbers");
    text.push_back(int32_t(next));
    put(stream.push(tokenizer.pieceBytes(next)));
  }
  put(stream.finish() + "\n");
  return stopRequested() ? Exit::Stopped : Exit::Done;
}

} // namespace kinu::rt
