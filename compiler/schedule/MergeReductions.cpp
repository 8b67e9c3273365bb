// The program `reduce` becomes part of what a step runs over its last micro-batch. See Passes.td.
#include "compiler/schedule/Overlapped.h"
#include "compiler/schedule/Places.h"
#include "compiler/schedule/Schedule.h"

#include "mlir/IR/IRMapping.h"

namespace kinu::schedule {
#define GEN_PASS_DEF_MERGEREDUCTIONS
#include "compiler/schedule/Passes.h.inc"
} // namespace kinu::schedule

using namespace mlir;
using namespace kinu;
using namespace kinu::schedule;

/// The last write of a program to a place, or part of it; null if there is none.
static WriteOp lastWrite(ProgramOp program, const Place &place) {
  WriteOp last;
  for (WriteOp write : program.getOps<WriteOp>())
    if (placeOf(write).overlaps(place))
      last = write;
  return last;
}

/// The program of a micro-batch that writes to a place after all others do. Of a pipeline's three each runs over all
/// micro-batches in their order; of the chunks of a stage, backward the first one comes last (`backward`,
/// `backward.1`).
static ProgramOp lastWriter(ModuleOp module, const Place &place) {
  for (StringRef kind : {"micro", "weights", "backward", "forward"})
    for (ProgramOp program : module.getOps<ProgramOp>()) {
      StringRef name = program.getSymName();
      if (name.split('.').first == kind && !name.ends_with(step::kLast) && lastWrite(program, place))
        return program;
    }
  return {};
}

static ProgramOp copyForLast(ModuleOp module, ProgramOp program) {
  std::string name = (program.getSymName() + step::kLast).str();
  if (auto known = module.lookupSymbol<ProgramOp>(name))
    return known;
  OpBuilder builder(program);
  builder.setInsertionPointAfter(program);
  auto copy = cast<ProgramOp>(builder.clone(*program));
  copy.setSymName(name);
  return copy;
}

/// What a write depends on in its program.
static llvm::DenseSet<Operation *> sourcesOf(WriteOp write) {
  llvm::DenseSet<Operation *> sources;
  SmallVector<Operation *> open{write};
  while (!open.empty())
    for (Value operand : open.pop_back_val()->getOperands())
      if (sources.insert(operand.getDefiningOp()).second)
        open.push_back(operand.getDefiningOp());
  return sources;
}

/// The program's input of that name, made if need be.
static Value inputOf(ProgramOp program, InputOp wanted) {
  Block &block = program.getBody().front();
  for (InputOp input : block.getOps<InputOp>())
    if (input.getName() == wanted.getName()) {
      input->moveBefore(&block, block.begin());
      return input;
    }
  return OpBuilder::atBlockBegin(&block).clone(*wanted)->getResult(0);
}

/// Moves what `reduce` does to each gradient to where the last micro-batch writes that gradient for the last time, and
/// erases `reduce`. A program that other micro-batches run, too, is copied first. Returns how many gradients, or slices
/// of them, that were. Fails where nobody writes a gradient: a compiler bug.
static FailureOr<unsigned> mergeReductions(ModuleOp module) {
  auto reduce = module.lookupSymbol<ProgramOp>("reduce");
  if (!reduce)
    return 0u;
  auto microBatches = module->getAttrOfType<IntegerAttr>("kinu.micro_batches");
  bool single = !microBatches || microBatches.getInt() == 1;
  unsigned count = 0;
  Block &block = reduce.getBody().front();
  for (WriteOp write : block.getOps<WriteOp>()) {
    llvm::DenseSet<Operation *> sources = sourcesOf(write);
    auto isGradient = [&](Operation &op) { return sources.contains(&op) && isa<ReadOp>(op); };
    auto read = llvm::find_if(block, isGradient);
    Place gradient = read == block.end() ? placeOf(write) : placeOf(cast<ReadOp>(*read));
    ProgramOp program = lastWriter(module, gradient);
    if (!program)
      return write.emitOpError("sums a gradient that no program writes");
    if (!single)
      program = copyForLast(module, program);
    OpBuilder builder(module.getContext());
    builder.setInsertionPointAfter(lastWrite(program, gradient));
    IRMapping mapping;
    for (Operation &op : block) {
      if (!sources.contains(&op))
        continue;
      if (auto input = dyn_cast<InputOp>(op))
        mapping.map(input.getResult(), inputOf(program, input));
      else
        builder.clone(op, mapping);
    }
    builder.clone(*write, mapping);
    ++count;
  }
  reduce.erase();
  return count;
}

/// Whether a kernel only copies its operand.
static bool copies(step::LaunchOp launch) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<step::KernelOp>(launch, launch.getKernelAttr());
  Block &body = kernel.getBody().front();
  return launch.getNumOperands() == 1 && launch.getNumResults() == 1 && body.getOperations().size() == 1 &&
         launch.getOperand(0).getType() == launch.getResult(0).getType();
}

/// What a collective alone makes can lie in the variable at once.
static void writeDirectly(WriteOp write) {
  auto launch = write.getValue().getDefiningOp<step::LaunchOp>();
  if (!launch || !launch.getResult(0).hasOneUse() || !copies(launch))
    return;
  Value source = launch.getOperand(0);
  for (; source.hasOneUse() && source.getDefiningOp<step::ViewOp>(); source = source.getDefiningOp()->getOperand(0))
    ;
  if (!source.hasOneUse() || !isa_and_nonnull<tofu::AllReduceOp, tofu::ReduceScatterOp>(source.getDefiningOp()))
    return;
  write.getValueMutable().assign(launch.getOperand(0));
  launch.erase();
}

static void eraseUnusedKernels(ModuleOp module) {
  llvm::DenseSet<StringAttr> used;
  module.walk([&](step::LaunchOp launch) { used.insert(launch.getKernelAttr().getAttr()); });
  for (step::KernelOp kernel : llvm::to_vector(module.getOps<step::KernelOp>()))
    if (!used.contains(kernel.getSymNameAttr()))
      kernel.erase();
}

namespace {
struct MergeReductions : schedule::impl::MergeReductionsBase<MergeReductions> {
  void runOnOperation() override {
    if (overlapped(getOperation()).empty())
      return;
    FailureOr<unsigned> merged = mergeReductions(getOperation());
    if (failed(merged))
      return signalPassFailure();
    reductions += *merged;
    for (ProgramOp program : getOperation().getOps<ProgramOp>())
      for (WriteOp write : llvm::to_vector(program.getOps<WriteOp>()))
        writeDirectly(write);
    eraseUnusedKernels(getOperation());
  }
};
} // namespace
