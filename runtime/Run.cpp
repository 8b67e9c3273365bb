// See Run.h.
#include "runtime/Run.h"

#include "runtime/Failure.h"
#include "runtime/Messages.h"
#include "runtime/Threads.h"

#include <cstdio>

namespace kinu::rt {

Tokenizer openTokenizer(const Run &run) {
  const std::string &path = run.manifest.train.data.tokenizer;
  if (path.empty())
    fail(Exit::BadData, "the spec names no tokenizer; name one with --tokenizer FILE");
  return Tokenizer(path);
}

std::vector<std::string> inputFiles(const Run &run) {
  const DataPlan &data = run.manifest.train.data;
  std::vector<std::string> files = matchingFiles(data.files);
  for (const std::string &file : matchingFiles(data.validationFiles))
    files.push_back(file);
  files.push_back(data.tokenizer);
  files.push_back("/proc/self/exe");
  return files;
}

Data::Data(const Run &run)
    : tokenizer(openTokenizer(run)),
      shards(encodeCorpus(run.manifest.train.data, tokenizer, run.options.checkpointFolder + "/data")),
      loader(run.manifest.train, tokenizer, shards) {}

std::unique_ptr<Data> openData(const Run &run) {
  if (!run.mesh.first()) // the first rank encodes, the others find it done
    run.mesh.barrier();
  auto data = std::make_unique<Data>(run);
  if (run.mesh.first())
    run.mesh.barrier();
  std::fprintf(stderr, "text: %s tokens to train on, %s for validation, %s pieces\n",
               formatCount(data->shards.training.tokens()).c_str(),
               formatCount(data->shards.validation.tokens()).c_str(), formatCount(data->tokenizer.size()).c_str());
  return data;
}

std::unique_ptr<Executor> startExecutor(const Run &run) {
  int threads = setUpThreads(run.options.threads);
  int64_t scratch = threads * scratchPerThread(run.executable);
  std::fprintf(stderr, "memory: arena %s bytes, scratch %s bytes for %d threads (%s in all)\n",
               formatCount(run.executable.arenaBytes).c_str(), formatCount(scratch).c_str(), threads,
               formatBytes(run.executable.arenaBytes + scratch).c_str());
  auto executor = std::make_unique<Executor>(run.executable, run.manifest, threads, run.mesh);
  executor->runIfPresent("constants");
  return executor;
}

} // namespace kinu::rt
