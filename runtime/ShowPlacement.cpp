// See ShowPlacement.h.
#include "runtime/ShowPlacement.h"

#include "runtime/Failure.h"

#include <climits>
#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace kinu::rt {

std::vector<int64_t> placeOf(const Placement &placement, std::vector<int64_t> along) {
  std::vector<int64_t> place(placement.lengths.size(), 0);
  for (size_t i = 0; i + 3 < placement.digits.size(); i += 4) {
    const int64_t *digit = &placement.digits[i];
    place[size_t(digit[1])] += along[size_t(digit[0])] % digit[2] * digit[3];
    along[size_t(digit[0])] /= digit[2];
  }
  return place;
}

static std::string describe(const Manifest &manifest, const Mesh &mesh) {
  std::string line = text("rank ", mesh.rank(), ":");
  std::vector<int64_t> along;
  for (const Axis &axis : manifest.mesh) {
    along.push_back(mesh.coordinate(axis.name));
    line += text(" ", axis.name, " ", along.back());
  }
  if (manifest.placement) {
    std::vector<int64_t> place = placeOf(*manifest.placement, along);
    if (manifest.placement->digits.empty()) { // ranks fill one node after another
      place[0] = mesh.rank() % manifest.placement->lengths[0];
      place[1] = mesh.rank() / manifest.placement->lengths[0];
    }
    line += text(" at (", place[1], ",", place[2], ",", place[3], ") number ", place[0]);
  }
  char host[HOST_NAME_MAX + 1] = "";
  gethostname(host, sizeof host - 1);
  return line + " on " + host;
}

void showPlacement(const Manifest &manifest, const Mesh &mesh) {
  constexpr size_t kWidth = 256;
  std::vector<char> own(kWidth), all(mesh.first() ? kWidth * size_t(mesh.ranks()) : 0);
  std::strncpy(own.data(), describe(manifest, mesh).c_str(), kWidth - 1);
  if (mesh.ranks() > 1)
    MPI_Gather(own.data(), kWidth, MPI_CHAR, all.data(), kWidth, MPI_CHAR, 0, MPI_COMM_WORLD);
  else
    all = own;
  for (size_t rank = 0; rank < all.size() / kWidth; ++rank)
    std::printf("%s\n", &all[rank * kWidth]);
  std::fflush(stdout);
}

} // namespace kinu::rt
