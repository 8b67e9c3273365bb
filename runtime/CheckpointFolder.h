// The folder that holds a run's checkpoints: names, commits, pruning, and the lock that keeps a second run out.
//
// Each checkpoint is a folder `step-SSSSSSSS.NNNNNN.RANDOM` of its own, N counting the checkpoints of the folder. No
// path is ever used twice or renamed: on node-local file systems (Fugaku's first-layer storage) other nodes may see the
// old content of such a path for a minute. A checkpoint exists once its file COMMIT does, which is written last, when
// all else is on the disk; it holds the hash of the checkpoint's manifest.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace kinu::rt {

struct CommittedCheckpoint {
  std::filesystem::path path;
  int64_t serial;
};

/// All committed checkpoints of `folder`, the one made last first, without retired ones. A missing folder has none.
std::vector<CommittedCheckpoint> listCommitted(const std::string &folder);

/// A path for a new checkpoint, made by no one before.
std::filesystem::path newCheckpointPath(const std::string &folder, int64_t step);

/// Makes `path`, whose files are all written, a checkpoint. Throws Failure (Exit::Io).
void commitCheckpoint(const std::filesystem::path &path, const std::string &manifestHash);

/// Removes retired checkpoints and all but the `keep` newest others. Each stops being a checkpoint before its files go.
/// What cannot be removed stays: it only takes room.
void pruneCheckpoints(const std::string &folder, size_t keep);

/// Removes what killed runs left unfinished, with a note. To be called by the run that holds the lock.
void removeUncommitted(const std::string &folder);

/// Says which checkpoints are not committed, to those who read only.
void noteUnfinished(const std::string &folder);

/// Retires the checkpoints that are there: a training that starts over must not be taken for one that goes on from
/// them, even if it is killed before it writes one. They stay until then, by the file `retired`, which holds the serial
/// number of the last of them.
void retireCheckpoints(const std::string &folder);

/// Holds `folder`/lock for as long as it lives; the system releases it however the process ends.
class FolderLock {
public:
  /// Throws Failure (Exit::Io) if another run has it.
  explicit FolderLock(const std::string &folder);
  ~FolderLock();
  FolderLock(const FolderLock &) = delete;
  FolderLock &operator=(const FolderLock &) = delete;

private:
  int descriptor;
};

} // namespace kinu::rt
