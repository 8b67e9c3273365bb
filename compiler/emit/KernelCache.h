// Compiled kernels, compiled in parallel and kept on disk by the hash of what they were compiled from.
#pragma once

#include "compiler/machines/Machine.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace kinu::emit {

/// A folder of object files named by content hash. Safe for threads and for processes that share it: an entry is
/// written aside and renamed, and carries a hash of itself, so a damaged one reads as absent. A folder that cannot be
/// written costs the caching, not the build.
class KernelCache {
public:
  /// `folder` is made when first written to.
  explicit KernelCache(std::string folder = defaultFolder());

  /// $KINU_CACHE_DIR, else $XDG_CACHE_HOME/kinu, else ~/.cache/kinu.
  static std::string defaultFolder();

  /// 32 hexadecimal digits of XXH3-128 over (symbol, text, machine, this compiler). The compiler is its own file's
  /// content, so that no kernel survives a change of the code that made it.
  static std::string key(llvm::StringRef symbol, llvm::StringRef text, const machines::Machine &machine);

  std::optional<std::string> load(llvm::StringRef key) const;

  /// Fails only where the folder cannot be written.
  llvm::Error store(llvm::StringRef key, llvm::StringRef object) const;

  const std::string &folder() const { return path; }

private:
  std::string path;
};

/// One kernel to compile. `symbol` names its function: unique in the executable, and since other executables may link
/// the same cached object, it must depend on nothing but the kernel's text.
struct KernelJob {
  std::string symbol;
  std::string text; ///< all that its code depends on besides the machine and the compiler
  std::function<llvm::Expected<std::string>()> compile; ///< returns an object; called in a thread of its own
};

struct CompiledKernels {
  std::vector<std::string> objects; ///< in the order of the jobs
  int64_t fromCache = 0;
};

/// Compiles what the cache does not hold on `threads` threads (0: one per core). Every failing job is reported, joined
/// in one error. `warn` is called, at most once, if nothing can be written to the cache.
llvm::Expected<CompiledKernels> compileKernels(llvm::ArrayRef<KernelJob> jobs, const machines::Machine &machine,
                                               const KernelCache &cache, unsigned threads,
                                               llvm::function_ref<void(llvm::StringRef)> warn);

} // namespace kinu::emit
