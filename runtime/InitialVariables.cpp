// The variables of a run before its first step. See InitialWeights.h.
#include "runtime/InitialWeights.h"
#include "runtime/Mesh.h"

#include <cstring>

namespace kinu::rt {

/// A rank's part of a variable: numbers are drawn by place in the whole.
static void fillPart(const Variable &variable, uint64_t seed, float *values, const Mesh &mesh) {
  forEachRun(variable, mesh, [&](int64_t whole, int64_t local, int64_t count) {
    fillInitial(variable.init, seed, variable.name, values + local, count, whole);
  });
}

void initializeVariables(const Manifest &manifest, char *arena, uint64_t seed, const Mesh &mesh) {
  for (const Variable &variable : manifest.variables) {
    if (!isParameter(variable.role) || !variable.real.empty()) // behind the end, weights are zeros
      std::memset(arena + variable.offset, 0, size_t(variable.bytes));
    if (isParameter(variable.role))
      fillPart(variable, seed, reinterpret_cast<float *>(arena + variable.offset), mesh);
  }
}

} // namespace kinu::rt
