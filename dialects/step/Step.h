// The step dialect: kernels and launches. See StepOps.td for the manual.
#pragma once

#include "dialects/kinu/Kinu.h"

#include "dialects/step/StepDialect.h.inc"
#include "dialects/step/StepEnums.h.inc"
#define GET_OP_CLASSES
#include "dialects/step/StepOps.h.inc"
