// Decodes the few VEX-encoded instructions of AMX and applies them to tiles of the thread.
#include "TileEmulator.h"

#include "llvm/Support/Signals.h"

#if defined(__x86_64__) && defined(__linux__)

#include <csignal>
#include <cstdint>
#include <cstring>
#include <immintrin.h>
#include <ucontext.h>

namespace {

constexpr int kTiles = 8, kRows = 16, kRowBytes = 64;

/// What `ldtilecfg` reads.
struct Configuration {
  uint8_t palette, startRow, reserved[14];
  uint16_t rowBytes[16];
  uint8_t rows[16];
};
static_assert(sizeof(Configuration) == 64);

struct Tile {
  uint8_t row[kRows][kRowBytes];
};

thread_local Configuration configuration;
thread_local Tile tiles[kTiles];

/// An instruction with a VEX prefix of three bytes, as far as AMX uses it.
struct Instruction {
  uint8_t prefix; ///< 0, 1, 2 or 3: none, 66, F3 or F2
  uint8_t opcode;
  uint8_t third; ///< the operand in the prefix
  uint8_t mode, reg, rm;
  uint8_t *base = nullptr; ///< of the operand in memory, with what is added to it but the index
  int64_t stride = 0;      ///< the index, scaled
  int length;
};

} // namespace

/// The general registers in the order in which instructions number them.
static int64_t registerOf(const ucontext_t *context, int number) {
  static const int places[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                               REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return context->uc_mcontext.gregs[places[number]];
}

/// Reads the operand in memory behind the byte that says how it is addressed; false if it is relative to the
/// instruction, which LLVM does not do with tiles.
static bool decodeAddress(const uint8_t *code, const ucontext_t *context, bool indexHigh, bool baseHigh,
                          Instruction &instruction) {
  int64_t address = 0;
  int base = instruction.rm;
  if (instruction.rm == 4) {
    uint8_t byte = code[instruction.length++];
    int index = (byte >> 3 & 7) | (indexHigh ? 8 : 0);
    base = byte & 7;
    if (index != 4)
      instruction.stride = registerOf(context, index) << (byte >> 6);
  }
  bool noBase = base == 5 && instruction.mode == 0;
  if (noBase && instruction.rm != 4)
    return false;
  if (!noBase)
    address = registerOf(context, base | (baseHigh ? 8 : 0));
  if (instruction.mode == 1) {
    address += static_cast<int8_t>(code[instruction.length]);
    instruction.length += 1;
  } else if (instruction.mode == 2 || noBase) {
    int32_t distance;
    std::memcpy(&distance, code + instruction.length, 4);
    address += distance;
    instruction.length += 4;
  }
  instruction.base = reinterpret_cast<uint8_t *>(address);
  return true;
}

static bool decode(const uint8_t *code, const ucontext_t *context, Instruction &instruction) {
  if (code[0] != 0xC4 || (code[1] & 0x1F) != 2 || (code[2] & 0x84) != 0)
    return false; // not of the map 0F38, without W, of 128 bits
  bool regHigh = !(code[1] & 0x80), indexHigh = !(code[1] & 0x40), baseHigh = !(code[1] & 0x20);
  instruction.prefix = code[2] & 3;
  instruction.third = ~(code[2] >> 3) & 15;
  instruction.opcode = code[3];
  instruction.mode = code[4] >> 6;
  instruction.reg = code[4] >> 3 & 7;
  instruction.rm = code[4] & 7;
  instruction.length = 5;
  if (regHigh)
    return false; // there are eight tiles
  return instruction.mode == 3 || decodeAddress(code, context, indexHigh, baseHigh, instruction);
}

static float widened(const uint8_t *bf16) {
  uint32_t bits = uint32_t(bf16[0]) << 16 | uint32_t(bf16[1]) << 24;
  float number;
  std::memcpy(&number, &bits, 4);
  return number;
}

/// Even and odd terms of k are summed apart and meet at the end; denormals count as 0, whatever the thread's mode.
static void multiplyPairs(int to, int lhs, int rhs) {
  _mm_setcsr(_mm_getcsr() | 0x8040); // of this handler only
  int rows = configuration.rows[to], columns = configuration.rowBytes[to] / 4, pairs = configuration.rowBytes[lhs] / 4;
  for (int row = 0; row < rows; ++row)
    for (int column = 0; column < columns; ++column) {
      float even = 0, odd = 0;
      for (int pair = 0; pair < pairs; ++pair) {
        const uint8_t *left = tiles[lhs].row[row] + 4 * pair, *right = tiles[rhs].row[pair] + 4 * column;
        even = __builtin_fmaf(widened(left), widened(right), even);
        odd = __builtin_fmaf(widened(left + 2), widened(right + 2), odd);
      }
      float sum;
      uint8_t *place = tiles[to].row[row] + 4 * column;
      std::memcpy(&sum, place, 4);
      sum += even + odd;
      std::memcpy(place, &sum, 4);
    }
  std::memset(tiles[to].row[rows], 0, size_t(kRows - rows) * kRowBytes);
}

static void load(int to, const Instruction &from) {
  std::memset(&tiles[to], 0, sizeof(Tile));
  for (int row = 0; row < configuration.rows[to]; ++row)
    std::memcpy(tiles[to].row[row], from.base + row * from.stride, configuration.rowBytes[to]);
}

static void store(int from, const Instruction &to) {
  for (int row = 0; row < configuration.rows[from]; ++row)
    std::memcpy(to.base + row * to.stride, tiles[from].row[row], configuration.rowBytes[from]);
}

static bool isPossible(const Configuration &wanted) {
  bool fits = wanted.palette <= 1;
  for (int tile = 0; tile < 16; ++tile)
    fits &=
        wanted.rows[tile] <= (tile < kTiles ? kRows : 0) && wanted.rowBytes[tile] <= (tile < kTiles ? kRowBytes : 0);
  return fits;
}

/// False for what is no instruction of AMX, or has tiles of shapes that it refuses.
static bool execute(const Instruction &instruction) {
  int tile = instruction.reg;
  bool memory = instruction.mode != 3, set = memory && configuration.rows[tile] > 0;
  switch (instruction.opcode << 8 | instruction.prefix) {
  case 0x4900:
    if (memory)
      std::memcpy(&configuration, instruction.base, sizeof(Configuration));
    else
      configuration = {}; // tilerelease
    std::memset(tiles, 0, sizeof(tiles));
    return isPossible(configuration);
  case 0x4901:
    if (memory)
      std::memcpy(instruction.base, &configuration, sizeof(Configuration));
    return memory;
  case 0x4903: std::memset(&tiles[tile], 0, sizeof(Tile)); return !memory;
  case 0x4B01:
  case 0x4B03:
    if (!set)
      return false;
    load(tile, instruction);
    return true;
  case 0x4B02:
    if (!set)
      return false;
    store(tile, instruction);
    return true;
  case 0x5C02: {
    int lhs = instruction.rm, rhs = instruction.third;
    bool match = rhs < kTiles && configuration.rows[tile] == configuration.rows[lhs] &&
                 configuration.rowBytes[tile] == configuration.rowBytes[rhs] &&
                 configuration.rowBytes[lhs] / 4 == configuration.rows[rhs];
    if (match && !memory)
      multiplyPairs(tile, lhs, rhs);
    return match && !memory;
  }
  default: return false;
  }
}

static void handle(int, siginfo_t *, void *where) {
  auto *context = static_cast<ucontext_t *>(where);
  auto *code = reinterpret_cast<const uint8_t *>(context->uc_mcontext.gregs[REG_RIP]);
  Instruction instruction{};
  if (decode(code, context, instruction) && execute(instruction))
    context->uc_mcontext.gregs[REG_RIP] += instruction.length;
  else
    signal(SIGILL, SIG_DFL); // it happens again, and ends the process
}

void kinu::test::emulateTiles() {
  // LLVM puts handlers of its own in place of others' when it first writes a file: it shall do so now.
  llvm::sys::SetInterruptFunction(nullptr);
  struct sigaction action {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGILL, &action, nullptr);
}

#else

void kinu::test::emulateTiles() {}

#endif
