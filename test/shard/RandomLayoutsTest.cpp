// Random layouts of small random models, against one rank in double precision: each is either refused with a message or
// computes the same. KINU_LAYOUTS says how many (24), KINU_TEST_SEED which ones; a failure prints the seed of its
// layout.
#include "LayoutRun.h"

#include "compiler/shard/Shard.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"

#include <random>

using namespace mlir;
using namespace kinu;
using namespace kinu::test;

namespace {

/// An architecture of the examples: what its heads are called, and what else a layout may split.
struct Architecture {
  const char *example;
  std::vector<const char *> tensorAxes; ///< what tensor parallelism splits
  bool experts = false, encoder = false, grouped = false;
};

const std::vector<Architecture> kArchitectures{
    {"gpt2", {"head", "ffn", "token"}},
    {"bloom", {"head", "ffn", "token"}},
    {"bert", {"head", "ffn", "token"}},
    {"packed", {"head", "ffn", "token"}},
    {"llama3-8b", {"group", "rep", "ffn", "token"}, false, false, true},
    {"gemma2", {"group", "rep", "ffn", "token"}, false, false, true},
    {"mixtral-8x7b", {"group", "ffn", "token"}, true, false, true},
    {"t5", {"head", "ffn", "token"}, false, true},
};

class Generator {
public:
  explicit Generator(unsigned seed) : random(seed) {}

  int64_t among(std::initializer_list<int64_t> values) { return values.begin()[random() % values.size()]; }
  bool chance(double p) { return std::uniform_real_distribution<>()(random) < p; }
  const Architecture &architecture() { return kArchitectures[random() % kArchitectures.size()]; }

  std::map<std::string, int64_t> sizes(const Architecture &of) {
    std::map<std::string, int64_t> sizes{{"vocab", among({32, 64, 72})},
                                         {"width", among({16, 32})},
                                         {"depth", among({1, 2, 3, 4})},
                                         {"batch", among({4, 8})},
                                         {"seq", among({8, 12})}};
    sizes["context"] = sizes["seq"];
    sizes["accumulate"] = 1;
    if (of.grouped) {
      sizes.insert({{"groups", among({1, 2, 4})}, {"reps", among({1, 2})}, {"hidden", among({24, 48})}});
    } else {
      sizes["heads"] = among({2, 4});
    }
    if (of.experts)
      sizes["experts"] = among({2, 4});
    if (of.example == std::string("gemma2"))
      sizes.insert({{"head_width", 8}, {"window", 5}});
    if (of.encoder)
      sizes.insert({{"head_width", 8}, {"hidden", 48}, {"buckets", 8}, {"source", sizes["context"]}});
    return sizes;
  }

  std::string layout(const Architecture &of) {
    std::vector<std::string> mesh, clauses;
    int64_t room = 8;
    auto axis = [&](const char *name) {
      int64_t degree = std::min(room, among({2, 2, 2, 3, 4}));
      room /= degree;
      mesh.push_back(std::string(name) + " = " + std::to_string(degree));
      return degree > 1;
    };
    auto add = [&](const std::string &clause) { clauses.push_back(clause); };
    if (chance(0.5) && axis("data")) {
      add("shard batch on data");
      if (chance(0.6))
        add("zero " + std::to_string(among({1, 2, 3})) + " on data");
    }
    if (chance(0.6) && axis("tensor")) {
      std::vector<std::string> split;
      for (const char *name : of.tensorAxes)
        if (chance(0.8))
          split.push_back(name);
      if (chance(0.05))
        split.push_back("embed");
      if (!split.empty())
        add("shard " + llvm::join(split, ", ") + " on tensor");
      if (chance(0.4))
        add("shard seq on tensor between blocks");
    }
    if (of.experts && chance(0.6) && axis("expert"))
      add("shard expert on expert");
    if (chance(0.15) && axis("context"))
      add("shard seq on context");
    if (chance(of.encoder ? 0.05 : 0.4) && axis("pipe")) {
      static const char *schedules[] = {"1f1b", "gpipe", "zero_bubble", "interleaved"};
      add(std::string("pipeline layer on pipe, schedule: ") + schedules[chance(0.2) ? 3 : random() % 3]);
    }
    if (mesh.empty() || chance(0.5))
      add("microbatch " + std::to_string(among({1, 2})));
    if (chance(0.3))
      add(chance(0.7) ? "recompute stages 0..1" : "recompute stages 1..4");
    std::string text = "\nlayout random for local {\n";
    if (!mesh.empty())
      text += "  mesh " + llvm::join(mesh, ", ") + "\n";
    for (const std::string &clause : clauses)
      text += "  " + clause + "\n";
    return text + "}\n";
  }

private:
  std::mt19937 random;
};

/// The stages' modules, as `--stop-after=shard` writes them.
std::vector<std::string> stagesOf(const std::string &text) {
  SmallVector<StringRef> stages;
  StringRef(text).split(stages, "// -----\n");
  return {stages.begin(), stages.end()};
}

enum class Outcome { Ran, Refused };

Outcome runOne(unsigned seed) {
  Generator generator(seed);
  const Architecture &architecture = generator.architecture();
  std::string folder = std::string(KINU_SOURCE_DIR) + "/examples/" + architecture.example;
  std::string spec = (*llvm::MemoryBuffer::getFile(folder + "/" + architecture.example + ".kinu"))->getBuffer().str();
  PipelineOptions options;
  options.defines = generator.sizes(architecture);
  std::string layout = generator.layout(architecture);
  SmallString<128> file;
  llvm::sys::fs::createTemporaryFile("layout", "kinu", file);
  llvm::FileRemover remover(file);
  {
    std::error_code error;
    llvm::raw_fd_ostream(file, error) << spec << layout;
  }
  options.spec = file.str().str();
  std::string described = architecture.example;
  for (auto [name, size] : options.defines)
    described += " -D " + name + "=" + std::to_string(size);
  SCOPED_TRACE("KINU_LAYOUTS=1 KINU_TEST_SEED=" + std::to_string(seed) + ": " + described + layout);

  printf("%u: %s%s", seed, described.c_str(), layout.c_str());
  fflush(stdout); // in case it crashes

  PipelineOptions sharded = options;
  sharded.layout = "random";
  sharded.stopAfter = Stage::Shard;
  Compiled parts = compile(sharded);
  if (parts.code != 0) {
    EXPECT_EQ(parts.code, 1) << parts.message;
    EXPECT_NE(parts.message, "");
    printf("refused: %s", parts.message.c_str());
    return Outcome::Refused;
  }
  const typed::Layout *chosen = nullptr;
  for (const typed::Layout &each : parts.model->layouts)
    if (each.name == "random")
      chosen = &each;
  options.defines["accumulate"] = shard::microBatches(*parts.model, *chosen);
  options.stopAfter = Stage::Differentiate;
  Compiled whole = compile(options);
  EXPECT_EQ(whole.code, 0) << whole.message;
  if (whole.code != 0)
    return Outcome::Ran;
  LayoutRun run(whole.text, stagesOf(parts.text), *whole.model->train);
  run.compareTwoSteps();
  printf("%ld ranks, weights and moments differ by at most %.1e\n", long(run.ranks()), run.largest);
  return Outcome::Ran;
}

unsigned numberFrom(const char *variable, unsigned otherwise) {
  const char *text = std::getenv(variable);
  return text ? std::atoi(text) : otherwise;
}

TEST(RandomLayouts, AreRefusedOrComputeTheSame) {
  unsigned count = numberFrom("KINU_LAYOUTS", 24), first = numberFrom("KINU_TEST_SEED", 1), ran = 0;
  for (unsigned seed = first; seed < first + count; ++seed)
    ran += runOne(seed) == Outcome::Ran;
  printf("%u of %u layouts ran, from KINU_TEST_SEED=%u\n", ran, count, first);
  if (count > 1)
    EXPECT_GE(2 * ran, count);
}

} // namespace
