// `kinu verify`: trains a shrunken model under a layout and on one rank, and compares what they compute.
#include "compiler/support/WriteFile.h"
#include "compiler/tools/Commands.h"
#include "compiler/tools/CompareRuns.h"
#include "compiler/tools/Shrink.h"
#include "runtime/Failure.h"
#include "runtime/TrainTokenizer.h"

#include "nlohmann/json.hpp"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

#include <fstream>
#include <unistd.h>

using namespace kinu;
using namespace kinu::tools;

namespace {
struct VerifyOptions {
  SpecOptions spec;
  int64_t ranks = 2, steps = 5;
  bool keep = false;
};

/// A step as its executable reports it.
struct Step {
  double loss = 0, gradientNorm = 0;
};

constexpr int kDiffers = 1;

/// What bf16 and fp16 leave of a number; fp32 agrees to rounding in another order.
double toleranceOf(const TypedModel &model, llvm::StringRef layout) {
  bool isNarrow = model.train->precision != typed::Precision::Fp32;
  for (const typed::Layout &each : model.layouts)
    for (const typed::LayoutRule &rule : each.rules)
      isNarrow |= each.name == layout && rule.verb == "precision" && rule.mesh[0] != "fp32";
  return isNarrow ? 2e-2 : 1e-5;
}
} // namespace

static int fail(const std::string &message, int code = kIoError) {
  llvm::errs() << "error: " << message << '\n';
  return code;
}

/// Text with what the model's bindings ask for: fields of lines and pieces.
static llvm::Error writeData(const TypedModel &model, const std::string &folder) {
  std::string text;
  for (int line = 0; line < 600; ++line)
    text += llvm::formatv("abc dad{0}\tbed {1}\tcab{2}\tdab\n", line % 7, line * 37 % 10, line % 3).str();
  if (llvm::Error error = writeFile(folder + "/corpus.txt", text))
    return error;
  rt::TokenizerOptions options;
  options.type = rt::TokenizerOptions::Type::Char;
  options.vocabulary = kLeastIds;
  for (const typed::Binding &binding : model.train->bindings)
    if (binding.source.kind == typed::Source::Kind::Piece && !llvm::is_contained(options.symbols, binding.source.piece))
      options.symbols.push_back(binding.source.piece);
  return writeFile(folder + "/corpus.model", rt::trainTokenizer({folder + "/corpus.txt"}, options));
}

/// Builds the spec with the shrunken sizes; with the layout or for one rank.
static int build(const VerifyOptions &options, const Shrunken &shrunken, bool withLayout, const std::string &output) {
  PipelineOptions pipeline = options.spec.pipeline;
  pipeline.defines = shrunken.defines;
  pipeline.degrees = shrunken.degrees; // also keeps check from the other layouts, whose degrees may not divide
  pipeline.degreesOf = pipeline.layout;
  if (!withLayout)
    pipeline.layout.clear();
  pipeline.machine = "local";
  pipeline.checksFit = false;
  pipeline.output = output;
  SourceMap sources;
  Diagnostics diagnostics;
  int code = runPipeline(pipeline, sources, diagnostics);
  options.spec.render(diagnostics, sources);
  return code;
}

/// Trains with an executable on so many ranks in `folder` until step `steps`, or goes on to it; its exit code, or -1
/// with a reason on standard error.
static int run(const std::string &folder, const std::string &name, int64_t ranks, int64_t steps, bool fresh) {
  std::vector<std::string> arguments;
  if (ranks > 1) {
    auto mpirun = llvm::sys::findProgramByName("mpirun");
    if (!mpirun) {
      fail("there is no `mpirun` to start ranks with; install Open MPI");
      return -1;
    }
    arguments = {*mpirun, "--oversubscribe", "-n", std::to_string(ranks)};
    if (geteuid() == 0)
      arguments.insert(arguments.begin() + 1, "--allow-run-as-root");
  }
  std::string path = folder + "/" + name, log = path + ".txt";
  llvm::append_range(arguments, std::vector<std::string>{path, "--data", folder + "/corpus.txt", "--tokenizer",
                                                         folder + "/corpus.model", "--steps", std::to_string(steps),
                                                         "--threads", "1", "--checkpoint-dir", path + ".run"});
  if (fresh)
    arguments.push_back("--fresh");
  setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0);
  std::string reason;
  int code = llvm::sys::ExecuteAndWait(arguments[0], llvm::to_vector_of<llvm::StringRef>(arguments), std::nullopt,
                                       {std::nullopt, llvm::StringRef(log), llvm::StringRef(log)}, 0, 0, &reason);
  if (code == 0)
    return 0;
  auto printed = llvm::MemoryBuffer::getFile(log);
  fail("the model cannot be trained on " + std::to_string(ranks) + " ranks: " + reason + "\n" +
       (printed ? (*printed)->getBuffer().str() : ""));
  return code;
}

static std::vector<Step> stepsOf(const std::string &folder, const std::string &name) {
  std::vector<Step> steps;
  std::ifstream file(folder + "/" + name + ".run/metrics.jsonl");
  for (std::string line; std::getline(file, line);)
    if (auto json = nlohmann::json::parse(line, nullptr, false); json.is_object() && json.contains("loss"))
      steps.push_back({json["loss"].get<double>(), json.value("gradient_norm", 0.0)});
  return steps;
}

static double relative(double x, double y) { return std::abs(x - y) / std::max(std::abs(x), 1e-30); }

/// Says how far the two are apart. True if that is rounding.
static bool agree(const std::vector<Step> &one, const std::vector<Step> &many, int64_t steps, double tolerance) {
  double loss = 0, norm = 0;
  for (auto [x, y] : llvm::zip(one, many)) {
    loss = std::max(loss, relative(x.loss, y.loss));
    norm = std::max(norm, relative(x.gradientNorm, y.gradientNorm));
  }
  bool complete = int64_t(one.size()) == steps && int64_t(many.size()) == steps;
  bool agrees = complete && loss <= tolerance && norm <= 10 * tolerance;
  llvm::outs() << llvm::formatv(
      "{0} steps: losses differ by at most {1:e1}, norms of the gradient by {2:e1}, relatively\n",
      std::min(one.size(), many.size()), loss, norm);
  return agrees;
}

/// Says how far tensors are apart. True if that is at most `most`.
static bool agree(const char *what, const Distance &distance, double most) {
  llvm::outs() << llvm::formatv("{0} differ by at most {1:e1}", what, distance.largest)
               << (distance.name.empty() ? "" : " (`" + distance.name + "`)") << '\n';
  return distance.largest <= most;
}

/// One step, whose first moments are its gradients, then the others.
static int trainAndCompare(const VerifyOptions &options, const std::string &folder, double tolerance) {
  std::string one = folder + "/one.run", many = folder + "/many.run";
  auto trainUntil = [&](int64_t steps) {
    for (bool withLayout : {false, true})
      if (int code = run(folder, withLayout ? "many" : "one", withLayout ? options.ranks : 1, steps, steps == 1))
        return code < 0 ? kIoError : kDiffers;
    return kOk;
  };
  if (int code = trainUntil(1))
    return code;
  Tensors gradients = readCheckpoint(one, "moments"), before = readCheckpoint(one, "weights"),
          beforeOfMany = readCheckpoint(many, "weights");
  // What is tolerated of a loss is a tenth of what is tolerated of a gradient, and that of an update after many.
  bool agrees = agree("gradients of the first step", compareGradients(gradients, readCheckpoint(many, "moments")),
                      10 * tolerance);
  if (options.steps > 1) {
    if (int code = trainUntil(options.steps))
      return code;
    agrees &= agree("changes of weights after it",
                    compareUpdates(before, readCheckpoint(one, "weights"), beforeOfMany,
                                   readCheckpoint(many, "weights"), gradients),
                    100 * tolerance);
  }
  agrees &= agree(stepsOf(folder, "one"), stepsOf(folder, "many"), options.steps, tolerance);
  llvm::outs() << (agrees ? "the layout computes what one rank does\n"
                          : "error: the layout does not compute what one rank does\n");
  return agrees ? kOk : kDiffers;
}

/// The exit code for a spec with errors, which it shows.
static std::optional<int> refused(const SpecOptions &spec) {
  SourceMap sources;
  Diagnostics diagnostics;
  if (checkSpec(spec.pipeline, sources, diagnostics))
    return std::nullopt;
  spec.render(diagnostics, sources);
  return diagnostics.hasErrors() ? kSpecErrors : kIoError;
}

static int verify(const VerifyOptions &options) {
  if (std::optional<int> code = refused(options.spec))
    return *code;
  auto shrunken = shrink(options.spec.pipeline, options.ranks);
  if (!shrunken)
    return fail(llvm::toString(shrunken.takeError()), kUsage);
  std::string sizes, mesh;
  for (const auto &[name, value] : shrunken->defines)
    sizes += " " + name + "=" + std::to_string(value);
  for (const auto &[name, value] : shrunken->degrees)
    mesh += " " + name + "=" + std::to_string(value);
  llvm::outs() << "model:" << sizes << "\nmesh:" << mesh << '\n';
  for (const std::string &axis : shrunken->whole)
    llvm::outs() << "not verified: `" << axis << "`, which has one rank here; give more --ranks\n";
  if (!shrunken->padded.empty())
    llvm::outs() << "padded: `" << llvm::join(shrunken->padded, "`, `") << "`\n";
  llvm::outs().flush();

  llvm::SmallString<128> folder;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("kinu-verify", folder))
    return fail("cannot make a folder for temporary files: " + error.message());
  llvm::scope_exit remove([&] {
    if (!options.keep)
      llvm::sys::fs::remove_directories(folder);
  });
  std::string in = folder.str().str();
  if (options.keep)
    llvm::outs() << "files: " << in << '\n';
  if (llvm::Error error = writeData(*shrunken->model, in))
    return fail("cannot write " + llvm::toString(std::move(error)));
  for (bool withLayout : {false, true}) {
    if (int code = build(options, *shrunken, withLayout, in + (withLayout ? "/many" : "/one")))
      return code;
  }
  return trainAndCompare(options, in, toleranceOf(*shrunken->model, options.spec.pipeline.layout));
}

void tools::addVerify(CLI::App &app, Action &action) {
  CLI::App *command =
      app.add_subcommand("verify", R"(train a small model of the same shape under a layout and on one rank, and compare

Examples:
  kinu verify gpt2.kinu --layout pair --ranks 4        with sizes that it chooses
  kinu verify gpt2.kinu --layout pair -D width=64      with this size
  kinu verify gpt2.kinu --layout pair --steps 20 --keep)");
  auto options = std::make_shared<VerifyOptions>();
  options->spec.addTo(*command);
  command->add_option("--layout", options->spec.pipeline.layout, "the layout of the spec to verify")->required();
  command->add_option("--ranks", options->ranks, "ranks to run it on [2]")->check(CLI::Range(2, 64));
  command->add_option("--steps", options->steps, "steps to compare [5]")->check(CLI::Range(1, 1000));
  command->add_flag("--keep", options->keep, "keep the executables and what they wrote");
  command->callback([=, &action] {
    action = [=] {
      options->spec.parseDefines();
      try {
        return verify(*options);
      } catch (const rt::Failure &failure) {
        return fail(failure.what(), static_cast<int>(failure.code));
      }
    };
  });
}
