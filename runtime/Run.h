// What every command of the executable starts from: the manifest with the command line's changes, text, memory.
#pragma once

#include "runtime/Bindings.h"
#include "runtime/CommandLine.h"
#include "runtime/Executor.h"
#include "runtime/Mesh.h"
#include "runtime/Shards.h"

#include <cstdio>
#include <memory>

namespace kinu::rt {

/// The corpus and what reads it. The loader refers to its siblings, so a Data stays where it was made.
struct Data {
  explicit Data(const struct Run &run);
  Data(const Data &) = delete;
  Data &operator=(const Data &) = delete;

  Tokenizer tokenizer;
  Shards shards;
  InputLoader loader;
};

struct Run {
  const KinuExecutable &executable;
  const Options &options;
  Manifest manifest; ///< options applied
  const Mesh &mesh;
  std::FILE *errors = stderr; ///< where a rank may speak for itself
};

/// Encodes the corpus (or opens the shards it became) with a line saying what there is. Throws Failure.
std::unique_ptr<Data> openData(const Run &run);

/// The files that a run reads: text, tokenizer, and the executable itself. No output may be one of them.
std::vector<std::string> inputFiles(const Run &run);

/// The tokenizer of the spec or the command line. Throws Failure (Exit::BadData).
Tokenizer openTokenizer(const Run &run);

/// Sets threads up, allocates the arena after printing its size, and runs the program `constants`.
std::unique_ptr<Executor> startExecutor(const Run &run);

} // namespace kinu::rt
