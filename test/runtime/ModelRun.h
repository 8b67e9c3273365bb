// Runs the hand-compiled model as a process in a folder with a corpus and a tokenizer.
#pragma once

#include "runtime/TrainTokenizer.h"
#include "test/runtime/Scratch.h"

#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

struct Outcome {
  int code;           ///< exit code; 128 + signal if it was killed
  std::string output; ///< standard output and error
};

class ModelRun {
public:
  ModelRun() {
    std::string text;
    for (int i = 0; i < 400; ++i)
      text += "the " + std::string(i % 3 ? "cat" : "dog") + " number " + std::to_string(i * 37 % 100) + " sat\n";
    scratch.write("corpus.txt", text);
    kinu::rt::TokenizerOptions options;
    options.type = kinu::rt::TokenizerOptions::Type::Char;
    scratch.write("corpus.model", kinu::rt::trainTokenizer({scratch / "corpus.txt"}, options));
  }

  /// Starts `model` (an executable of this folder's CMakeLists.txt); its output goes to the file `output`.
  pid_t start(const std::vector<std::string> &arguments, const std::string &model = "BigramModel") const {
    pid_t child = fork();
    if (child)
      return child;
    std::signal(SIGHUP, SIG_DFL); // whatever runs the tests may ignore it
    int output = open((scratch / "output").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    dup2(output, 1);
    dup2(output, 2);
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    std::string path = std::string(KINU_TEST_MODELS) + "/" + model;
    std::vector<char *> argv = {path.data()};
    for (const std::string &argument : arguments)
      argv.push_back(const_cast<char *>(argument.c_str()));
    argv.push_back(nullptr);
    if (chdir(scratch.path().c_str()) == 0)
      execv(path.c_str(), argv.data());
    _exit(127);
  }

  Outcome wait(pid_t child) const {
    int status = 0;
    waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), scratch.read("output")};
  }

  Outcome run(const std::vector<std::string> &arguments, const std::string &model = "BigramModel") const {
    return wait(start(arguments, model));
  }

  /// The bytes of `file` in the newest checkpoint of `folder`; empty if there is none.
  std::string newest(const std::string &folder, const std::string &file = "weights.safetensors") const {
    std::string name;
    for (const auto &entry : std::filesystem::directory_iterator(scratch / folder)) {
      std::string candidate = entry.path().filename().string();
      if (candidate.starts_with("step-") && exists(entry.path() / "COMMIT"))
        name = std::max(name, candidate);
    }
    return name.empty() ? "" : scratch.read(folder + "/" + name + "/" + file);
  }

  Scratch scratch;
};
