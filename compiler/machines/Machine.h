// What the compiler knows of a machine, as data: passes ask this struct and never a machine's name.
//
// A machine is a JSON file beside this header, built into the compiler; adding one is adding a file and a line in
// Machine.cpp. `local`, the machine the compiler runs on, is detected (Local.cpp).
#pragma once

#include "llvm/Support/Error.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kinu::machines {

/// A torus of nodes and how jobs are started on it.
struct Network {
  std::string name;
  std::vector<std::string> axisNames; ///< physical axes, such as X Y Z A B C
  std::vector<int64_t> axisLengths;   ///< nodes along each of them
  int64_t nodes = 0;                  ///< in the whole machine
  int64_t unitNodes = 1;              ///< jobs of more than one dimension take whole units
  double linkBandwidth = 0;           ///< bytes per second and direction, one link, as measured by MPI
  double latency = 0;                 ///< seconds, an empty message from MPI to MPI
  /// The physical axes behind each axis of a 3-D job, such as {{X, A}, {Y, B}, {Z, C}}.
  std::vector<std::vector<std::string>> jobAxes;
  bool jobAxesAssumed = false; ///< `jobAxes` is an assumption that no document confirms
  std::string launcher;        ///< the command that submits a job, such as pjsub
};

struct Machine {
  std::string name;
  std::string title; ///< for people, such as "A64FX on Tofu-D"

  // What code may use.
  std::string triple;        ///< LLVM target triple
  std::string cpu;           ///< LLVM processor name
  std::string features;      ///< LLVM feature list "+a,-b", on top of those of `cpu`
  int64_t vectorBits = 0;    ///< width of the widest vector to use
  bool scalable = false;     ///< has SVE: vectors may be scalable, with `vscale` = vectorBits / 128
  bool convertsFp16 = false; ///< vectors of fp16 to fp32 and back; without it `precision fp16` is refused
  bool hasFp16 = false;      ///< fp16 arithmetic at full vector width; without it `precision fp16(fast)` is refused
  bool hasBf16 = false;      ///< bf16 products; without them `precision bf16` is refused
  bool hasAmx = false;       ///< AMX tiles for bf16

  // How fast it is, per node.
  int64_t cores = 1;
  int64_t memoryGroups = 1; ///< NUMA nodes, or core memory groups on A64FX
  int64_t l1Bytes = 0;      ///< data cache of a core
  int64_t l2Bytes = 0;      ///< one L2 cache
  int64_t l2Cores = 1;      ///< cores that share it
  int64_t l3Bytes = 0;      ///< last-level cache of the node, 0 if there is none
  int64_t memoryBytes = 0;
  double frequency = 0; ///< Hz, while running vector code
  int64_t fmaPipes = 1; ///< fused multiply-adds of full width per cycle

  // The block of a matrix product that is kept in registers (facts: accumulators enough to hide latency, no spills).
  int64_t gemmRows = 6;    ///< broadcast operands
  int64_t gemmVectors = 4; ///< vectors per row

  std::optional<Network> network; ///< none: a single node

  /// Of 64 bits.
  bool isX86() const { return llvm::StringRef(triple).starts_with("x86_64"); }
  /// Cores that a rank may use.
  int64_t coresPerGroup() const { return std::max<int64_t>(1, cores / std::max<int64_t>(1, memoryGroups)); }
  /// Elements of 32 bits in a vector.
  int64_t floatsPerVector() const { return vectorBits / 32; }
  /// 128-bit granules of a scalable vector; 0 where vectors are not scalable.
  int64_t vscale() const { return scalable ? vectorBits / 128 : 0; }
  /// fp32 operations per second of one core: pipes x lanes x 2 x clock.
  double peakFlopsPerCore() const { return double(fmaPipes) * double(floatsPerVector()) * 2 * frequency; }
  /// Everything that may change the code of a kernel, and nothing that may not: part of the key of the kernel cache.
  std::string fingerprint() const;
};

/// The machine of that name, `local` being the one this process runs on. An unknown name is an error that lists the
/// known ones.
llvm::Expected<Machine> find(llvm::StringRef name);

/// The names `find` takes, in the order to show them.
std::vector<std::string> knownNames();

/// Reads a description (see fugaku.json for the fields, all of which must be there but `network`). `origin` is named
/// in errors.
llvm::Expected<Machine> parse(llvm::StringRef json, llvm::StringRef origin);

/// The machine this process runs on.
Machine detectLocal();

} // namespace kinu::machines
