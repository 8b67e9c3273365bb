// See CheckpointFolder.h.
#include "runtime/CheckpointFolder.h"

#include "runtime/File.h"
#include "runtime/Messages.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
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

/// The serial number up to which checkpoints are retired; 0 if none is.
static int64_t lastRetired(const std::string &folder) {
  std::ifstream file(folder + "/retired");
  int64_t serial = 0;
  return file >> serial ? serial : 0;
}

std::vector<CommittedCheckpoint> listCommitted(const std::string &folder) {
  std::vector<CommittedCheckpoint> found = listFolders(folder);
  int64_t retired = lastRetired(folder);
  std::erase_if(found, [&](const CommittedCheckpoint &checkpoint) {
    return checkpoint.serial <= retired || !isCommitted(checkpoint);
  });
  return found;
}

void noteUnfinished(const std::string &folder) {
  for (const CommittedCheckpoint &checkpoint : listFolders(folder))
    if (checkpoint.serial > lastRetired(folder) && !isCommitted(checkpoint))
      note("passing over `" + checkpoint.path.string() +
           "`: it has no COMMIT, so it is being written or was never finished");
}

static int64_t lastSerial(const std::string &folder) {
  std::vector<CommittedCheckpoint> found = listFolders(folder);
  return std::max(lastRetired(folder), found.empty() ? 0 : found.front().serial);
}

void retireCheckpoints(const std::string &folder) {
  if (int64_t serial = lastSerial(folder))
    replaceFile(folder + "/retired", std::to_string(serial) + "\n");
}

fs::path newCheckpointPath(const std::string &folder, int64_t step) {
  int64_t serial = lastSerial(folder) + 1;
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
  int64_t retired = lastRetired(folder);
  for (const CommittedCheckpoint &checkpoint : listFolders(folder)) {
    bool keeps = checkpoint.serial > retired && (!isCommitted(checkpoint) || keep > 0);
    if (keeps) {
      keep -= isCommitted(checkpoint);
      continue;
    }
    std::error_code ignored;
    fs::remove(checkpoint.path / "COMMIT", ignored);
    fs::remove_all(checkpoint.path, ignored);
  }
}

void removeUncommitted(const std::string &folder) {
  for (const CommittedCheckpoint &checkpoint : listFolders(folder)) {
    std::error_code ignored;
    if (isCommitted(checkpoint))
      continue;
    note("removing `" + checkpoint.path.string() + "`: it has no COMMIT, so it was never finished");
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
