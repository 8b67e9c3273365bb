// Checkpoints: the state of a training as plain safetensors with a manifest, so that a run can go on bit for bit.
//
// A checkpoint holds weights.safetensors (parameters by path), moments.safetensors (`moment1/PATH`, `moment2/PATH`) and
// manifest.json: step, seed, spec, position in the data, loss scale, and size and xxh3-128 of each file. Random numbers
// and the order of samples are functions of seed and step, so there is no other state; 16-bit copies of weights are
// computed from them.
#pragma once

#include "runtime/LossScale.h"
#include "runtime/Mesh.h"

#include <optional>
#include <string>

namespace kinu::rt {

struct TrainingState {
  int64_t step = 0; ///< steps done
  uint64_t seed = 0;
  std::string dataKey;        ///< Shards::key of the text trained on
  int64_t batch = 0, seq = 0; ///< of the run that wrote it; 0 if it did not say
  LossScale lossScale;
};

/// Writes the variables in `arena` as a new checkpoint and prunes older ones to two. Throws Failure (Exit::Io), with
/// nothing of the new one left and the older ones as they were.
/// Tensors in files are whole: each rank writes its part of them, so that any layout can go on from there.
void saveCheckpoint(const std::string &folder, const Manifest &manifest, const char *arena, const TrainingState &state,
                    const Mesh &mesh = Mesh::alone());

enum class LoadedParts { Weights, WeightsAndMoments };

/// Reads the newest valid checkpoint of `folder` into `arena`; nothing if there is none at all. A damaged one is
/// passed over with a note. Throws Failure: Exit::NoCheckpoint if all are damaged, Exit::Mismatch if the newest valid
/// one belongs to another spec, saying what differs.
std::optional<TrainingState> loadNewestCheckpoint(const std::string &folder, const Manifest &manifest, char *arena,
                                                  LoadedParts parts, const Mesh &mesh = Mesh::alone());

} // namespace kinu::rt
