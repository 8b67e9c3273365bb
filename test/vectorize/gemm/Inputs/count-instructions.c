// A plugin of qemu (user emulation, plugin API 1) that counts what an AArch64 program executes: all instructions, and
// multiply-adds of SVE vectors. Prints "INSTRUCTIONS MULTIPLY-ADDS" at the end, to the log.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// What of qemu-plugin.h is needed here; Debian's qemu-user comes without it.
typedef uint64_t Id;
struct Block;
struct Instruction;
enum { kAdd = 0 };
size_t qemu_plugin_tb_n_insns(const struct Block *block);
struct Instruction *qemu_plugin_tb_get_insn(const struct Block *block, size_t index);
const void *qemu_plugin_insn_data(const struct Instruction *instruction);
void qemu_plugin_register_vcpu_tb_trans_cb(Id id, void (*call)(Id, struct Block *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct Block *block, int operation, void *where, uint64_t value);
void qemu_plugin_register_atexit_cb(Id id, void (*call)(Id, void *), void *data);
void qemu_plugin_outs(const char *text);

int qemu_plugin_version = 1;
static uint64_t instructions, multiplyAdds;

/// FMLA and FMAD of SVE vectors, any element; not the indexed form (Arm ARM, C8.2).
static int isMultiplyAdd(uint32_t word) {
  return (word & 0xff20e000) == 0x65200000 || (word & 0xff20e000) == 0x65208000;
}

static void countBlock(Id id, struct Block *block) {
  uint64_t length = qemu_plugin_tb_n_insns(block), found = 0;
  for (uint64_t i = 0; i < length; ++i) {
    uint32_t word;
    memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, i)), sizeof word);
    found += (uint64_t)isMultiplyAdd(word);
  }
  qemu_plugin_register_vcpu_tb_exec_inline(block, kAdd, &instructions, length);
  if (found)
    qemu_plugin_register_vcpu_tb_exec_inline(block, kAdd, &multiplyAdds, found);
}

static void report(Id id, void *data) {
  char text[64];
  snprintf(text, sizeof text, "%llu %llu\n", (unsigned long long)instructions, (unsigned long long)multiplyAdds);
  qemu_plugin_outs(text);
}

int qemu_plugin_install(Id id, const void *info, int count, char **arguments) {
  qemu_plugin_register_vcpu_tb_trans_cb(id, countBlock);
  qemu_plugin_register_atexit_cb(id, report, NULL);
  return 0;
}
