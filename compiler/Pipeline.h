// The pipeline: every stage in order, from a spec to an executable. Pipeline.cpp is the one place that knows the order.
#pragma once

#include "compiler/machines/Machine.h"
#include "compiler/support/Diagnostics.h"
#include "compiler/syntax/TypedModel.h"

#include <map>
#include <optional>
#include <string>

namespace kinu {

/// The stages, in their order; the names are those of the folders and of `--stop-after`.
enum class Stage {
  Parse,
  Check,
  Import,
  Recognise,
  Differentiate,
  Precision,
  Recompute,
  Shard,
  Fuse,
  Schedule,
  Allocate,
  Vectorize,
  Emit
};
std::string_view name(Stage stage);
std::optional<Stage> parseStage(std::string_view name);

/// What a build writes instead of an executable: `--emit`. Report: nothing besides the report.
enum class Product { Tree, Graph, Step, Kernels, Llvm, Assembly, Report, Object, Executable };

/// What `kinu plan` writes instead of compiling.
enum class PlanFormat { None, Text, Json };

struct PipelineOptions {
  std::string spec;
  std::string machine; ///< empty: the layout's, or the machine at hand
  std::string layout;  ///< empty: one rank, no layout
  int64_t nodes = 0;   ///< the layout's degrees are those for so many nodes; 0: its first ones
  std::map<std::string, int64_t> defines;
  /// Degrees of the mesh instead of those of the layout `degreesOf` (empty: `layout`), the only one that is read then.
  std::map<std::string, int64_t> degrees;
  std::string degreesOf;
  bool checksFit = true; ///< whether a layout that does not fit its machine is refused
  std::string output; ///< a file; `-` is standard output
  Product product = Product::Executable;
  PlanFormat plan = PlanFormat::None; ///< then nothing is compiled
  std::string planDrawing;            ///< a file for the plan as SVG besides; empty: none
  Stage stopAfter = Stage::Emit;
  std::string dumpFolder; ///< empty: no snapshots
  bool locations = false; ///< IR is written with the place in the spec of every op
  bool json = false;      ///< what stops a run before there are diagnostics is written as they are
  bool report = false;    ///< report kernels: a page on standard output
  std::string reportJson; ///< a file for the report as JSON instead; `-` is standard output
  bool verbose = false;   ///< time and size of every stage on standard error
  unsigned threads = 0;   ///< for compiling kernels; 0: one per core
  /// Bytes that the logits of a chunk of rows may take.
  int64_t lossChunkBytes = int64_t(128) << 20;
};

/// Runs the stages. Returns the exit code: 0, 1 (the spec has errors, which are in `diagnostics`), 2 (the output would
/// replace an input), 106 (a file cannot be read or written, or something is not installed, said on standard error) or
/// 108 (a stage broke its contract).
int runPipeline(const PipelineOptions &options, SourceMap &sources, Diagnostics &diagnostics);

/// Parses and checks a spec for training, nothing more. None if there are errors.
std::optional<TypedModel> checkSpec(const PipelineOptions &options, SourceMap &sources, Diagnostics &diagnostics);

} // namespace kinu
