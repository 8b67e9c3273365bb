#include "compiler/precision/Precision.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace kinu;

static void checkOne(typed::Precision precision, SourceRange range, const machines::Machine &machine,
                     Diagnostics &diagnostics) {
  bool isBf16 = precision == typed::Precision::Bf16;
  if (precision == typed::Precision::Fp32 || (isBf16 ? machine.hasBf16 : machine.hasFp16))
    return;
  std::string has = "fp32";
  if (machine.hasBf16)
    has += " and bf16";
  if (machine.hasFp16)
    has += " and fp16";
  diagnostics
      .error("unsupported-precision", range,
             std::string("machine `") + machine.name + "` has no " + (isBf16 ? "bf16" : "fp16") + "; it has " + has)
      .suggest(machine.hasFp16   ? "write `precision fp16` or `precision fp32`"
               : machine.hasBf16 ? "write `precision bf16` or `precision fp32`"
                                 : "write `precision fp32`");
}

void precision::check(const typed::TrainConfig &train, const machines::Machine &machine, Diagnostics &diagnostics) {
  checkOne(train.precision, train.precisionRange, machine, diagnostics);
}

/// What a rule of the layout says, as a train block would: its type, and the terms after which sums are promoted.
static typed::TrainConfig withRule(typed::TrainConfig train, const typed::LayoutRule &rule) {
  train.precision = rule.mesh[0] == "bf16"   ? typed::Precision::Bf16
                    : rule.mesh[0] == "fp16" ? typed::Precision::Fp16
                                             : typed::Precision::Fp32;
  train.promote = rule.mesh.size() > 1 ? std::stoll(rule.mesh[1]) : 0;
  return train;
}

void precision::check(const typed::Layout &layout, const machines::Machine &machine, Diagnostics &diagnostics) {
  for (const typed::LayoutRule &rule : layout.rules)
    if (rule.verb == "precision")
      checkOne(withRule({}, rule).precision, rule.range, machine, diagnostics);
}

/// Whether a rule means a stage: one without a range means all.
static bool means(const typed::LayoutRule &rule, int64_t stage) {
  return rule.subjects.empty() || llvm::any_of(rule.subjects, [&](StringRef range) {
           int64_t begin = 0, end = 0;
           range.split("..").first.getAsInteger(10, begin);
           range.split("..").second.getAsInteger(10, end);
           return begin <= stage && stage < end;
         });
}

std::vector<typed::TrainConfig> precision::ofStages(const typed::TrainConfig &train, const typed::Layout *layout,
                                                    int64_t stages) {
  std::vector<typed::TrainConfig> all(size_t(stages), train);
  for (int64_t stage = 0; layout && stage < stages; ++stage)
    for (const typed::LayoutRule &rule : layout->rules)
      if (rule.verb == "precision" && means(rule, stage))
        all[size_t(stage)] = withRule(train, rule);
  return all;
}

void precision::buildPipeline(OpPassManager &passes, const typed::TrainConfig &train) {
  if (train.precision == typed::Precision::Fp32)
    return;
  bool isFp16 = train.precision == typed::Precision::Fp16;
  auto cleanUp = [&] {
    passes.addPass(createCanonicalizerPass());
    passes.addPass(createCSEPass());
  };
  passes.addPass(createNarrowProducts({isFp16 ? "f16" : "bf16", isFp16 ? train.promote : 0}));
  cleanUp();
  passes.addPass(createNarrowSaved());
  cleanUp();
  passes.addPass(createKeepCopies());
  cleanUp();
}
