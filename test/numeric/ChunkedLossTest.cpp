// Losses cut into chunks, through the whole pipeline: results against the reference interpreter, and what the cutting
// is for, memory and the number of products.
#include "TwoModels.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace kinu;
using namespace kinu::test;

static std::string specOf(const std::string &name) {
  return KINU_SOURCE_DIR "/examples/" + name + "/" + name + ".kinu";
}

/// A step and an evaluation with logits of `rows` rows at a time.
static void compare(const std::string &name, std::map<std::string, int64_t> defines, int64_t rows) {
  int64_t vocab = defines.at("vocab");
  TwoModels models(specOf(name), defines, {.lossChunkBytes = rows * vocab * 4});
  ASSERT_TRUE(models.ok());
  models.drawWeights(5);
  models.accumulate(0);
  Difference gradients = models.compareGradients(1e-3);
  printf("%s, %lld rows at a time: the loss differs by %.1e, gradients by at most %.1e (%s)\n", name.c_str(),
         static_cast<long long>(rows), models.lossDifference, gradients.relative, gradients.of.c_str());
  models.runAndCompare("eval");
}

// Tied weights, several micro-batches, chunks of 4 rows of 13: padded.
TEST(ChunkedLoss, Gpt2) {
  compare("gpt2",
          {{"vocab", 67},
           {"width", 42},
           {"heads", 2},
           {"depth", 1},
           {"context", 16},
           {"batch", 6},
           {"seq", 13},
           {"accumulate", 2}},
          4);
}

// The head of LLaMA lies the other way round, and chunks are whole sequences.
TEST(ChunkedLoss, Llama) {
  compare("llama-7b",
          {{"vocab", 67},
           {"width", 32},
           {"heads", 2},
           {"depth", 1},
           {"hidden", 45},
           {"context", 16},
           {"batch", 3},
           {"seq", 12},
           {"accumulate", 1}},
          12);
}

TEST(ChunkedLoss, SoftCappedLogits) {
  compare("gemma2",
          {{"vocab", 67},
           {"width", 24},
           {"groups", 1},
           {"reps", 2},
           {"head_width", 8},
           {"depth", 1},
           {"hidden", 20},
           {"window", 3},
           {"context", 16},
           {"batch", 2},
           {"seq", 14},
           {"accumulate", 1}},
          7);
}

// BERT's loss counts masked positions only.
TEST(ChunkedLoss, MaskedLoss) {
  compare("bert",
          {{"vocab", 67},
           {"width", 32},
           {"heads", 2},
           {"depth", 1},
           {"context", 16},
           {"batch", 2},
           {"seq", 16},
           {"accumulate", 1}},
          5);
}

namespace {
struct Allocated {
  MLIRContext context;
  OwningOpRef<ModuleOp> module;

  explicit Allocated(int64_t lossChunkBytes) {
    context.loadDialect<KinuDialect, step::StepDialect>();
    SmallString<128> file;
    llvm::sys::fs::createTemporaryFile("kinu", "mlir", file);
    llvm::FileRemover remover(file);
    PipelineOptions options;
    options.spec = specOf("gpt2");
    options.defines = {{"batch", 4}, {"seq", 1024}};
    options.stopAfter = Stage::Allocate;
    options.output = file.str().str();
    options.lossChunkBytes = lossChunkBytes;
    SourceMap sources;
    Diagnostics diagnostics;
    if (runPipeline(options, sources, diagnostics) == 0)
      module = parseSourceFile<ModuleOp>(file, &context);
  }

  int64_t bytesOf(StringRef program) {
    return module->lookupSymbol<ProgramOp>(program)->getAttrOfType<IntegerAttr>("kinu.program_bytes").getInt();
  }
  /// Launches of products of which the classes are an axis, times their rows: in whole micro-batches.
  int64_t headProducts(StringRef program) {
    int64_t rows = 0;
    for (auto launch : module->lookupSymbol<ProgramOp>(program).getBody().front().getOps<step::LaunchOp>()) {
      auto kernel = module->lookupSymbol<step::KernelOp>(launch.getKernel());
      for (auto dot : kernel.getBody().front().getOps<DotOp>()) {
        NamedTensorType lhs = typeOf(dot.getLhs()), rhs = typeOf(dot.getRhs());
        if (lhs.has("token") || rhs.has("token"))
          rows += joinTypes({dot.getLhs(), dot.getRhs()}).getNumElements() / (50257 * 768);
      }
    }
    EXPECT_EQ(rows % 4096, 0);
    return rows / 4096;
  }
};
} // namespace

// gpt2 at 4 x 1024: the logits of a micro-batch take 823 MB, and were there twice, as z and as dz.
TEST(ChunkedLoss, MemoryAndProductsOfGpt2) {
  Allocated chunked(int64_t(128) << 20), whole(int64_t(1) << 40);
  ASSERT_TRUE(chunked.module && whole.module);
  int64_t logits = int64_t(4096) * 50257 * 4;
  printf("gpt2, 4 x 1024: program `micro` takes %.0f MB, with whole logits %.0f MB; `eval` %.0f MB, %.0f MB\n",
         double(chunked.bytesOf("micro")) * 1e-6, double(whole.bytesOf("micro")) * 1e-6,
         double(chunked.bytesOf("eval")) * 1e-6, double(whole.bytesOf("eval")) * 1e-6);
  EXPECT_LE(chunked.bytesOf("eval"), whole.bytesOf("eval") - logits + (int64_t(128) << 20));
  EXPECT_LE(chunked.bytesOf("micro"), whole.bytesOf("micro") - logits / 2);
  EXPECT_EQ(chunked.headProducts("micro"), 3);
  EXPECT_EQ(whole.headProducts("micro"), 3);
  EXPECT_EQ(chunked.headProducts("eval"), 1);
}
