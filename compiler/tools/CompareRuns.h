// Compares what two trainings of the same model wrote to their newest checkpoints.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace kinu::tools {

/// Tensors of a checkpoint by name.
using Tensors = std::map<std::string, std::vector<float>>;

/// `weights` or `moments` of the newest checkpoint in a folder; empty if there is none. Throws rt::Failure.
Tensors readCheckpoint(const std::string &folder, const std::string &part);

/// How far two sets of tensors are apart, by the tensor that is worst.
struct Distance {
  double largest = 0; ///< of norms of differences, relative to the norm of the reference
  std::string name;   ///< the tensor's
};

/// Gradients from first moments after one step. Relative to max(norm, 1e-6 * norm of all of them together).
Distance compareGradients(const Tensors &reference, const Tensors &other);
/// Changes of weights between two checkpoints of each run. Tensors whose reference gradient is zero are left out: what
/// AdamW makes of it is rounding, enlarged.
Distance compareUpdates(const Tensors &referenceBefore, const Tensors &referenceAfter, const Tensors &otherBefore,
                        const Tensors &otherAfter, const Tensors &referenceMoments);

} // namespace kinu::tools
