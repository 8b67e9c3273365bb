// See MergeReductions.h.
#include "compiler/schedule/MergeReductions.h"

#include "compiler/schedule/Places.h"

#include "mlir/IR/IRMapping.h"

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

FailureOr<unsigned> schedule::mergeReductions(ModuleOp module) {
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
