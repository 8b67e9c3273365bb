#include "compiler/precision/Precision.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace kinu;

/// Whether kernels for the machine have the type: fast fp16 sums in it, safe fp16 and fp32 do not.
static bool has(const machines::Machine &machine, typed::Precision precision, bool isFast) {
  switch (precision) {
  case typed::Precision::Fp32: return true;
  case typed::Precision::Bf16: return machine.hasBf16;
  case typed::Precision::Fp16: return isFast ? machine.hasFp16 : machine.convertsFp16;
  }
  llvm_unreachable("a precision");
}

/// `asked` is a train block, or one that a layout's rule stands for; `range` is where it asks.
static void checkOne(const typed::TrainConfig &asked, SourceRange range, const machines::Machine &machine,
                     Diagnostics &diagnostics) {
  if (has(machine, asked.precision, asked.promote))
    return;
  std::vector<std::string> there = {"fp32"};
  if (machine.hasBf16)
    there.push_back("bf16");
  if (machine.convertsFp16)
    there.push_back(machine.hasFp16 ? "fp16" : "fp16(safe)");
  std::string missing = asked.precision == typed::Precision::Bf16 ? "bf16"
                        : machine.convertsFp16                    ? "fp16(fast)"
                                                                  : "fp16";
  diagnostics
      .error("unsupported-precision", range,
             "machine `" + machine.name + "` has no " + missing + "; it has " + llvm::join(there, " and "))
      .suggest("write `precision " + there.back() + "`" + (there.size() == 1 ? "" : " or `precision fp32`"));
}

void precision::check(const typed::TrainConfig &train, const machines::Machine &machine, Diagnostics &diagnostics) {
  checkOne(train, train.precisionRange, machine, diagnostics);
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
      checkOne(withRule({}, rule), rule.range, machine, diagnostics);
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
