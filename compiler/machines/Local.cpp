// The machine at hand: what LLVM says of the processor, what hwloc says of cores, caches and memory, and its clock,
// which virtual machines do not tell and which is therefore measured.
#include "compiler/machines/Machine.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"

#include <chrono>
#include <cmath>
#include <hwloc.h>
#include <unistd.h>
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#endif
#ifdef __aarch64__
#include <sys/prctl.h>
#endif

using namespace kinu::machines;

/// The clock in Hz, to 50 MHz: additions that wait for each other take one cycle each on every processor of interest.
/// The best of several short runs, because others may use the core meanwhile.
static double measureClock() {
  constexpr int64_t kAdditions = 1 << 20;
  double best = 0;
  for (int run = 0; run < 8; ++run) {
    uint64_t sum = 0, step = 1;
    auto start = std::chrono::steady_clock::now();
    for (int64_t i = 0; i < kAdditions; i += 8) {
#if defined(__x86_64__)
      asm volatile("add %1, %0\n\tadd %1, %0\n\tadd %1, %0\n\tadd %1, %0\n\t"
                   "add %1, %0\n\tadd %1, %0\n\tadd %1, %0\n\tadd %1, %0"
                   : "+r"(sum)
                   : "r"(step));
#elif defined(__aarch64__)
      asm volatile("add %0, %0, %1\n\tadd %0, %0, %1\n\tadd %0, %0, %1\n\tadd %0, %0, %1\n\t"
                   "add %0, %0, %1\n\tadd %0, %0, %1\n\tadd %0, %0, %1\n\tadd %0, %0, %1"
                   : "+r"(sum)
                   : "r"(step));
#endif
    }
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, double(kAdditions) / seconds.count());
  }
  return std::round(best / 50e6) * 50e6;
}

/// Fused multiply-adds of full width per cycle. Client parts and Zen 4 have one 512-bit pipe, everything else of
/// interest two (Intel optimization manual; uops.info).
static int64_t fmaPipesOf(llvm::StringRef cpu, int64_t vectorBits) {
  if (vectorBits < 512)
    return 2;
  return llvm::StringSwitch<int64_t>(cpu)
      .Cases({"cannonlake", "icelake-client", "tigerlake", "rocketlake", "znver4"}, 1)
      .Default(2);
}

/// The system gives a process the memory to save AMX tiles in only if it asks; this asks, for this process and what it
/// compiles for itself.
static bool mayUseTiles() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18; // asm/prctl.h, of newer kernels
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

static void describeProcessor(Machine &machine) {
  machine.triple = llvm::sys::getProcessTriple();
  machine.cpu = llvm::sys::getHostCPUName().str();
  llvm::StringMap<bool> has = llvm::sys::getHostCPUFeatures();
  // The features are listed because a hypervisor may hide some that the processor's name implies. Sorted: the list is
  // part of the cache key.
  std::vector<std::string> features;
  for (const auto &feature : has)
    features.push_back((feature.second ? "+" : "-") + feature.first().str());
  llvm::sort(features);
  machine.features = llvm::join(features, ",");

  bool avx512 = has.lookup("avx512f") && has.lookup("avx512bw") && has.lookup("avx512dq") && has.lookup("avx512vl");
  machine.vectorBits = avx512 ? 512 : has.lookup("avx2") ? 256 : 128;
  machine.hasFp16 = has.lookup("avx512fp16") || has.lookup("fullfp16");
  machine.convertsFp16 = has.lookup("f16c") || has.lookup("neon");
  machine.hasAmx = has.lookup("amx-bf16") && has.lookup("amx-tile") && mayUseTiles();
  machine.hasBf16 = machine.hasAmx || (avx512 && has.lookup("avx512bf16"));
#ifdef __aarch64__
  machine.scalable = has.lookup("sve");
  if (machine.scalable)
    machine.vectorBits = 8 * (prctl(PR_SVE_GET_VL) & PR_SVE_VL_LEN_MASK);
#endif
  machine.fmaPipes = fmaPipesOf(machine.cpu, machine.vectorBits);
  machine.gemmRows = 6;
  // AVX2 has 16 registers: 6x2 accumulators, two of the right operand, one broadcast.
  machine.gemmVectors = machine.vectorBits >= 512 || machine.scalable ? 4 : 2;
}

static void describeTopology(Machine &machine) {
  machine.memoryBytes = int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  machine.cores = sysconf(_SC_NPROCESSORS_ONLN);
  hwloc_topology_t topology;
  if (hwloc_topology_init(&topology) != 0)
    return;
  if (hwloc_topology_load(topology) == 0) {
    machine.cores = std::max(1, hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE));
    machine.memoryGroups = std::max(1, hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE));
    auto bytesOf = [&](hwloc_obj_type_t level) -> int64_t {
      hwloc_obj_t cache = hwloc_get_obj_by_type(topology, level, 0);
      return cache ? int64_t(cache->attr->cache.size) : 0;
    };
    machine.l1Bytes = bytesOf(HWLOC_OBJ_L1CACHE);
    machine.l2Bytes = bytesOf(HWLOC_OBJ_L2CACHE);
    machine.l3Bytes = bytesOf(HWLOC_OBJ_L3CACHE);
    machine.l2Cores =
        std::max<int64_t>(1, machine.cores / std::max(1, hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_L2CACHE)));
  }
  hwloc_topology_destroy(topology);
}

Machine kinu::machines::detectLocal() {
  // Detected once: the clock takes a few milliseconds, and every caller must see the same machine.
  static const Machine local = [] {
    Machine machine;
    machine.name = "local";
    machine.title = "the machine at hand";
    describeProcessor(machine);
    describeTopology(machine);
    // What the hypervisor or hwloc did not tell: the sizes nearly every machine has at least.
    if (machine.l1Bytes == 0)
      machine.l1Bytes = 32 << 10;
    if (machine.l2Bytes == 0)
      machine.l2Bytes = 512 << 10;
    machine.frequency = measureClock();
    return machine;
  }();
  return local;
}
