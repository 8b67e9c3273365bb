#include "compiler/precision/Precision.h"

using namespace kinu;

void precision::check(const typed::TrainConfig &train, const machines::Machine &machine, Diagnostics &diagnostics) {
  if (train.precision == typed::Precision::Fp32)
    return;
  std::string wanted = train.precision == typed::Precision::Bf16 ? "bf16" : "fp16";
  diagnostics
      .error("unsupported-precision", train.range,
             "there are no " + wanted + " kernels for machine `" + machine.name + "`; it has fp32")
      .suggest("write `precision fp32`");
}
