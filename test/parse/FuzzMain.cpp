// Runs the fuzz target without libFuzzer: `kinu-fuzz-parse --seconds N CORPUS` takes the files of a folder, changes
// them at random and feeds them in. The changes are a pure function of `--seed`, so a failure can be repeated.
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static llvm::cl::opt<unsigned> seconds("seconds", llvm::cl::desc("how long to run"), llvm::cl::init(10));
static llvm::cl::opt<unsigned> seed("seed", llvm::cl::desc("of the random changes"), llvm::cl::init(1));
static llvm::cl::list<std::string> folders(llvm::cl::Positional, llvm::cl::OneOrMore, llvm::cl::desc("CORPUS..."));

/// Words and marks that a change may put in: random bytes alone seldom get past the lexer.
static const char *const snippets[] = {
    " ",
    "\n",
    "// note\n",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "=",
    "..",
    "...",
    "->",
    "@{",
    "|",
    "+",
    "-",
    "*",
    "//",
    "%",
    "^",
    "==",
    "<=",
    "not ",
    " and ",
    " or ",
    " as ",
    " else ",
    "let ",
    "axis ",
    "size ",
    "def ",
    "block ",
    "model ",
    "train ",
    "layout ",
    "repeat ",
    "return ",
    "use ",
    "input ",
    "weight ",
    "where ",
    "1f1b",
    "0.5e-3",
    "9223372036854775808",
    "\"",
    "\\",
    "\t",
    "\r\n",
    "\xe6\x97\xa5",
    "\xff",
    "x",
    "a",
};

static std::vector<std::string> readCorpus() {
  std::vector<std::string> corpus;
  for (const std::string &folder : folders) {
    std::error_code error;
    for (llvm::sys::fs::recursive_directory_iterator entry(folder, error), end; entry != end && !error;
         entry.increment(error))
      if (llvm::StringRef(entry->path()).ends_with(".kinu"))
        if (auto buffer = llvm::MemoryBuffer::getFile(entry->path()))
          corpus.push_back((*buffer)->getBuffer().str());
  }
  std::sort(corpus.begin(), corpus.end()); // the order of a folder is not fixed
  return corpus;
}

/// A random piece of one text put into another, a piece removed, doubled or replaced.
static std::string mutate(std::string text, const std::vector<std::string> &corpus, std::mt19937 &random) {
  auto below = [&](size_t bound) { return bound == 0 ? 0 : random() % bound; };
  for (size_t changes = 1 + below(4); changes != 0; --changes) {
    size_t at = below(text.size() + 1);
    size_t length = std::min<size_t>(below(2) ? below(4) : below(80), text.size() - at);
    const std::string &other = corpus[below(corpus.size())];
    switch (below(5)) {
    case 0: text.erase(at, length); break;
    case 1: text.insert(at, text.substr(at, length)); break;
    case 2: text.replace(at, length, snippets[below(std::size(snippets))]); break;
    case 3: text.insert(at, snippets[below(std::size(snippets))]); break;
    default: text.insert(at, other.substr(below(other.size() + 1), below(60))); break;
    }
  }
  return text;
}

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv, "fuzz the lexer, parser and formatter\n");
  std::vector<std::string> corpus = readCorpus();
  if (corpus.empty()) {
    llvm::errs() << "no .kinu files in the corpus\n";
    return 2;
  }
  auto feed = [](const std::string &text) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(text.data()), text.size());
  };
  for (const std::string &text : corpus)
    feed(text);
  std::mt19937 random(seed);
  unsigned long runs = 0;
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  for (; std::chrono::steady_clock::now() < end; ++runs)
    feed(mutate(corpus[random() % corpus.size()], corpus, random));
  llvm::outs() << runs << " inputs from " << corpus.size() << " files, nothing found\n";
  return 0;
}
