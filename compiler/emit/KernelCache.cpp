// The cache's file format is a magic number, the XXH3-128 of the object, and the object.
#include "compiler/emit/KernelCache.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>
#include <xxhash.h>

using namespace kinu::emit;

static constexpr llvm::StringLiteral kMagic = "KINUKC01";
static constexpr size_t kHeaderBytes = 8 + 32;

static std::string hexOf(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  return llvm::toHex(llvm::ArrayRef<uint8_t>(canonical.digest, sizeof canonical.digest), /*LowerCase=*/true);
}

static std::string hashOf(llvm::StringRef bytes) { return hexOf(XXH3_128bits(bytes.data(), bytes.size())); }

/// Identifies this compiler: its version, LLVM's, and the content of the running executable.
static const std::string &compilerIdentity() {
  static const std::string identity = [] {
    std::string text = KINU_VERSION " LLVM " LLVM_VERSION_STRING " ";
    if (auto self = llvm::MemoryBuffer::getFile("/proc/self/exe", false, false))
      text += hashOf((*self)->getBuffer());
    return text;
  }();
  return identity;
}

KernelCache::KernelCache(std::string folder) : path(std::move(folder)) {}

std::string KernelCache::defaultFolder() {
  if (auto folder = llvm::sys::Process::GetEnv("KINU_CACHE_DIR"); folder && !folder->empty())
    return *folder;
  llvm::SmallString<128> path;
  if (!llvm::sys::path::cache_directory(path)) // $XDG_CACHE_HOME, or ~/.cache
    path = "/nonexistent";
  llvm::sys::path::append(path, "kinu");
  return path.str().str();
}

std::string KernelCache::key(llvm::StringRef symbol, llvm::StringRef text, const machines::Machine &machine) {
  // Every part is preceded by its length, so that no two different lists of parts read the same.
  std::string all;
  for (const std::string &part : {symbol.str(), text.str(), machine.fingerprint(), compilerIdentity()})
    all += std::to_string(part.size()) + ":" + part;
  return hashOf(all);
}

static std::string entryPath(llvm::StringRef folder, llvm::StringRef key) {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, key + ".kcache");
  return path.str().str();
}

std::optional<std::string> KernelCache::load(llvm::StringRef key) const {
  auto file = llvm::MemoryBuffer::getFile(entryPath(path, key), false, false);
  if (!file)
    return std::nullopt;
  llvm::StringRef bytes = (*file)->getBuffer();
  if (bytes.size() < kHeaderBytes || !bytes.consume_front(kMagic))
    return std::nullopt;
  llvm::StringRef hash = bytes.take_front(32), object = bytes.drop_front(32);
  if (hashOf(object) != hash)
    return std::nullopt;
  return object.str();
}

llvm::Error KernelCache::store(llvm::StringRef key, llvm::StringRef object) const {
  if (std::error_code error = llvm::sys::fs::create_directories(path))
    return llvm::createStringError(error, "cannot make " + path);
  // In the same folder, so that the rename is atomic; keeping the temporary file is the rename.
  auto file = llvm::sys::fs::TempFile::create(entryPath(path, key) + ".%%%%%%");
  if (!file)
    return file.takeError();
  llvm::raw_fd_ostream stream(file->FD, /*shouldClose=*/false);
  stream << kMagic << hashOf(object) << object;
  stream.flush();
  if (stream.has_error()) {
    std::error_code error = stream.error();
    stream.clear_error();
    return llvm::joinErrors(llvm::createStringError(error, "cannot write to " + path), file->discard());
  }
  return file->keep(entryPath(path, key));
}

llvm::Expected<CompiledKernels> kinu::emit::compileKernels(llvm::ArrayRef<KernelJob> jobs,
                                                           const machines::Machine &machine, const KernelCache &cache,
                                                           unsigned threads,
                                                           llvm::function_ref<void(llvm::StringRef)> warn) {
  CompiledKernels result;
  result.objects.resize(jobs.size());
  std::vector<llvm::Error> errors;
  std::string warning;
  std::mutex mutex; // guards errors, warning and result.fromCache
  auto compileOne = [&](size_t index) {
    const KernelJob &job = jobs[index];
    std::string key = KernelCache::key(job.symbol, job.text, machine);
    if (std::optional<std::string> object = cache.load(key)) {
      result.objects[index] = std::move(*object);
      std::lock_guard<std::mutex> lock(mutex);
      ++result.fromCache;
      return;
    }
    llvm::Expected<std::string> object = job.compile();
    if (!object) {
      std::lock_guard<std::mutex> lock(mutex);
      errors.push_back(llvm::createStringError("kernel " + job.symbol + ": " + llvm::toString(object.takeError())));
      return;
    }
    result.objects[index] = std::move(*object);
    if (llvm::Error error = cache.store(key, result.objects[index])) {
      std::lock_guard<std::mutex> lock(mutex);
      warning = llvm::toString(std::move(error));
    }
  };
  llvm::DefaultThreadPool pool(llvm::heavyweight_hardware_concurrency(threads));
  for (size_t index = 0; index < jobs.size(); ++index)
    pool.async(compileOne, index);
  pool.wait();

  if (!warning.empty())
    warn("compiled kernels are not kept: " + warning + " (KINU_CACHE_DIR names another folder)");
  llvm::Error all = llvm::Error::success();
  for (llvm::Error &error : errors)
    all = llvm::joinErrors(std::move(all), std::move(error));
  if (all)
    return std::move(all);
  return result;
}
