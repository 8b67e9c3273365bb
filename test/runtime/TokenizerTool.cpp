// Trains a tokenizer for tests: TokenizerTool TYPE VOCABULARY OUT VALIDATION FILES... (what `kinu tokenize` does).
#include "runtime/Failure.h"
#include "runtime/File.h"
#include "runtime/TrainTokenizer.h"

#include <cstdio>
#include <cstdlib>

int main(int argc, char **argv) {
  using namespace kinu::rt;
  using Type = TokenizerOptions::Type;
  if (argc < 6)
    return 2;
  std::string type = argv[1];
  TokenizerOptions options;
  options.type = type == "char" ? Type::Char : type == "bpe" ? Type::Bpe : Type::Unigram;
  options.vocabulary = std::atol(argv[2]);
  options.validation = std::atof(argv[4]);
  try {
    replaceFile(argv[3], trainTokenizer({argv + 5, argv + argc}, options));
  } catch (const Failure &failure) {
    std::fprintf(stderr, "error: %s\n", failure.what());
    return int(failure.code);
  }
  return 0;
}
