// The pass: what @train becomes, and the seeds of its gradients. See Passes.td.
#include "compiler/differentiate/Differentiate.h"
#include "compiler/differentiate/Backward.h"
#include "compiler/differentiate/Rules.h"

namespace kinu {
#define GEN_PASS_DEF_DIFFERENTIATE
#include "compiler/differentiate/Passes.h.inc"
} // namespace kinu

using namespace mlir;
using namespace kinu;
using namespace kinu::differentiate;

DifferentiateOptions differentiate::optionsFor(const typed::Optimizer &from) {
  DifferentiateOptions to;
  to.optimizer = from.kind == typed::Optimizer::Kind::AdamW ? "adamw" : "sgd";
  to.beta1 = from.beta1;
  to.beta2 = from.beta2;
  to.epsilon = from.epsilon;
  to.decay = from.decay;
  to.momentum = from.momentum;
  to.clip = from.clip;
  return to;
}

bool differentiate::isTrained(VariableOp variable) {
  return llvm::is_contained({"weight", "bias", "gain"}, variable.getRole());
}

static OutputOp findOutput(ProgramOp program, StringRef name) {
  for (auto output : program.getOps<OutputOp>())
    if (output.getName() == name)
      return output;
  return {};
}

/// Makes one read of all that read the same variable in the same round, in the region of the innermost round that it
/// names, before its first use. So a variable's gradient is complete in one place, as early as can be in the backward
/// pass, and is accumulated once.
static void gatherReads(ProgramOp program) {
  SmallVector<ReadOp> reads, kept;
  program.walk([&](ReadOp read) { reads.push_back(read); });
  for (ReadOp read : reads) {
    auto *first = llvm::find_if(kept, [&](ReadOp other) {
      return other.getVariableAttr() == read.getVariableAttr() && other.getRounds() == read.getRounds();
    });
    if (first == kept.end()) {
      kept.push_back(read);
      continue;
    }
    read.replaceAllUsesWith(first->getResult());
    read.erase();
  }
  for (ReadOp read : kept) {
    Block *home = read.getRounds().empty() ? &program.getBody().front() : read.getRounds().back().getParentBlock();
    Operation *firstUse = nullptr;
    for (Operation *user : read->getUsers()) {
      Operation *use = home->findAncestorOpInBlock(*user);
      if (!firstUse || use->isBeforeInBlock(firstUse))
        firstUse = use;
    }
    if (firstUse)
      read->moveBefore(firstUse);
    else
      read.erase();
  }
}

/// A program that computes nothing but `$loss_count`, if that depends on the data; else the number itself, for the
/// whole step, on the module.
static void emitCount(ModuleOp module, ProgramOp train) {
  OutputOp count = findOutput(train, "$loss_count");
  if (!count)
    return;
  if (auto constant = count.getValue().getDefiningOp<ConstantOp>()) {
    auto microBatches = module->getAttrOfType<IntegerAttr>("kinu.micro_batches");
    double perMicroBatch = cast<FloatAttr>(constant.getValue()).getValueAsDouble();
    module->setAttr("kinu.loss_count", OpBuilder(module).getF64FloatAttr(perMicroBatch * microBatches.getInt()));
    return;
  }
  ProgramOp program = train.clone();
  program.setSymName("count");
  train->getBlock()->getOperations().insertAfter(train->getIterator(), program);
  SmallVector<OutputOp> others;
  for (auto output : program.getOps<OutputOp>())
    if (output.getName() != "$loss_count")
      others.push_back(output);
  for (OutputOp output : others)
    output.erase();
  eraseDeadOps(program.getBody().front());
}

static void emitGradientVariables(ModuleOp module) {
  SmallVector<VariableOp> trained = llvm::filter_to_vector(module.getOps<VariableOp>(), isTrained);
  OpBuilder builder(module.getContext());
  if (!trained.empty())
    builder.setInsertionPointAfter(trained.back());
  for (VariableOp variable : trained)
    VariableOp::create(builder, variable.getLoc(), (variable.getSymName() + ".gradient").str(), "gradient", "zeros",
                       llvm::APFloat(0.0), llvm::APFloat(0.0), variable.getType(), variable.getSymNameAttr());
}

/// 1 / N, and 0 where N is 0: the gradient of the step's loss by `$loss_sum`.
static Value lossSeed(OpBuilder &builder, Location loc) {
  auto scalar = NamedTensorType::get(builder.getContext(), {}, builder.getF32Type());
  Value count = InputOp::create(builder, loc, scalar, "$loss_count", IntegerAttr());
  Value zero = ConstantOp::create(builder, loc, 0.0), one = ConstantOp::create(builder, loc, 1.0);
  Value some = CompareOp::create(builder, loc, ComparePredicate::gt, count, zero);
  Value safe = SelectOp::create(builder, loc, some, count, one);
  return SelectOp::create(builder, loc, some, DivOp::create(builder, loc, one, safe), zero);
}

/// A seed as it is, or times the input `$loss_scale`: gradients are linear in it.
static Value scaled(OpBuilder &builder, Value seed, bool scaleLoss) {
  if (!scaleLoss)
    return seed;
  auto scalar = NamedTensorType::get(builder.getContext(), {}, builder.getF32Type());
  Value scale = InputOp::create(builder, seed.getLoc(), scalar, "$loss_scale", IntegerAttr());
  return MulOp::create(builder, seed.getLoc(), seed, scale);
}

static LogicalResult emitGradients(ProgramOp program, int64_t globalBatch, bool scaleLoss) {
  Block &block = program.getBody().front();
  SmallVector<Value> sources, targets;
  program.walk([&](ReadOp read) {
    auto variable = SymbolTable::lookupNearestSymbolFrom<VariableOp>(program, read.getVariableAttr());
    if (variable && isTrained(variable))
      sources.push_back(read);
  });
  OutputOp loss = findOutput(program, "$loss_sum"), aux = findOutput(program, "$aux_sum");
  for (OutputOp output : {loss, aux})
    if (output)
      targets.push_back(output.getValue());
  Activity activity(block, sources, targets);
  OpBuilder builder = OpBuilder::atBlockEnd(&block);
  Backward backward(builder, activity);
  if (loss)
    backward.add(loss.getValue(), scaled(builder, lossSeed(builder, loss.getLoc()), scaleLoss));
  if (aux) {
    Value seed = ConstantOp::create(builder, aux.getLoc(), 1.0 / static_cast<double>(globalBatch));
    backward.add(aux.getValue(), scaled(builder, seed, scaleLoss));
  }
  return backward.run(block);
}

namespace {
struct Differentiate : kinu::impl::DifferentiateBase<Differentiate> {
  using DifferentiateBase::DifferentiateBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto train = module.lookupSymbol<ProgramOp>("train");
    if (!train)
      return;
    auto globalBatch = module->getAttrOfType<IntegerAttr>("kinu.global_batch");
    if (!globalBatch) {
      module.emitError("requires attribute kinu.global_batch: the auxiliary loss is a mean over it");
      return signalPassFailure();
    }
    if (!module->hasAttrOfType<IntegerAttr>("kinu.micro_batches")) {
      module.emitError("requires attribute kinu.micro_batches: the loss is a mean over all of them");
      return signalPassFailure();
    }
    if (optimizer != "adamw" && optimizer != "sgd") {
      module.emitError("requires optimizer adamw or sgd, but it is ") << optimizer;
      return signalPassFailure();
    }
    gatherReads(train);
    emitCount(module, train);
    emitGradientVariables(module);
    train.setSymName("micro");
    if (failed(emitGradients(train, globalBatch.getInt(), scaleLoss)))
      return signalPassFailure();
    train.walk([&](RepeatOp repeat) {
      if (!repeat.getReverse())
        saved += repeat.getSaved().size();
    });
    emitUpdate(module, {optimizer == "adamw", beta1, beta2, epsilon, decay, momentum, clip, scaleLoss});
  }
};
} // namespace
