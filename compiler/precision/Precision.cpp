#include "compiler/precision/Precision.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace kinu;

void precision::check(const typed::TrainConfig &train, const machines::Machine &machine, Diagnostics &diagnostics) {
  bool isBf16 = train.precision == typed::Precision::Bf16;
  if (train.precision == typed::Precision::Fp32 || (isBf16 ? machine.hasBf16 : machine.hasFp16))
    return;
  std::string has = "fp32";
  if (machine.hasBf16)
    has += " and bf16";
  if (machine.hasFp16)
    has += " and fp16";
  diagnostics
      .error("unsupported-precision", train.precisionRange,
             std::string("machine `") + machine.name + "` has no " + (isBf16 ? "bf16" : "fp16") + "; it has " + has)
      .suggest(machine.hasFp16   ? "write `precision fp16` or `precision fp32`"
               : machine.hasBf16 ? "write `precision bf16` or `precision fp32`"
                                 : "write `precision fp32`");
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
