// LLVM's assembly parser writes to a streamer that keeps the instructions.
#include "compiler/report/Assembly.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/MC/MCAsmInfo.h"
#include "llvm/MC/MCContext.h"
#include "llvm/MC/MCDwarf.h"
#include "llvm/MC/MCExpr.h"
#include "llvm/MC/MCInstrAnalysis.h"
#include "llvm/MC/MCInstrInfo.h"
#include "llvm/MC/MCObjectFileInfo.h"
#include "llvm/MC/MCParser/MCAsmParser.h"
#include "llvm/MC/MCParser/MCTargetAsmParser.h"
#include "llvm/MC/MCRegisterInfo.h"
#include "llvm/MC/MCStreamer.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/MCSymbol.h"
#include "llvm/MC/MCTargetOptions.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

#include <map>
#include <mutex>
#include <set>

using namespace kinu::report;

extern "C" {
void LLVMInitializeX86TargetInfo();
void LLVMInitializeX86TargetMC();
void LLVMInitializeX86AsmParser();
void LLVMInitializeAArch64TargetInfo();
void LLVMInitializeAArch64TargetMC();
void LLVMInitializeAArch64AsmParser();
}

static void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmParser();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmParser();
  });
}

struct Assembly::Target {
  llvm::MCTargetOptions options;
  std::unique_ptr<llvm::MCRegisterInfo> registers;
  std::unique_ptr<llvm::MCAsmInfo> syntax;
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget;
  std::unique_ptr<llvm::MCInstrInfo> instructions;
  std::unique_ptr<llvm::MCInstrAnalysis> analysis;
  llvm::SourceMgr sources;
  std::unique_ptr<llvm::MCContext> context; ///< owns the expressions in instructions
  std::unique_ptr<llvm::MCObjectFileInfo> sections;
};

Assembly::Assembly() : target(std::make_unique<Target>()) {}
Assembly::~Assembly() = default;
const llvm::MCInstrInfo &Assembly::instructionInfo() const { return *target->instructions; }
const llvm::MCInstrAnalysis &Assembly::instructionAnalysis() const { return *target->analysis; }
const llvm::MCRegisterInfo &Assembly::registerInfo() const { return *target->registers; }
const llvm::MCSubtargetInfo &Assembly::subtarget() const { return *target->subtarget; }
llvm::StringRef Assembly::nameOf(const llvm::MCInst &op) const { return target->instructions->getName(op.getOpcode()); }

namespace {
/// A label or an instruction, in the order of the text.
struct Item {
  std::string label; ///< empty: an instruction
  MachineInstruction instruction;
  unsigned line = 0;
};

class Keeper : public llvm::MCStreamer {
public:
  explicit Keeper(llvm::MCContext &context) : MCStreamer(context) {}

  void emitInstruction(const llvm::MCInst &op, const llvm::MCSubtargetInfo &) override {
    // The comment behind an instruction is on its line.
    llvm::StringRef line(op.getLoc().getPointer());
    line = line.take_until([](char c) { return c == '\n'; });
    items.push_back({"", {op, line.contains(" Spill") || line.contains(" Reload")}, place});
  }
  void emitLabel(llvm::MCSymbol *symbol, llvm::SMLoc loc) override {
    MCStreamer::emitLabel(symbol, loc);
    items.push_back({symbol->getName().str(), {}, 0});
  }
  void emitDwarfLocDirective(unsigned, unsigned line, unsigned, unsigned, unsigned, unsigned, llvm::StringRef,
                             llvm::StringRef) override {
    place = line;
  }
  bool emitSymbolAttribute(llvm::MCSymbol *, llvm::MCSymbolAttr) override { return true; }
  void emitCommonSymbol(llvm::MCSymbol *, uint64_t, llvm::Align) override {}

  std::vector<Item> items;

private:
  unsigned place = 0;
};
} // namespace

/// The label that an instruction jumps to, if it is a branch.
static llvm::StringRef targetOf(const llvm::MCInst &op, const llvm::MCInstrInfo &info) {
  if (info.get(op.getOpcode()).isBranch())
    for (const llvm::MCOperand &operand : op)
      if (operand.isExpr())
        if (auto *symbol = llvm::dyn_cast<llvm::MCSymbolRefExpr>(operand.getExpr()))
          return symbol->getSymbol().getName();
  return "";
}

/// The line that most instructions have.
static unsigned commonLine(const std::map<unsigned, unsigned> &votes) {
  unsigned best = 0, most = 0;
  for (auto [line, count] : votes)
    if (line != 0 && count > most) {
      best = line;
      most = count;
    }
  return best;
}

/// Cuts at the labels that are jumped to and after every branch. A block without a number of its own runs as often as
/// the one before it.
static std::vector<MachineBlock> cutIntoBlocks(std::vector<Item> items, const llvm::MCInstrInfo &info) {
  llvm::StringSet<> targets;
  for (const Item &item : items)
    if (item.label.empty())
      targets.insert(targetOf(item.instruction.op, info));
  std::vector<MachineBlock> blocks;
  std::map<unsigned, unsigned> votes;
  MachineBlock block;
  std::string label;
  auto close = [&] {
    if (!block.instructions.empty()) {
      block.number = commonLine(votes);
      if (block.number == 0 && !blocks.empty())
        block.number = blocks.back().number;
      blocks.push_back(std::move(block));
    }
    block = MachineBlock();
    votes.clear();
    label.clear();
  };
  for (Item &item : items) {
    if (!item.label.empty()) {
      // Labels of the debug information stand between instructions.
      if (targets.contains(item.label) || !llvm::StringRef(item.label).contains(".Ltmp")) {
        close();
        label = item.label;
      }
      continue;
    }
    const llvm::MCInstrDesc &desc = info.get(item.instruction.op.getOpcode());
    block.loops |= !label.empty() && targetOf(item.instruction.op, info) == label;
    ++votes[item.line];
    bool ends = desc.isBranch() || desc.isReturn();
    block.instructions.push_back(std::move(item.instruction));
    if (ends)
      close();
  }
  close();
  return blocks;
}

llvm::Expected<std::unique_ptr<Assembly>> Assembly::parse(llvm::StringRef text, const machines::Machine &machine) {
  initializeTargets();
  std::string message;
  llvm::Triple triple(machine.triple);
  const llvm::Target *llvmTarget = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!llvmTarget)
    return llvm::createStringError(message);
  std::unique_ptr<Assembly> code(new Assembly());
  Target &own = *code->target;
  own.registers.reset(llvmTarget->createMCRegInfo(triple));
  own.syntax.reset(llvmTarget->createMCAsmInfo(*own.registers, triple, own.options));
  own.subtarget.reset(llvmTarget->createMCSubtargetInfo(triple, machine.cpu, machine.features));
  own.instructions.reset(llvmTarget->createMCInstrInfo());
  own.analysis.reset(llvmTarget->createMCInstrAnalysis(own.instructions.get()));
  own.sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBuffer(text), llvm::SMLoc());
  own.sources.setDiagHandler(
      [](const llvm::SMDiagnostic &diagnostic, void *message) {
        *static_cast<std::string *>(message) = (diagnostic.getMessage() + ": " + diagnostic.getLineContents()).str();
      },
      &message);
  own.context = std::make_unique<llvm::MCContext>(triple, own.syntax.get(), own.registers.get(), own.subtarget.get(),
                                                  &own.sources, &own.options);
  own.sections.reset(llvmTarget->createMCObjectFileInfo(*own.context, /*PIC=*/true));
  own.context->setObjectFileInfo(own.sections.get());
  Keeper keeper(*own.context);
  llvmTarget->createNullTargetStreamer(keeper);
  std::unique_ptr<llvm::MCAsmParser> parser(llvm::createMCAsmParser(own.sources, *own.context, keeper, *own.syntax));
  std::unique_ptr<llvm::MCTargetAsmParser> targetParser(
      llvmTarget->createMCAsmParser(*own.subtarget, *parser, *own.instructions, own.options));
  parser->setTargetParser(*targetParser);
  if (parser->Run(/*NoInitialTextSection=*/false))
    return llvm::createStringError("the assembly of a kernel cannot be read: " + message);
  code->blocks = cutIntoBlocks(std::move(keeper.items), *own.instructions);
  return code;
}

int64_t kinu::report::countVectorRegisters(const Assembly &code, const MachineBlock &block) {
  const llvm::MCRegisterInfo &info = code.registerInfo();
  std::set<unsigned> numbers;
  for (const MachineInstruction &instruction : block.instructions)
    for (const llvm::MCOperand &operand : instruction.op)
      if (operand.isReg() && operand.getReg()) {
        llvm::StringRef name = info.getName(operand.getReg());
        bool vector = name.starts_with("XMM") || name.starts_with("YMM") || name.starts_with("ZMM") ||
                      (name.size() > 1 && llvm::isDigit(name[1]) && llvm::StringRef("ZQDSHB").contains(name[0]));
        if (vector)
          numbers.insert(info.getEncodingValue(operand.getReg()));
      }
  return int64_t(numbers.size());
}
