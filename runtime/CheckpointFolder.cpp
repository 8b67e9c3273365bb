// See CheckpointFolder.h.
#include "runtime/CheckpointFolder.h"

#include "runtime/File.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <sys/file.h>
#include <unistd.h>

namespace kinu::rt {

namespace fs = std::filesystem;

/// The serial number in a checkpoint folder's name; nothing if it is no such name.
static std::optional<int64_t> serialOf(const fs::path &path) {
  long step = 0, serial = 0;
  int end = 0;
  std::string name = path.filename().string();
  if (std::sscanf(name.c_str(), "step-%ld.%ld.%n", &step, &serial, &end) != 2 || end == 0)
    return std::nullopt;
  return serial;
}

/// All checkpoint folders, committed or not.
static std::vector<CommittedCheckpoint> listFolders(const std::string &folder) {
  std::vector<CommittedCheckpoint> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (auto serial = serialOf(it->path()))
      found.push_back({it->path(), *serial});
  if (error && error != std::errc::no_such_file_or_directory)
    fail(Exit::Io, "cannot read folder `", folder, "`: ", error.message());
  std::sort(found.begin(), found.end(), [](const auto &a, const auto &b) { return a.serial > b.serial; });
  return found;
}

static bool isCommitted(const CommittedCheckpoint &checkpoint) {
  std::error_code ignored;
  return fs::exists(checkpoint.path / "COMMIT", ignored);
}

std::vector<CommittedCheckpoint> listCommitted(const std::string &folder) {
  std::vector<CommittedCheckpoint> found = listFolders(folder);
  std::erase_if(found, [](const CommittedCheckpoint &checkpoint) { return !isCommitted(checkpoint); });
  return found;
}

fs::path newCheckpointPath(const std::string &folder, int64_t step) {
  std::vector<CommittedCheckpoint> found = listFolders(folder);
  int64_t serial = found.empty() ? 1 : found.front().serial + 1;
  char name[80];
  std::snprintf(name, sizeof name, "step-%08ld.%06ld.%s", long(step), long(serial), uniqueSuffix().c_str());
  return fs::path(folder) / name;
}

void commitCheckpoint(const fs::path &path, const std::string &manifestHash) {
  syncFolder(path.string());
  syncFolder(path.parent_path().string());
  writeNewFile((path / "COMMIT").string(), manifestHash + "\n");
  syncFolder(path.string());
}

void pruneCheckpoints(const std::string &folder, size_t keep) {
  std::vector<CommittedCheckpoint> found = listCommitted(folder);
  for (size_t i = keep; i < found.size(); ++i) {
    std::error_code ignored;
    fs::remove(found[i].path / "COMMIT", ignored);
    fs::remove_all(found[i].path, ignored);
  }
}

void removeUncommitted(const std::string &folder) {
  for (const CommittedCheckpoint &checkpoint : listFolders(folder)) {
    std::error_code ignored;
    if (!isCommitted(checkpoint))
      fs::remove_all(checkpoint.path, ignored);
  }
}

FolderLock::FolderLock(const std::string &folder) {
  std::string path = folder + "/lock";
  descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0)
    fail(Exit::Io, "cannot write `", path, "`: ", std::strerror(errno));
  if (flock(descriptor, LOCK_EX | LOCK_NB)) {
    int error = errno;
    close(descriptor);
    if (error == EWOULDBLOCK)
      fail(Exit::Io, "another run is training in `", folder, "`; wait for it or give --checkpoint-dir");
    fail(Exit::Io, "cannot lock `", path, "`: ", std::strerror(error));
  }
}

FolderLock::~FolderLock() { close(descriptor); }

} // namespace kinu::rt
