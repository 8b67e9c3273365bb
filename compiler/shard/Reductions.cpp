// See Reductions.h. That a slice's sum is written as `read` then `write` leaves the choice of the collective to the
// rules of any read of a partial gradient.
#include "compiler/shard/Reductions.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

GradientRounds shard::roundsOfGradients(ModuleOp module) {
  GradientRounds known;
  llvm::StringSet<> unclear;
  module.walk([&](AccumulateOp op) {
    SmallVector<Rounds, 1> here;
    for (Value round : op.getRounds()) {
      auto argument = dyn_cast<BlockArgument>(round);
      if (!argument) {
        unclear.insert(op.getVariable());
        continue;
      }
      // Of the variable's rounds a repeat may do some, and those of other chunks and segments of a stage the rest.
      StringAttr axis = cast<RepeatOp>(argument.getOwner()->getParentOp()).getAxisAttr();
      auto variable = module.lookupSymbol<VariableOp>(op.getVariable());
      here.push_back({axis, cast<NamedTensorType>(variable.getType()).length(axis)});
    }
    auto [entry, isNew] = known.try_emplace(op.getVariable(), here);
    if (!isNew && entry->second != here)
      unclear.insert(op.getVariable());
  });
  for (const auto &entry : unclear)
    known.erase(entry.first());
  return known;
}

static std::string sumOf(StringRef gradient) { return (gradient + ".sum").str(); }

/// The repeats, one in the other; the builder stands in the innermost then.
static SmallVector<Value> openRepeats(OpBuilder &b, Location loc, ArrayRef<Rounds> rounds) {
  SmallVector<Value> indices;
  auto index = NamedTensorType::get(b.getContext(), {}, b.getI64Type());
  for (const Rounds &round : rounds) {
    auto repeat = RepeatOp::create(b, loc, TypeRange(), TypeRange(), TypeRange(), round.axis, round.count,
                                   /*reverse=*/false, ValueRange(), ValueRange());
    Block *body = b.createBlock(&repeat.getBody());
    indices.push_back(body->addArgument(index, loc));
    YieldOp::create(b, loc, ValueRange());
    b.setInsertionPointToStart(body);
  }
  return indices;
}

static void readSums(ModuleOp module, StringRef gradient) {
  auto update = module.lookupSymbol<ProgramOp>("update");
  for (ReadOp read : update.getOps<ReadOp>())
    if (read.getVariable() == gradient)
      read.setVariable(sumOf(gradient));
}

ProgramOp shard::makeReductions(ModuleOp module, const Rules &rules, const GradientRounds &rounds,
                                StoredVariables &stored) {
  SmallVector<VariableOp> gradients;
  for (VariableOp variable : module.getOps<VariableOp>())
    if (variable.getRole() == "gradient" && rounds.contains(variable.getSymName()) &&
        isPartial(stored[variable.getSymName()].sharding))
      gradients.push_back(variable);
  if (gradients.empty() || !module.lookupSymbol("update"))
    return {};
  OpBuilder b(module.lookupSymbol("update"));
  auto program = ProgramOp::create(b, module.getLoc(), "reduce");
  Block *block = b.createBlock(&program.getBody());
  for (VariableOp gradient : gradients) {
    auto type = cast<NamedTensorType>(gradient.getType());
    ArrayRef<Rounds> repeats = rounds.find(gradient.getSymName())->second;
    auto isSlice = [&](StringAttr axis) {
      return llvm::any_of(repeats, [&](const Rounds &round) { return round.axis == axis; });
    };
    OpBuilder before(gradient);
    before.setInsertionPointAfter(gradient);
    auto sum = cast<VariableOp>(before.clone(*gradient));
    sum.setSymName(sumOf(gradient.getSymName()));
    sum.setRole("sum");
    stored[sum.getSymName()] = {
        type, rules.sharedState(type, rules.natural(type), [&](StringAttr axis) { return !isSlice(axis); })};

    b.setInsertionPointToEnd(block);
    SmallVector<Value> indices = openRepeats(b, gradient.getLoc(), repeats);
    SmallVector<Axis> axes;
    for (const Axis &axis : type.getAxes())
      if (!isSlice(axis.name))
        axes.push_back(axis);
    Value slice = ReadOp::create(b, gradient.getLoc(), type.withAxes(axes), gradient.getSymName(), indices);
    WriteOp::create(b, gradient.getLoc(), sum.getSymName(), indices, slice);
    readSums(module, gradient.getSymName());
  }
  return program;
}

void shard::dropWholeSums(ModuleOp module, const Rules &rules, StoredVariables &stored) {
  for (VariableOp sum : llvm::to_vector(module.getOps<VariableOp>())) {
    if (sum.getRole() != "sum")
      continue;
    StringRef gradient = sum.getSymName().drop_back(StringRef(".sum").size());
    auto localType = [&](StringRef name) {
      const StoredVariable &variable = stored[name];
      return rules.local(variable.whole, rules.restrict(variable.sharding, variable.whole));
    };
    if (localType(gradient) != localType(sum.getSymName()))
      continue;
    module.walk([&](Operation *op) {
      if (auto read = dyn_cast<ReadOp>(op); read && read.getVariable() == sum.getSymName())
        read.setVariable(gradient);
      else if (auto write = dyn_cast<WriteOp>(op); write && write.getVariable() == sum.getSymName())
        write.setVariable(gradient);
    });
    sum.erase();
  }
}
