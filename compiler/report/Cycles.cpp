#include "compiler/report/Cycles.h"

#include "compiler/machines/Peak.h"

#include "llvm/MC/MCInstrAnalysis.h"
#include "llvm/MC/MCInstrInfo.h"
#include "llvm/MC/MCRegisterInfo.h"
#include "llvm/MC/MCSchedule.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MCA/Context.h"
#include "llvm/MCA/CustomBehaviour.h"
#include "llvm/MCA/InstrBuilder.h"
#include "llvm/MCA/Pipeline.h"
#include "llvm/MCA/SourceMgr.h"

using namespace kinu::report;
using kinu::machines::Machine;
using kinu::machines::Timing;
namespace mca = llvm::mca;

/// Instructions that are simulated before and while cycles are counted.
static constexpr unsigned kSimulated = 1024;

static bool isTransfer(const llvm::MCInstrDesc &desc) { return desc.isCall() || desc.isReturn(); }

namespace {
/// A block's instructions for one simulation.
class Sequence {
public:
  Sequence(const Assembly &code, const MachineBlock &block)
      : code(code), instruments(code.subtarget(), code.instructionInfo()),
        builder(code.subtarget(), code.instructionInfo(), code.registerInfo(), &code.instructionAnalysis(), instruments,
                /*CallLatency=*/0) {
    for (const MachineInstruction &instruction : block.instructions) {
      if (isTransfer(code.instructionInfo().get(instruction.op.getOpcode())))
        continue;
      auto made = builder.createInstruction(instruction.op, {});
      if (made)
        instructions.push_back(std::move(*made));
      else // the model does not have it: it is left out
        llvm::consumeError(made.takeError());
    }
  }

  size_t size() const { return instructions.size(); }

  /// Cycles for so many rounds. To be asked once: instructions keep their state.
  double simulate(const Timing &timing, unsigned rounds) {
    mca::CircularSourceMgr source(instructions, rounds);
    mca::CustomBehaviour behaviour(code.subtarget(), source, code.instructionInfo());
    mca::Context context(code.registerInfo(), code.subtarget());
    mca::PipelineOptions options(/*UOPQSize=*/0, /*DecThr=*/0, unsigned(timing.dispatch), unsigned(timing.registerFile),
                                 unsigned(timing.loadQueue), unsigned(timing.storeQueue), /*NoAlias=*/true);
    auto pipeline = context.createDefaultPipeline(options, source, behaviour);
    return double(llvm::cantFail(pipeline->run()));
  }

private:
  const Assembly &code;
  mca::InstrumentManager instruments;
  mca::InstrBuilder builder; ///< owns what the instructions refer to
  std::vector<std::unique_ptr<mca::Instruction>> instructions;
};
} // namespace

static double simulatedCycles(const Assembly &code, const MachineBlock &block, const Timing &timing) {
  Sequence first(code, block), second(code, block);
  if (first.size() == 0)
    return 0;
  unsigned rounds = std::max<unsigned>(4, kSimulated / unsigned(first.size()));
  // The difference of two runs, so that filling the pipeline does not count.
  return (second.simulate(timing, 2 * rounds) - first.simulate(timing, rounds)) / rounds;
}

static bool namesVector(const Assembly &code, const llvm::MCInst &op) {
  MachineBlock alone;
  alone.instructions.push_back({op, false});
  return countVectorRegisters(code, alone) > 0;
}

/// Cycles for which a division or square root holds its pipe: the latency that LLVM's model gives to a slow
/// instruction is close to that on all processors of interest, and those of others are hidden.
static double pipeCycles(const Assembly &code, const llvm::MCInst &op) {
  llvm::StringRef name = code.nameOf(op);
  bool slow = name.contains("DIVP") || name.contains("SQRTP") || name.contains("DIVS") || name.contains("SQRTS");
  if (!slow)
    return 1;
  return name.contains('Z') ? 16 : name.contains('Y') ? 8 : 5; // 512, 256 and 128 bits; uops.info, Ice Lake
}

static double limitedCycles(const Assembly &code, const MachineBlock &block, const Machine &machine,
                            const Timing &timing) {
  double issued = 0, loads = 0, stores = 0, arithmetic = 0, tiles = 0;
  for (const MachineInstruction &instruction : block.instructions) {
    const llvm::MCInstrDesc &desc = code.instructionInfo().get(instruction.op.getOpcode());
    llvm::StringRef name = code.nameOf(instruction.op);
    if (isTransfer(desc))
      continue;
    issued += 1;
    bool tile = name.starts_with("TDP"), tileMove = name.starts_with("TILE");
    bool gathers = name.contains("GATHER") || name.contains("SCATTER");
    double accesses = tileMove ? 16 : gathers ? double(machine.vectorBits) / 32 : 1; // rows, elements
    if (desc.mayLoad())
      loads += accesses;
    if (desc.mayStore())
      stores += accesses;
    bool moves = desc.mayStore() || (desc.mayLoad() && (name.contains("MOV") || name.contains("BROADCAST")));
    if (tile)
      tiles += kinu::machines::kTileProductCycles;
    else if (!moves && !tileMove && namesVector(code, instruction.op))
      arithmetic += pipeCycles(code, instruction.op);
  }
  return std::max({issued / timing.issueWidth, loads / timing.loadsPerCycle, stores / timing.storesPerCycle,
                   arithmetic / double(machine.fmaPipes), tiles});
}

double kinu::report::cyclesOf(const Assembly &code, const MachineBlock &block, const Machine &machine,
                              const Timing &timing) {
  return timing.usesScheduling() ? simulatedCycles(code, block, timing) : limitedCycles(code, block, machine, timing);
}

double kinu::report::cyclesOfMissedBranch(const Assembly &code) {
  return code.subtarget().getSchedModel().MispredictPenalty;
}
