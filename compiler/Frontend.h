// From files to typed models: parsing, imports, and one elaboration for each program.
#pragma once

#include "compiler/Pipeline.h"
#include "compiler/syntax/Tree.h"

#include <functional>

namespace kinu {

/// The files of a compilation and their trees.
class Frontend {
public:
  Frontend(const PipelineOptions &options, SourceMap &sources, Diagnostics &diagnostics)
      : options(options), defines(options.defines), sources(sources), diagnostics(diagnostics) {}

  /// Parses the spec. Null if there are errors; an unreadable file sets `ioError`.
  const syntax::File *parse();

  /// Elaborates the model: `lengths` replaces what the train block says of the run's axes.
  std::optional<TypedModel> check(bool training, const std::map<std::string, int64_t> &lengths = {});

  /// From now on as if `-D name=value` were on the command line.
  void define(const std::string &name, int64_t value) { defines[name] = value; }
  /// The model for one sequence of the greatest length, the same for all lengths of a run. None if there are errors,
  /// which are not reported: nothing is built from it.
  std::optional<TypedModel> checkLongest(bool training);

  std::string ioError; ///< why a file could not be read

private:
  const syntax::File *import(const syntax::ImportDecl &declaration, std::string &reason);
  std::optional<TypedModel> check(bool training, const std::map<std::string, int64_t> &lengths, bool longest,
                                  Diagnostics &into);

  const PipelineOptions &options;
  std::map<std::string, int64_t> defines;
  SourceMap &sources;
  Diagnostics &diagnostics;
  const syntax::File *spec = nullptr;
  std::map<std::string, std::unique_ptr<syntax::File>> files; ///< by path; the library's is `std`
};

} // namespace kinu
