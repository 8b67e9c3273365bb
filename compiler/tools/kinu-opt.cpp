// kinu-opt: runs single passes over textual IR, as mlir-opt does. For tests and for looking at what a pass does:
//   kinu-opt model.mlir --kinu-differentiate --canonicalize --cse
#include "compiler/allocate/Allocate.h"
#include "compiler/differentiate/Differentiate.h"
#include "compiler/fuse/Fuse.h"
#include "compiler/precision/Precision.h"
#include "compiler/recognise/Recognise.h"
#include "compiler/recompute/Recompute.h"
#include "compiler/schedule/Schedule.h"
#include "compiler/shard/Shard.h"
#include "dialects/kinu/Kinu.h"
#include "dialects/step/Step.h"
#include "dialects/tofu/Tofu.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::registerTransformsPasses();
  kinu::registerRecognisePasses();
  kinu::registerDifferentiatePasses();
  kinu::precision::registerPrecisionPasses();
  kinu::recompute::registerRecomputePasses();
  kinu::shard::registerShardPasses();
  kinu::fuse::registerFusePasses();
  kinu::schedule::registerSchedulePasses();
  kinu::allocate::registerAllocatePasses();

  mlir::DialectRegistry registry;
  registry.insert<kinu::KinuDialect, kinu::step::StepDialect, kinu::tofu::TofuDialect>();
  kinu::differentiate::registerDerivatives(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "runs passes of the Kinu compiler\n", registry));
}
