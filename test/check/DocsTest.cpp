// Every program in docs/errors.md and docs/language.md is checked: wrong ones give exactly the error they stand for,
// right ones none; of `warned` ones there is a model, too. A fence that holds no whole model is the inside of one, with
// the declarations of `surround`.
#include "test/check/CheckedSpec.h"

#include "llvm/ADT/StringExtras.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

using namespace kinu;
using kinu::test::CheckedSpec;

namespace {

struct Fence {
  std::string heading; ///< the last heading before it, without #, blanks and backticks
  std::string info;    ///< "kinu", "kinu wrong", ...
  std::string text;
  unsigned line = 0;
};

std::vector<Fence> fencesOf(const std::string &name) {
  std::ifstream file(std::string(KINU_SOURCE_DIR) + "/docs/" + name);
  EXPECT_TRUE(file.good()) << name;
  std::vector<Fence> fences;
  std::string line, heading;
  bool inside = false;
  for (unsigned number = 1; std::getline(file, line); ++number) {
    llvm::StringRef text = line;
    if (text.starts_with("```")) {
      if (!inside)
        fences.push_back({heading, text.drop_front(3).trim().str(), "", number});
      inside = !inside;
    } else if (inside) {
      fences.back().text += line + "\n";
    } else if (text.starts_with("#")) {
      heading = text.trim("# `").str();
    }
  }
  EXPECT_FALSE(inside) << name << ": a fence is not closed";
  return fences;
}

std::string surround(const std::string &text) {
  if (llvm::StringRef(text).contains("model ") || llvm::StringRef(text).starts_with("import"))
    return text;
  return "import std\nmodel m {\n  axis batch\n  axis seq up to 8, key like seq\n  axis embed = 4, token = 10\n"
         "  input tokens[batch, seq] in token\n  input x[batch, seq, embed]\n" +
         text + "}\n";
}

/// A first line `// -D name=n` gives definitions.
check::CheckOptions optionsOf(const std::string &text) {
  check::CheckOptions options;
  llvm::StringRef line = llvm::StringRef(text).split('\n').first;
  if (line.consume_front("// -D ")) {
    auto [name, value] = line.split('=');
    options.defines[name.str()] = std::stoll(value.str());
  }
  return options;
}

TEST(Docs, WrongProgramsGiveTheErrorOfTheirHeading) {
  unsigned count = 0;
  for (const Fence &fence : fencesOf("errors.md")) {
    if (fence.info != "kinu wrong")
      continue;
    ++count;
    CheckedSpec spec(surround(fence.text), optionsOf(fence.text), "errors.md");
    EXPECT_EQ(spec.ids(), fence.heading) << "docs/errors.md:" << fence.line << "\n" << spec.messages;
    EXPECT_FALSE(spec.model.has_value()) << "docs/errors.md:" << fence.line;
  }
  EXPECT_GT(count, 90u);
}

TEST(Docs, WarnedProgramsGiveTheWarningOfTheirHeadingAndAModel) {
  unsigned count = 0;
  for (const Fence &fence : fencesOf("errors.md")) {
    if (fence.info != "kinu warned")
      continue;
    ++count;
    CheckedSpec spec(surround(fence.text), optionsOf(fence.text), "errors.md");
    EXPECT_EQ(spec.ids(), fence.heading) << "docs/errors.md:" << fence.line << "\n" << spec.messages;
    EXPECT_TRUE(spec.model.has_value()) << "docs/errors.md:" << fence.line;
  }
  EXPECT_GT(count, 0u);
}

TEST(Docs, RightProgramsGiveNoError) {
  for (const Fence &fence : fencesOf("errors.md")) {
    if (fence.info != "kinu right")
      continue;
    CheckedSpec spec(surround(fence.text), optionsOf(fence.text), "errors.md");
    EXPECT_EQ(spec.diagnostics.errorCount(), 0u) << "docs/errors.md:" << fence.line << "\n" << spec.messages;
  }
}

TEST(Docs, ExamplesOfTheReferenceCheck) {
  unsigned count = 0;
  for (const Fence &fence : fencesOf("language.md")) {
    if (fence.info != "kinu")
      continue;
    ++count;
    CheckedSpec spec(surround(fence.text), optionsOf(fence.text), "language.md");
    EXPECT_EQ(spec.diagnostics.errorCount(), 0u) << "docs/language.md:" << fence.line << "\n" << spec.messages;
  }
  EXPECT_GT(count, 20u);
}

} // namespace
