// The pass: where variables lie, then every program.
#include "compiler/shard/Reductions.h"
#include "compiler/shard/Shard.h"
#include "dialects/kinu/Composites.h"

#include "mlir/Pass/Pass.h"

namespace kinu::shard {
#define GEN_PASS_DEF_PARTITIONPROGRAMS
#include "compiler/shard/Passes.h.inc"
} // namespace kinu::shard

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

/// Weights lie as the rules say; ZeRO shares the optimizer's state (1), gradients (2) and weights (3) among ranks.
static StoredVariable storedAs(VariableOp variable, const Rules &rules,
                               const llvm::SmallDenseSet<StringAttr> &repeated) {
  auto type = cast<NamedTensorType>(variable.getType());
  StringRef role = variable.getRole();
  if (role == "table" || role == "stash")
    return {type, rules.whole(), role == "stash"};
  if (role == "message")
    return {type, handedOn(rules, type)};
  int64_t level = role.starts_with("moment") ? 1 : role == "gradient" ? 2 : 3;
  // Moments are only used whole; the rest also in slices, one for each round of a repeat. Where gradients are shared,
  // too, or summed slice by slice, moments lie as these do, or the update would move one to the other.
  bool inSlices = rules.zeroLevel > 1 || rules.sumsEarly;
  auto may = [&](StringAttr axis) { return !inSlices || !repeated.contains(axis); };
  Sharding sharding = rules.natural(type);
  if (rules.zeroLevel >= level)
    sharding = rules.sharedState(type, sharding, may);
  return {type, sharding};
}

namespace {
struct PartitionPrograms : shard::impl::PartitionProgramsBase<PartitionPrograms> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (!tofu::meshOf(module))
      return;
    FailureOr<Rules> rules = Rules::of(module);
    if (failed(rules))
      return signalPassFailure();
    if (isWholePerStage(module))
      return;
    // Of composites attention and the loss have a sharding rule.
    expandComposites(module, [](Operation *op) { return isa<NormOp, NormBackwardOp>(op); });
    llvm::SmallDenseSet<StringAttr> repeated;
    module.walk([&](RepeatOp repeat) { repeated.insert(repeat.getAxisAttr()); });
    StoredVariables stored;
    for (VariableOp variable : module.getOps<VariableOp>())
      stored[variable.getSymName()] = storedAs(variable, *rules, repeated);
    GradientRounds rounds = roundsOfGradients(module);
    // The optimizer comes last: then it is known which gradients are still to be summed.
    for (ProgramOp program : module.getOps<ProgramOp>())
      if (program.getSymName() != "update" && failed(partition(program, *rules, stored)))
        return signalPassFailure();
    if (rules->sumsEarly)
      if (ProgramOp reduce = makeReductions(module, *rules, rounds, stored))
        if (failed(partition(reduce, *rules, stored)))
          return signalPassFailure();
    if (auto update = module.lookupSymbol<ProgramOp>("update"))
      if (failed(partition(update, *rules, stored)))
        return signalPassFailure();
    dropWholeSums(module, *rules, stored);
    for (VariableOp variable : module.getOps<VariableOp>())
      retype(variable, *rules, stored[variable.getSymName()]);
    notePadding(module);
  }

private:
  /// Whether each stage of a pipeline is one rank.
  static bool isWholePerStage(ModuleOp module) {
    auto pipeline = module->getAttrOfType<DictionaryAttr>("kinu.pipeline");
    tofu::MeshOp mesh = tofu::meshOf(module);
    return pipeline && mesh.degree(pipeline.getAs<StringAttr>("on").getValue()) == mesh.ranks();
  }

  /// Of axes that are padded between blocks: their length, and with padding.
  static void notePadding(ModuleOp module) {
    NamedAttrList padded;
    module.walk([&](PadOp op) {
      if (op.getAsAttr() == LocalValues::paddedOf(op.getAxisAttr()))
        padded.set(op.getAxis(), DenseI64ArrayAttr::get(op.getContext(), {typeOf(op.getOperand()).length(op.getAxis()),
                                                                          op.getType().length(op.getAs())}));
    });
    if (!padded.empty())
      module->setAttr("kinu.padded", padded.getDictionary(module.getContext()));
  }

  static LogicalResult partition(ProgramOp program, const Rules &rules, StoredVariables &stored) {
    Block *whole = &program.getBody().front();
    auto *local = new Block();
    program.getBody().push_back(local);
    OpBuilder builder = OpBuilder::atBlockEnd(local);
    LogicalResult result = Partition(builder, rules, stored, program.getLoc()).visit(*whole);
    whole->dropAllReferences();
    whole->erase();
    return result;
  }

  static void retype(VariableOp variable, const Rules &rules, const StoredVariable &stored) {
    Sharding sharding = rules.restrict(stored.sharding, stored.whole);
    variable.setType(rules.local(stored.whole, sharding));
    variable->setAttr("kinu.whole", TypeAttr::get(stored.whole));
    variable->setAttr("kinu.split", rules.splitAttr(stored.whole, sharding));
  }
};
} // namespace
