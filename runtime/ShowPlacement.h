// `--show-placement`: where each rank stands.
#pragma once

#include "runtime/Manifest.h"
#include "runtime/Mesh.h"

namespace kinu::rt {

/// The ranks of the node, then x, y, z: where a rank with these places along the mesh's axes stands.
std::vector<int64_t> placeOf(const Placement &placement, std::vector<int64_t> along);

/// The first rank prints a line for each: its places along the mesh's axes, its node of the torus, if the executable
/// was built for one, and the host that it runs on. To be called by all ranks at once.
void showPlacement(const Manifest &manifest, const Mesh &mesh);

} // namespace kinu::rt
