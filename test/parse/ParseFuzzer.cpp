// Fuzzing the front end: any bytes must parse to a tree and diagnostics without a crash, every diagnostic must render,
// and what parses without errors must format to something that parses to the same tree and formats to itself.
#include "test/parse/RoundTrip.h"

#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  std::string complaint = kinu::roundTrip(text);
  if (complaint.empty())
    return 0;
  llvm::errs() << complaint << "\n--- the input ---\n" << text << '\n';
  std::abort();
}
