#!/usr/bin/env bash
# Installs what is missing of packages.txt, configures and builds: .ci/build.sh [preset [target...]].
# Run again it installs nothing and builds what changed. Needs root or sudo only when a package is missing.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
preset=${1:-dev}
shift || true

# Further packages for one run, by name: KINU_EXTRA_PACKAGES="libclang-rt-22-dev".
missing=()
for package in $(sed 's/#.*//' "$top/.ci/packages.txt") ${KINU_EXTRA_PACKAGES:-}; do
  dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
  asRoot=()
  if ((EUID != 0)); then asRoot=(sudo); fi
  echo "installing ${missing[*]}"
  "${asRoot[@]}" apt-get update -q
  "${asRoot[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

cd "$top"
cmake --preset "$preset" >/dev/null
build=build
if [ "$preset" != dev ]; then build=build/$preset; fi
exec ninja -C "$build" "$@"
