// The stages in their order. Each reads what the one before left and is followed by a check of its contract.
#include "compiler/Pipeline.h"

#include "compiler/Backend.h"
#include "compiler/Contracts.h"
#include "compiler/ExitCodes.h"
#include "compiler/Frontend.h"
#include "compiler/Outputs.h"
#include "compiler/Planning.h"
#include "compiler/allocate/Allocate.h"
#include "compiler/differentiate/Differentiate.h"
#include "compiler/fuse/Fuse.h"
#include "compiler/import/Import.h"
#include "compiler/precision/Precision.h"
#include "compiler/recognise/Recognise.h"
#include "compiler/recompute/Recompute.h"
#include "compiler/schedule/Schedule.h"
#include "compiler/shard/Reshards.h"
#include "compiler/shard/Shard.h"
#include "compiler/support/WriteFile.h"
#include "dialects/tofu/Tofu.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/xxhash.h"

#include <chrono>

using namespace mlir;
using namespace kinu;

static constexpr std::string_view kStageNames[] = {"parse",     "check",     "import", "recognise", "differentiate",
                                                   "precision", "recompute", "shard",  "fuse",      "schedule",
                                                   "allocate",  "vectorize", "emit"};

std::string_view kinu::name(Stage stage) { return kStageNames[static_cast<int>(stage)]; }

std::optional<Stage> kinu::parseStage(std::string_view name) {
  for (auto [i, known] : llvm::enumerate(kStageNames))
    if (known == name)
      return static_cast<Stage>(i);
  return std::nullopt;
}

namespace {

/// One run of the pipeline.
class Run {
public:
  Run(const PipelineOptions &options, SourceMap &sources, Diagnostics &diagnostics)
      : options(options), sources(sources), diagnostics(diagnostics), frontend(options, sources, diagnostics),
        outputs(options, sources), context(MLIRContext::Threading::DISABLED) {
    DialectRegistry registry;
    differentiate::registerDerivatives(registry);
    context.appendDialectRegistry(registry);
    context.loadDialect<KinuDialect, step::StepDialect, tofu::TofuDialect>();
    context.printOpOnDiagnostic(false);
  }

  int run() {
    if (int code = parseAndCheck())
      return code;
    if (done)
      return 0;

    // The graph of the whole model, one program for training, evaluation and generation.
    stage(Stage::Import, [&] { return importModels(); });
    // Composite ops are found before the backward pass is made, because each has a better derivative than its parts.
    stage(Stage::Recognise, [&] { return passes([](OpPassManager &pm) { recognise::buildPipeline(pm); }); });
    // One training step: micro-batch, count, update.
    stage(Stage::Differentiate, [&] { return differentiateTraining(); });
    // What is multiplied and stored in 16 bits, forward and backward.
    stage(Stage::Precision, [&] { return narrow(); });
    // From here on each stage of a pipeline goes its own way: what it keeps for its backward pass comes first.
    stage(Stage::Recompute, [&] { return recomputeRounds(); });
    // Each rank's part of the graph, with what ranks send one another.
    stage(Stage::Shard, [&] { return partition(); });
    // Kernels over few tensors, with the order of axes in memory fixed.
    stage(Stage::Fuse,
          [&] { return passes([&](OpPassManager &pm) { fuse::buildPipeline(pm, {options.lossChunkBytes}); }); });
    // A straight list of launches.
    stage(Stage::Schedule, [&] {
      return passes([](OpPassManager &pm) {
        pm.addPass(schedule::createUnrollRepeats());
        pm.addPass(schedule::createMergeReductions());
        pm.addPass(schedule::createBucketGradients());
        pm.addPass(schedule::createOverlap());
      });
    });
    // An offset for every value: from here on the memory of a run is known.
    stage(Stage::Allocate, [&] { return passes([](OpPassManager &pm) { pm.addPass(allocate::createAllocate()); }); });
    if (done || code)
      return code;
    // What the layout costs and where its ranks stand; a layout that does not fit is refused before it is compiled.
    if ((layout && options.checksFit) || options.plan != PlanFormat::None)
      code = planLayout();
    return code || options.plan != PlanFormat::None ? code : finish();
  }

private:
  int parseAndCheck() {
    const syntax::File *file = frontend.parse();
    if (!frontend.ioError.empty())
      return reportUnreadable(options, frontend.ioError);
    if (!file)
      return kSpecErrors;
    if (int code = outputs.snapshot(Stage::Parse, [&](llvm::raw_ostream &os) { syntax::dump(*file, os); }))
      return code;
    if (stopsAt(Stage::Parse, Product::Tree))
      return write([&](llvm::raw_ostream &os) { syntax::dump(*file, os); });
    train = frontend.check(true);
    if (!train)
      return kSpecErrors;
    layout = shard::find(*train, options.layout, diagnostics);
    if (int code = findMachine())
      return code;
    if (train->train)
      precision::check(*train->train, machine, diagnostics);
    if (train->train && layout)
      precision::check(*layout, machine, diagnostics);
    if (diagnostics.hasErrors() || !chooseDegrees(*train, layout, options.nodes, diagnostics))
      return kSpecErrors;
    if (layout && train->train)
      if (int64_t count = shard::microBatches(*train, *layout); count != train->train->accumulate) {
        // The model is elaborated for one micro-batch of all ranks.
        frontend.define("accumulate", count);
        train = frontend.check(true);
        if (!train)
          return kSpecErrors;
        layout = shard::find(*train, options.layout, diagnostics);
        chooseDegrees(*train, layout, options.nodes, diagnostics);
      }
    if (train->train)
      outputs.protect(*train->train);
    if (int code = outputs.snapshot(Stage::Check, [&](llvm::raw_ostream &os) { os << train->dump(); }))
      return code;
    if (options.stopAfter == Stage::Check)
      return write([&](llvm::raw_ostream &os) { os << train->dump(); });
    eval = frontend.check(false);
    generate = frontend.check(false, {{"batch", 1}});
    return eval && generate ? 0 : kSpecErrors;
  }

  /// The machine of the command line, or else the layout's.
  int findMachine() {
    auto found = machines::find(!options.machine.empty() ? options.machine : layout ? layout->machine : "local");
    if (!found) {
      llvm::errs() << "error: " << llvm::toString(found.takeError()) << '\n';
      return kUsage;
    }
    machine = std::move(*found);
    return 0;
  }

  int planLayout() {
    auto made = makePlan(allStages(), *train, layout, machine, diagnostics);
    if (!made)
      return kSpecErrors;
    costs = std::move(*made);
    int refused = diagnostics.hasErrors() ? kSpecErrors : 0;
    if (options.plan == PlanFormat::None)
      return refused;
    // A layout that is refused is planned, too: one sees where the memory goes.
    if (!options.planDrawing.empty())
      if (int code = outputs.write(options.planDrawing, [&](llvm::raw_ostream &os) { plan::printSvg(*costs, os); }))
        return code;
    int written = write([&](llvm::raw_ostream &os) {
      options.plan == PlanFormat::Json ? plan::printJson(*costs, os) : plan::printText(*costs, os);
    });
    return written ? written : refused;
  }

  LogicalResult importModels() {
    import::Models models{train->train ? &*train : nullptr, eval->loss ? &*eval : nullptr,
                          generate->outputs.empty() ? nullptr : &*generate};
    module = import::importModels(context, sources, models);
    import::keepOnePosition(*module);
    if (failed(cleanUp()))
      return failure();
    module->getOperation()->setAttr("kinu.spec_hash", StringAttr::get(&context, specHash()));
    return success();
  }

  /// What a checkpoint must agree with: variables and computation, not the places they were written at, nor the lengths
  /// of one run. A training may go on with another batch or longer sequences.
  std::string specHash() {
    std::optional<TypedModel> training = frontend.checkLongest(true), evaluation = frontend.checkLongest(false);
    OwningOpRef<ModuleOp> longest;
    if (training && evaluation) {
      if (training->train)
        training->train->batch = training->train->accumulate = 1;
      import::Models models{training->train ? &*training : nullptr, evaluation->loss ? &*evaluation : nullptr,
                            evaluation->outputs.empty() ? nullptr : &*evaluation};
      longest = import::importModels(context, sources, models);
      PassManager manager(&context);
      manager.addPass(createCanonicalizerPass());
      manager.addPass(createCSEPass());
      if (failed(manager.run(*longest)))
        longest = nullptr;
    }
    std::string text;
    llvm::raw_string_ostream(text) << (longest ? *longest : *module);
    return llvm::utohexstr(llvm::xxh3_64bits(text), true, 16);
  }

  LogicalResult differentiateTraining() {
    if (!train->train)
      return success();
    DifferentiateOptions options = differentiate::optionsFor(train->train->optimizer);
    options.scaleLoss = llvm::any_of(
        precisions(), [](const typed::TrainConfig &stage) { return stage.precision == typed::Precision::Fp16; });
    return passes([&](OpPassManager &pm) {
      pm.addPass(createDifferentiate(options));
      pm.addPass(createCanonicalizerPass());
      pm.addPass(createCSEPass());
    });
  }

  LogicalResult recomputeRounds() {
    if (!layout)
      return success();
    splitStages();
    for (auto [stage, each] : llvm::enumerate(allStages()))
      recompute::annotate(each, *layout, stage, diagnostics);
    if (diagnostics.hasErrors()) {
      code = kSpecErrors;
      return success();
    }
    return passes([](OpPassManager &pm) {
      pm.addPass(recompute::createRecomputeRepeats());
      pm.addPass(createCanonicalizerPass());
      pm.addPass(createCSEPass());
    });
  }

  /// Gives each stage of a pipeline its own copy of the module, once.
  void splitStages() {
    if (std::exchange(isSplit, true))
      return;
    shard::annotate(*module, *layout, diagnostics);
    for (int64_t stage = 1; stage < shard::stages(*module); ++stage)
      laterStages.emplace_back(cast<ModuleOp>((*module)->clone()));
  }

  LogicalResult partition() {
    for (auto [stage, each] : llvm::enumerate(allStages())) {
      PassManager manager(&context);
      manager.addPass(shard::createCutStage({static_cast<int64_t>(stage)}));
      manager.addPass(shard::createPadAxes());
      manager.addPass(shard::createPartitionPrograms());
      manager.addPass(createCanonicalizerPass());
      manager.addPass(createCSEPass());
      if (failed(manager.run(each)))
        return failure();
    }
    if (layout)
      shard::warnOfReshards(allStages(), *train, *layout, sources, diagnostics);
    return success();
  }

  SmallVector<ModuleOp> allStages() {
    SmallVector<ModuleOp> all{*module};
    for (OwningOpRef<ModuleOp> &stage : laterStages)
      all.push_back(*stage);
    return all;
  }

  LogicalResult narrow() {
    if (!train->train)
      return success();
    std::vector<typed::TrainConfig> all = precisions();
    auto isFirsts = [&](const typed::TrainConfig &stage) {
      return stage.precision == all[0].precision && stage.promote == all[0].promote;
    };
    if (!llvm::all_of(all, isFirsts)) // else there is no need to do it for every stage
      splitStages();
    for (auto [each, stage] : llvm::zip(allStages(), all)) {
      PassManager manager(&context);
      precision::buildPipeline(manager, stage);
      if (failed(manager.run(each)))
        return failure();
    }
    return success();
  }

  /// What each stage of a pipeline is computed in.
  std::vector<typed::TrainConfig> precisions() {
    return precision::ofStages(*train->train, layout, layout ? shard::stages(*layout) : 1);
  }

  LogicalResult cleanUp() {
    return passes([](OpPassManager &pm) {
      pm.addPass(createCanonicalizerPass());
      pm.addPass(createCSEPass());
    });
  }

  template <typename Build> LogicalResult passes(Build build) {
    return success(llvm::all_of(allStages(), [&](ModuleOp each) {
      PassManager manager(&context);
      build(manager);
      return succeeded(manager.run(each));
    }));
  }

  bool keepsContract(Stage stage) {
    return llvm::all_of(
        allStages(), [&](ModuleOp each) { return succeeded(verify(each)) && succeeded(checkContract(each, stage)); });
  }

  /// Runs a stage unless the run is over; then checks its contract and writes its snapshot.
  template <typename Body> void stage(Stage stage, Body body) {
    if (done || code)
      return;
    auto begin = std::chrono::steady_clock::now();
    if (failed(body()) || !keepsContract(stage)) {
      llvm::errs() << "error: stage `" << name(stage) << "` failed; this is a bug in kinu\n";
      code = kInternalError;
      return;
    }
    if (options.verbose)
      llvm::errs() << llvm::formatv("{0,-14} {1,8:f2} s\n", name(stage),
                                    std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    auto print = [&](llvm::raw_ostream &os) {
      for (auto [i, each] : llvm::enumerate(allStages()))
        each.print(i ? os << "// -----\n" : os,
                   OpPrintingFlags().enableDebugInfo(options.locations, /*prettyForm=*/true));
    };
    int written = outputs.snapshot(stage, print);
    if ((code = code != kOk ? code : written) != kOk)
      return;
    bool product =
        (stage == Stage::Import && options.product == Product::Graph) ||
        (stage == Stage::Allocate && (options.product == Product::Step || options.product == Product::Kernels));
    if (options.stopAfter == stage || product) {
      done = true;
      code = write([&](llvm::raw_ostream &os) { options.product == Product::Kernels ? printKernels(os) : print(os); });
    }
  }

  void printKernels(llvm::raw_ostream &os) {
    for (ModuleOp each : allStages())
      for (step::KernelOp kernel : each.getOps<step::KernelOp>())
        os << kernel << "\n";
  }

  /// What `vectorize` leaves is the LLVM IR of every kernel; `emit` makes the product of it.
  int finish() {
    PipelineOptions vectorized = options;
    vectorized.product = Product::Llvm;
    if (options.stopAfter == Stage::Vectorize)
      return finish(vectorized);
    if (!options.dumpFolder.empty()) {
      vectorized.output = outputs.snapshotFile(Stage::Vectorize, "ll");
      if (int code = finish(vectorized))
        return code;
    }
    return finish(options);
  }

  int finish(const PipelineOptions &products) {
    // Before minutes of compiling, and before the linker fails on it.
    if (int code = outputs.checkPlace(products.output))
      return code;
    if (llvm::Error error = buildProduct(allStages(), *train, machine, products)) {
      bool io = error.isA<llvm::FileError>(), environment = error.isA<EnvironmentError>();
      llvm::errs() << "error: " << (io ? "cannot write " : "") << llvm::toString(std::move(error)) << '\n';
      if (!io && !environment)
        llvm::errs() << "this is a bug in kinu\n";
      return io || environment ? kIoError : kInternalError;
    }
    if (!costs || products.product != Product::Executable || products.output == "-" || isSpecialFile(products.output))
      return 0;
    return reportUnwritten(writeLaunchFiles(*costs, products.output));
  }

  bool stopsAt(Stage stage, Product product) {
    done |= options.stopAfter == stage || options.product == product;
    return done;
  }

  /// Writes to the output of the command line.
  template <typename Print> int write(Print print) {
    done = true;
    return outputs.write(options.output.empty() ? "-" : options.output, print);
  }

  const PipelineOptions &options;
  SourceMap &sources;
  Diagnostics &diagnostics;
  Frontend frontend;
  Outputs outputs;
  MLIRContext context;
  machines::Machine machine;
  std::optional<TypedModel> train, eval, generate;
  const typed::Layout *layout = nullptr; ///< of `train`
  OwningOpRef<ModuleOp> module;
  std::optional<plan::Plan> costs; ///< of the layout
  /// Of a pipeline, from `recompute` on; `module` is the first stage then.
  std::vector<OwningOpRef<ModuleOp>> laterStages;
  bool isSplit = false; ///< each stage has its module
  bool done = false;
  int code = 0;
};

} // namespace

int kinu::runPipeline(const PipelineOptions &options, SourceMap &sources, Diagnostics &diagnostics) {
  return Run(options, sources, diagnostics).run();
}

std::optional<TypedModel> kinu::checkSpec(const PipelineOptions &options, SourceMap &sources,
                                          Diagnostics &diagnostics) {
  Frontend frontend(options, sources, diagnostics);
  if (!frontend.parse()) {
    if (!frontend.ioError.empty())
      reportUnreadable(options, frontend.ioError);
    return std::nullopt;
  }
  return frontend.check(true);
}
