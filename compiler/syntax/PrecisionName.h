// What reports call the arithmetic of a run.
#pragma once

#include "compiler/syntax/TypedModel.h"

namespace kinu::typed {

/// `fp32`, `bf16`, `fp16`, or `fp16 safe`, which stores 16 bits and multiplies in fp32.
inline llvm::StringRef precisionName(const TrainConfig &train) {
  switch (train.precision) {
  case Precision::Fp32: return "fp32";
  case Precision::Bf16: return "bf16";
  case Precision::Fp16: return train.promote ? "fp16" : "fp16 safe";
  }
  llvm_unreachable("a precision");
}

} // namespace kinu::typed
