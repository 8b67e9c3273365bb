// Prints the assembly of a kernel for any machine: kinu-kernel-asm MACHINE < KERNEL.
//
// The text is one `step.kernel`. After its code stand `kinu_tasks` and `kinu_scratch_bytes`, 64-bit numbers that a
// program which runs the kernel needs.
#include "test/vectorize/KernelRun.h"

#include "llvm/Support/MemoryBuffer.h"

using namespace kinu;

int main(int argc, char **argv) {
  auto text = llvm::MemoryBuffer::getSTDIN();
  auto machine = machines::find(argc == 2 ? argv[1] : "");
  if (!text || !machine) {
    llvm::errs() << "usage: kinu-kernel-asm MACHINE < KERNEL\n" << llvm::toString(machine.takeError()) << "\n";
    return 2;
  }
  vectorize::Lowered lowered;
  std::string assembly = test::assemblyOf((*text)->getBuffer().str(), *machine, &lowered);
  llvm::outs() << assembly << "\t.data\n\t.globl\tkinu_tasks, kinu_scratch_bytes\n\t.balign\t8\nkinu_tasks:\t.quad\t"
               << lowered.tasks << "\nkinu_scratch_bytes:\t.quad\t" << lowered.scratchBytes << "\n";
  return assembly.empty();
}
