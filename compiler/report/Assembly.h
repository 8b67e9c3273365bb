// A kernel's assembly as blocks of machine instructions, each with the number of the block of LLVM IR it was made from.
#pragma once

#include "compiler/machines/Machine.h"

#include "llvm/MC/MCInst.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class MCInstrAnalysis;
class MCInstrInfo;
class MCRegisterInfo;
class MCSubtargetInfo;
} // namespace llvm

namespace kinu::report {

struct MachineInstruction {
  llvm::MCInst op;
  bool spills = false; ///< stores a register to the stack or gets it back
};

/// Instructions that run one after another.
struct MachineBlock {
  unsigned number = 0; ///< of the block of LLVM IR that most of it comes from; 0: unknown
  bool loops = false;  ///< may jump to its own beginning
  std::vector<MachineInstruction> instructions;
};

/// Blocks in the order of the text, and what LLVM knows of the machine they are for.
class Assembly {
public:
  /// Reads assembly as emit::listKernel writes it: with the numbers of blocks as lines of the debug information, and
  /// LLVM's comments on spills.
  static llvm::Expected<std::unique_ptr<Assembly>> parse(llvm::StringRef text, const machines::Machine &machine);
  ~Assembly();

  std::vector<MachineBlock> blocks;
  const llvm::MCInstrInfo &instructionInfo() const;
  const llvm::MCInstrAnalysis &instructionAnalysis() const;
  const llvm::MCRegisterInfo &registerInfo() const;
  const llvm::MCSubtargetInfo &subtarget() const;
  /// LLVM's name of an instruction, such as FMLA_ZPmZZ_S.
  llvm::StringRef nameOf(const llvm::MCInst &op) const;

private:
  Assembly();
  struct Target;
  std::unique_ptr<Target> target;
};

/// How many different vector registers some instructions name; parts of one register are that one.
int64_t countVectorRegisters(const Assembly &code, const MachineBlock &block);

} // namespace kinu::report
