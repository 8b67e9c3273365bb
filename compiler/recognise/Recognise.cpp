// The order of the recognisers.
#include "compiler/recognise/Recognise.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void kinu::recognise::buildPipeline(OpPassManager &passes) {
  // Patterns name each value once: a maximum written twice would look like two.
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addPass(createRecogniseNorm());
  passes.addPass(createRecogniseAttention());
  passes.addPass(createRecogniseLinearCrossEntropy());
}
