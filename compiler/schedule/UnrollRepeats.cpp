// Writes out the rounds of every repeat, outermost first.
#include "compiler/schedule/Schedule.h"

#include "dialects/kinu/FirstRound.h"

#include "mlir/IR/IRMapping.h"

namespace kinu::schedule {
#define GEN_PASS_DEF_UNROLLREPEATS
#include "compiler/schedule/Passes.h.inc"
} // namespace kinu::schedule

using namespace mlir;
using namespace kinu;
using namespace kinu::schedule;

namespace {
struct UnrollRepeats : schedule::impl::UnrollRepeatsBase<UnrollRepeats> {
  void runOnOperation() override {
    for (ProgramOp program : llvm::to_vector(getOperation().getOps<ProgramOp>())) {
      Block &block = program.getBody().front();
      for (auto op = block.begin(); op != block.end();) {
        auto repeat = dyn_cast<RepeatOp>(*op);
        if (!repeat) {
          ++op;
          continue;
        }
        Operation *before = op->getPrevNode();
        if (failed(unroll(repeat)))
          return signalPassFailure();
        op = before ? std::next(before->getIterator()) : block.begin();
      }
      readRounds(block);
    }
    if (mostRounds)
      makeRoundTable();
  }

private:
  LogicalResult unroll(RepeatOp repeat) {
    OpBuilder builder(repeat);
    Block &body = repeat.getBody().front();
    SmallVector<Value> carried(repeat.getCarried());
    std::vector<SmallVector<Value>> saved(repeat.getSaved().size(), SmallVector<Value>(repeat.getCount()));
    for (int64_t i = 0, count = repeat.getCount(); i < count; ++i) {
      int64_t round = repeat.getReverse() ? count - 1 - i : i;
      IRMapping mapping;
      mapping.map(repeat.getRound(), ConstantOp::create(builder, repeat.getLoc(), round));
      mapping.map(repeat.getCarriedArguments(), carried);
      for (auto [argument, stacked] : llvm::zip(repeat.getStackedArguments(), repeat.getStacked())) {
        auto kept = rounds.find(stacked);
        if (kept == rounds.end())
          return repeat.emitOpError("requires stacked values to be what another repeat saved");
        mapping.map(argument, current(kept->second[round]));
      }
      for (Operation &op : body.without_terminator())
        cloneRound(builder, op, mapping);
      YieldOp yield = repeat.getYield();
      for (auto [next, value] : llvm::zip(carried, yield.getValues()))
        next = mapping.lookupOrDefault(value);
      for (auto [kept, value] : llvm::zip(saved, yield.getValues().take_back(saved.size())))
        kept[round] = mapping.lookupOrDefault(value);
      ++unrolled;
    }
    for (auto [result, value] : llvm::zip(repeat.getResults(), carried)) {
      result.replaceAllUsesWith(value);
      replaced[result] = value;
    }
    for (auto [result, kept] : llvm::zip(repeat.getSaved(), saved)) {
      rounds[result] = kept;
      stack(builder, repeat.getAxisAttr(), result, kept);
    }
    erased.push_back(repeat);
    repeat->remove();
    return success();
  }

  /// Slices of variables that do not begin with the repeat's rounds are read and written where they are.
  static void cloneRound(OpBuilder &builder, Operation &op, IRMapping &mapping) {
    Operation *made = builder.clone(op, mapping);
    made->walk([&](Operation *inner) {
      int64_t first = firstRound(inner);
      auto round = first ? inner->getOperand(0).getDefiningOp<ConstantOp>() : ConstantOp();
      if (!round)
        return;
      OpBuilder here(inner);
      int64_t value = cast<IntegerAttr>(round.getValue()).getInt();
      inner->setOperand(0, ConstantOp::create(here, inner->getLoc(), first + value));
      inner->removeAttr(kFirstRound);
    });
  }

  /// What a round saved may be the result of a repeat inside, which has been unrolled since.
  Value current(Value value) const {
    for (auto next = replaced.find(value); next != replaced.end(); next = replaced.find(value))
      value = next->second;
    return value;
  }

  /// Puts together what rounds saved for those who want it whole; repeats take the rounds one by one.
  void stack(OpBuilder &builder, StringAttr axis, Value saved, ArrayRef<Value> kept) {
    auto isWhole = [](OpOperand &use) { return !isa<RepeatOp>(use.getOwner()); };
    if (llvm::none_of(saved.getUses(), isWhole))
      return;
    StringAttr kernel = stackKernel(axis, typeOf(saved), typeOf(kept.front()), kept.size());
    auto launch =
        step::LaunchOp::create(builder, saved.getLoc(), saved.getType(), kernel, kept, "rounds", DenseI64ArrayAttr());
    saved.replaceUsesWithIf(launch.getResult(0), isWhole);
  }

  /// The kernel that lays values of type `slice` behind one another along `axis`; equal ones are one.
  StringAttr stackKernel(StringAttr axis, NamedTensorType whole, NamedTensorType slice, size_t count) {
    StringAttr &name = stackKernels[{axis, whole}];
    if (name)
      return name;
    name = StringAttr::get(&getContext(), "stack" + llvm::Twine(stackKernels.size() - 1));
    Location loc = getOperation().getLoc();
    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    SmallVector<Attribute> rows, parts;
    for (const Axis &other : whole.getAxes())
      rows.push_back(other.name);
    auto kernel = step::KernelOp::create(builder, loc, name, step::KernelKind::loops, builder.getArrayAttr(rows),
                                         builder.getDenseI64ArrayAttr({}));
    Block *block = builder.createBlock(&kernel.getBody());
    SmallVector<Value> operands;
    for (size_t i = 0; i < count; ++i) {
      parts.push_back(builder.getStringAttr(axis.getValue() + "." + llvm::Twine(i)));
      SmallVector<Axis> axes{{cast<StringAttr>(parts.back()), 1}};
      llvm::append_range(axes, slice.getAxes());
      Value part = block->addArgument(slice, loc);
      operands.push_back(BroadcastOp::create(builder, loc, slice.withAxes(axes), part));
    }
    Value stacked = ConcatOp::create(builder, loc, whole, operands, builder.getArrayAttr(parts), axis);
    YieldOp::create(builder, loc, stacked);
    return name;
  }

  /// Kernels read a round's index from memory.
  void readRounds(Block &block) {
    for (Operation *repeat : erased) {
      repeat->dropAllUses();
      repeat->destroy();
    }
    erased.clear();
    rounds.clear();
    replaced.clear();
    for (step::LaunchOp launch : llvm::to_vector(block.getOps<step::LaunchOp>()))
      for (OpOperand &operand : launch.getOperation()->getOpOperands())
        if (auto constant = operand.get().getDefiningOp<ConstantOp>()) {
          int64_t round = cast<IntegerAttr>(constant.getValue()).getInt();
          mostRounds = std::max(mostRounds, round + 1);
          OpBuilder builder(launch);
          operand.set(ReadOp::create(builder, launch.getLoc(), constant.getType(), kRoundIndex, ValueRange(constant)));
        }
  }

  /// The table of round indices, written once by the program `constants`.
  void makeRoundTable() {
    Location loc = getOperation().getLoc();
    OpBuilder builder = OpBuilder::atBlockBegin(getOperation().getBody());
    Axis axis{builder.getStringAttr("round"), mostRounds};
    auto type = NamedTensorType::get(&getContext(), {axis}, builder.getI64Type());
    VariableOp::create(builder, loc, kRoundIndex, "table", "zeros", llvm::APFloat(0.0), llvm::APFloat(0.0), type,
                       StringAttr());
    auto constants = getOperation().lookupSymbol<ProgramOp>("constants");
    builder.setInsertionPointToEnd(getOperation().getBody());
    if (!constants) {
      constants = ProgramOp::create(builder, loc, "constants");
      OpBuilder(&getContext()).createBlock(&constants.getBody());
    }
    auto kernel = step::KernelOp::create(builder, loc, "round_index", step::KernelKind::loops,
                                         builder.getArrayAttr({axis.name}), builder.getDenseI64ArrayAttr({}));
    builder.createBlock(&kernel.getBody());
    Value index = IndexOp::create(builder, loc, type);
    YieldOp::create(builder, loc, index);
    builder.setInsertionPointToEnd(&constants.getBody().front());
    auto launch = step::LaunchOp::create(builder, loc, TypeRange(type), kernel.getSymName(), ValueRange(), "rounds",
                                         DenseI64ArrayAttr());
    WriteOp::create(builder, loc, kRoundIndex, ValueRange(), launch.getResult(0));
  }

  llvm::DenseMap<Value, SmallVector<Value>> rounds; ///< of what a repeat saved: each round's value
  llvm::DenseMap<Value, Value> replaced;            ///< results of unrolled repeats by what their last round carries
  llvm::MapVector<std::pair<StringAttr, Type>, StringAttr> stackKernels;
  SmallVector<Operation *> erased; ///< kept until nobody asks `rounds` for their results
  int64_t mostRounds = 0;
};
} // namespace
