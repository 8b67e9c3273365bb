#!/usr/bin/env bash
# Makes the arm64 sysroot that the A64FX executable is linked with and emulated in, and builds Kinu's runtime for it:
#   runtime/sysroot/make.sh            (into ${KINU_SYSROOT:-build/sysroot-arm64}; about 40 MB from Debian's mirror)
#   mpirun -n 2 qemu-aarch64 -cpu a64fx -L build/sysroot-arm64 ./gpt2
# Run again it fetches nothing and builds what changed of the runtime.
#
# The packages are downloaded with an apt configuration of our own and unpacked, not installed: installing :arm64
# packages beside the host's would remove the host's MPI, with which they conflict.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
sysroot=${KINU_SYSROOT:-$top/build/sysroot-arm64}

# Shared libraries and the C and C++ libraries, with all they depend on ...
withDependencies=(libopenmpi3 libsentencepiece0 libhwloc15 libc6-dev libstdc++-12-dev)
# ... and what is used without its dependencies: headers, the names the linker looks for, and OpenMP's library, which
# would bring the whole of LLVM along for its debugger.
alone=(libopenmpi-dev libsentencepiece-dev libhwloc-dev libxxhash-dev nlohmann-json3-dev libcli11-dev libomp5-19)

writeAptConfiguration() {
  mkdir -p "$1"/state/lists/partial "$1"/cache/archives/partial "$1"/empty
  : >"$1/status"
  local keys=/usr/share/keyrings/debian-archive-keyring.gpg
  cat >"$1/sources.list" <<TXT
deb [signed-by=$keys] http://deb.debian.org/debian bookworm main
deb [signed-by=$keys] http://deb.debian.org/debian-security bookworm-security main
TXT
  cat >"$1/apt.conf" <<TXT
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Install-Recommends "false";
Dir::State "$1/state";
Dir::State::Lists "$1/state/lists";
Dir::State::status "$1/status";
Dir::Cache "$1/cache";
Dir::Etc::SourceList "$1/sources.list";
Dir::Etc::SourceParts "$1/empty";
Dir::Etc::PreferencesParts "$1/empty";
Acquire::Retries "3";
TXT
}

download() {
  local work=$1
  writeAptConfiguration "$work"
  export APT_CONFIG=$work/apt.conf
  apt-get update -qq
  apt-get install -qq -y --download-only "${withDependencies[@]}"
  (cd "$work/cache/archives" && apt-get download -qq "${alone[@]}")
}

# A merged /usr as on a Debian system: packages of bookworm still hold files under /lib.
unpack() {
  local debs=$1 root=$2 folder
  for folder in bin sbin lib; do
    mkdir -p "$root/usr/$folder"
    ln -sfn "usr/$folder" "$root/$folder"
  done
  for deb in "$debs"/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink --no-same-owner \
      --exclude='./usr/share/*' --exclude='./etc/*' --exclude='./var/*' --exclude='./dev/*'
  done
  # The linker looks for libomp.so, which only OpenMP's development package has.
  ln -sfn libomp.so.5 "$root/usr/lib/aarch64-linux-gnu/libomp.so"
}

# What `complete` says once all is unpacked: another list of packages makes another sysroot.
wanted="${withDependencies[*]} ${alone[*]}"
if [ "$(cat "$sysroot/complete" 2>/dev/null)" != "$wanted" ]; then
  echo "making the arm64 sysroot in $sysroot"
  rm -rf "$sysroot.partial" "$sysroot"
  mkdir -p "$sysroot.partial"
  download "$sysroot.partial/apt"
  unpack "$sysroot.partial/apt/cache/archives" "$sysroot.partial"
  rm -rf "$sysroot.partial/apt"
  echo "$wanted" >"$sysroot.partial/complete"
  mv "$sysroot.partial" "$sysroot"
fi

cmake -G Ninja -S "$here" -B "$sysroot/kinu/build" -DCMAKE_TOOLCHAIN_FILE="$here/arm64.cmake" \
  -DCMAKE_SYSROOT="$sysroot" >/dev/null
ninja -C "$sysroot/kinu/build"
