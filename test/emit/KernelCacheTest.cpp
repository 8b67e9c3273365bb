// The kernel cache: what was compiled is not compiled again, what is damaged is, and a folder that cannot be written
// stops nothing.
#include "compiler/emit/KernelCache.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <atomic>

using namespace kinu;
using emit::KernelCache;
using testing::HasSubstr;

namespace {
class KernelCacheTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("kinu-cache-test", folder));
    machine = llvm::cantFail(machines::find("x86-64-v3"));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::vector<emit::KernelJob> jobs(int count) {
    std::vector<emit::KernelJob> result;
    for (int i = 0; i < count; ++i)
      result.push_back({"k" + std::to_string(i), "text " + std::to_string(i), [this, i] {
                          ++compilations;
                          return llvm::Expected<std::string>("object " + std::to_string(i));
                        }});
    return result;
  }

  emit::CompiledKernels compile(const KernelCache &cache, const std::vector<emit::KernelJob> &list) {
    auto warn = [this](llvm::StringRef text) { warnings.push_back(text.str()); };
    return llvm::cantFail(emit::compileKernels(list, machine, cache, 2, warn));
  }

  llvm::SmallString<128> folder;
  machines::Machine machine;
  std::atomic<int> compilations = 0;
  std::vector<std::string> warnings;
};
} // namespace

TEST_F(KernelCacheTest, secondTimeEverythingComesFromTheCacheInTheSameOrder) {
  KernelCache cache(folder.str().str());
  EXPECT_EQ(compile(cache, jobs(20)).fromCache, 0);
  emit::CompiledKernels again = compile(cache, jobs(20));
  EXPECT_EQ(again.fromCache, 20);
  EXPECT_EQ(compilations, 20);
  EXPECT_EQ(again.objects[7], "object 7");
  EXPECT_TRUE(warnings.empty());
}

TEST_F(KernelCacheTest, aDamagedEntryIsCompiledAgainAndMended) {
  KernelCache cache(folder.str().str());
  compile(cache, jobs(1));
  std::string entry = cache.folder() + "/" + KernelCache::key("k0", "text 0", machine) + ".kcache";
  for (llvm::StringRef damage : {"", "KINUKC01", "KINUKC010123456789abcdef0123456789abcdefobject 1"}) {
    std::error_code error;
    llvm::raw_fd_ostream(entry, error) << damage;
    ASSERT_FALSE(error);
    int before = compilations;
    EXPECT_EQ(compile(cache, jobs(1)).objects[0], "object 0") << "damaged as '" << damage.str() << "'";
    EXPECT_EQ(compilations, before + 1);
    EXPECT_TRUE(cache.load(KernelCache::key("k0", "text 0", machine)).has_value());
  }
}

TEST_F(KernelCacheTest, anUnwritableFolderCostsOneWarning) {
  std::string file = (folder + "/file").str();
  std::error_code error;
  llvm::raw_fd_ostream(file, error) << "not a folder";
  KernelCache cache(file + "/cache");
  EXPECT_EQ(compile(cache, jobs(3)).objects[2], "object 2");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], testing::AllOf(HasSubstr(cache.folder()), HasSubstr("KINU_CACHE_DIR")));
}

TEST_F(KernelCacheTest, everyFailingKernelIsReportedAndNoneIsStored) {
  KernelCache cache(folder.str().str());
  std::vector<emit::KernelJob> list = jobs(3);
  for (int broken : {0, 2})
    list[broken].compile = [] { return llvm::Expected<std::string>(llvm::createStringError("no luck")); };
  auto result = emit::compileKernels(list, machine, cache, 2, [](llvm::StringRef) {});
  ASSERT_FALSE(bool(result));
  EXPECT_THAT(llvm::toString(result.takeError()),
              testing::AllOf(HasSubstr("kernel k0: no luck"), HasSubstr("kernel k2: no luck")));
  EXPECT_FALSE(cache.load(KernelCache::key("k0", "text 0", machine)).has_value());
}

TEST_F(KernelCacheTest, theKeyDependsOnSymbolTextAndMachine) {
  machines::Machine other = machine;
  other.gemmRows = 8;
  std::string key = KernelCache::key("k", "text", machine);
  EXPECT_EQ(key.size(), 32u);
  EXPECT_EQ(key, KernelCache::key("k", "text", machine));
  EXPECT_NE(key, KernelCache::key("l", "text", machine));
  EXPECT_NE(key, KernelCache::key("kt", "ext", machine));
  EXPECT_NE(key, KernelCache::key("k", "text", other));
}
