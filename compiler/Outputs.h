// The files that a run of the pipeline writes: never over what the spec, or the program made from it, reads.
//
// Functions that return an int return an exit code, having said on standard error what is wrong.
#pragma once

#include "compiler/Pipeline.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace kinu {

/// What prints a file's content.
using Printer = llvm::function_ref<void(llvm::raw_ostream &)>;

class Outputs {
public:
  Outputs(const PipelineOptions &options, const SourceMap &sources) : options(options), sources(sources) {}

  /// From now on, the texts and the tokenizer of a training are not to be written over either.
  void protect(const typed::TrainConfig &training);

  /// Writes a file; `-` is standard output.
  int write(const std::string &path, Printer print) const;
  /// Whether a file can be written that somebody else makes.
  int checkPlace(const std::string &path) const;

  /// Writes what a stage leaves to the dump folder, if there is one.
  int snapshot(Stage stage, Printer print) const;
  /// `03-import.mlir` and its like in the dump folder.
  std::string snapshotFile(Stage stage, llvm::StringRef suffix) const;

private:
  bool replacesInput(const std::string &path) const;

  const PipelineOptions &options;
  const SourceMap &sources;
  std::vector<std::string> trainingFiles;
};

/// The exit code of an error of writing, or of none.
int reportUnwritten(llvm::Error error);

/// Says that the spec cannot be read, which has no place to point at.
int reportUnreadable(const PipelineOptions &options, const std::string &message);

} // namespace kinu
