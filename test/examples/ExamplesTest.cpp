// Every example checks, has the right number of weights, and checks when shrunk by the line of its README.
#include "test/check/CheckedSpec.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

using namespace kinu;
using kinu::test::CheckedSpec;

namespace {

struct Example {
  const char *name;
  int64_t weights; ///< from the papers and model cards; 0: nothing to compare with
};

std::string fileText(const std::string &path) {
  std::ifstream file(std::string(KINU_SOURCE_DIR) + "/examples/" + path);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The `-D name=n` behind "Try it small" in the README.
check::CheckOptions smallOptions(const std::string &name) {
  std::string readme = fileText(name + "/README.md");
  llvm::StringRef line = llvm::StringRef(readme).split("## Try it small").second;
  check::CheckOptions options;
  llvm::SmallVector<llvm::StringRef> words;
  llvm::SplitString(line, words);
  for (size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i] == "-D") {
      auto [define, value] = words[i + 1].split('=');
      options.defines[define.str()] = std::stoll(value.str());
    }
  EXPECT_GT(options.defines.size(), 3u) << name;
  return options;
}

/// Warnings are no fault of a spec: a layout as others trained with may be worth one.
bool hasError(const CheckedSpec &spec) { return llvm::StringRef(spec.messages).contains("error: "); }

class Examples : public testing::TestWithParam<Example> {};

TEST_P(Examples, ChecksWithTheRightNumberOfWeights) {
  std::string name = GetParam().name;
  CheckedSpec spec(fileText(name + "/" + name + ".kinu"), {}, name + ".kinu");
  ASSERT_FALSE(hasError(spec)) << spec.messages;
  if (GetParam().weights)
    EXPECT_EQ(spec.model->parameterCount(), GetParam().weights);
  EXPECT_TRUE(spec.model->loss.has_value());
  EXPECT_FALSE(spec.model->outputs.empty());
  EXPECT_EQ(spec.model->train->precision, typed::Precision::Fp32);
}

TEST_P(Examples, ChecksWhenSmall) {
  std::string name = GetParam().name, text = fileText(name + "/" + name + ".kinu");
  for (bool training : {true, false}) {
    check::CheckOptions options = smallOptions(name);
    options.training = training;
    CheckedSpec spec(text, options, name + ".kinu");
    ASSERT_FALSE(hasError(spec)) << spec.messages;
    EXPECT_LT(spec.model->parameterCount(), 4000000); // layouts with many stages want as many layers
  }
}

TEST_P(Examples, ChecksForOneSequenceAtATime) {
  std::string name = GetParam().name;
  check::CheckOptions options;
  options.training = false;
  options.lengths["batch"] = 1;
  CheckedSpec spec(fileText(name + "/" + name + ".kinu"), options, name + ".kinu");
  ASSERT_FALSE(hasError(spec)) << spec.messages;
  EXPECT_EQ(spec.model->inputs.front().type.find("batch")->length, 1);
}

INSTANTIATE_TEST_SUITE_P(All, Examples,
                         testing::Values(Example{"gpt2", 124439808}, Example{"llama-7b", 6738415616},
                                         Example{"llama3-8b", 8030261248}, Example{"mixtral-8x7b", 46702792704},
                                         Example{"fugaku-llm-13b", 13167577728}, Example{"gpt-175b", 174604836864},
                                         Example{"gpt-500b", 504433664000}, Example{"gpt-530b", 529600819200},
                                         Example{"moe-1t", 1015554088960}, Example{"bloom", 559214592},
                                         Example{"gemma2", 2614341888}, Example{"t5", 60506624}, Example{"bert", 0},
                                         Example{"packed", 0}, Example{"shakespeare", 0}, Example{"wagahai", 0}),
                         [](const auto &info) {
                           std::string name = info.param.name;
                           for (char &c : name)
                             c = llvm::isAlnum(c) ? c : '_';
                           return name;
                         });

TEST(Quickstart, Checks) {
  CheckedSpec spec(fileText("quickstart/quickstart.kinu"), {}, "quickstart.kinu");
  EXPECT_EQ(spec.messages, "");
}

} // namespace
