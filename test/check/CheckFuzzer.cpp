// The fuzz target of check: any text gives a typed model or errors, and no crash.
#include "test/check/CheckedSpec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  for (bool training : {true, false}) {
    kinu::check::CheckOptions options;
    options.training = training;
    kinu::test::CheckedSpec spec(std::string(reinterpret_cast<const char *>(data), size), options);
    if (spec.model.has_value() == spec.diagnostics.hasErrors())
      __builtin_trap();
    if (spec.model)
      (void)spec.model->dump();
  }
  return 0;
}
