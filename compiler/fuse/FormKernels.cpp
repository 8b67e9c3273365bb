// Replaces the ops of every program by launches.
#include "compiler/fuse/Dependences.h"
#include "compiler/fuse/Fuse.h"
#include "compiler/fuse/Outline.h"
#include "compiler/fuse/Products.h"
#include "dialects/kinu/OpCosts.h"

#include "mlir/Transforms/Passes.h"

namespace kinu::fuse {
#define GEN_PASS_DEF_FORMKERNELS
#include "compiler/fuse/Passes.h.inc"
} // namespace kinu::fuse

using namespace mlir;
using namespace kinu;
using namespace kinu::fuse;

/// Ops that are kernels by themselves.
static bool isKernel(Operation *op) {
  return isa<DotOp, AttentionOp, AttentionBackwardOp, ScatterOp, CumSumOp, TopOp>(op);
}

namespace {
struct FormKernels : fuse::impl::FormKernelsBase<FormKernels> {
  void runOnOperation() override {
    outliner.emplace(getOperation());
    for (ProgramOp program : llvm::to_vector(getOperation().getOps<ProgramOp>())) {
      program->walk<WalkOrder::PreOrder>([](Operation *op) {
        if (isa<RepeatOp, AttentionOp, AttentionBackwardOp>(op))
          for (Region &region : op->getRegions())
            sinkFreeOps(region);
      });
      formBlock(program.getBody().front(), program.getSymName() == "constants");
    }
    kernels = outliner->kernelCount();
    launches = outliner->launchCount();
  }

private:
  void formBlock(Block &block, bool inDouble) {
    for (Operation &op : block)
      if (auto repeat = dyn_cast<RepeatOp>(op))
        formBlock(repeat.getBody().front(), inDouble);
    std::vector<Cluster> clusters = findClusters(block);
    attachProducts(block, clusters);
    attachScatters(block, clusters);
    llvm::DenseMap<Operation *, Cluster *> clusterOf;
    for (Cluster &cluster : clusters) {
      for (Operation *root : cluster.roots)
        clusterOf[root] = &cluster;
      if (cluster.product) {
        clusterOf[cluster.product] = &cluster;
        ++epilogues;
      }
    }

    // Every value in memory is made where the last of what it needs is there: ops are placed on demand, in order.
    SmallVector<Operation *> original;
    for (Operation &op : block)
      original.push_back(&op);
    Placement placement(*this, block, clusterOf, inDouble);
    for (Operation *op : original)
      if (!isFusable(op))
        placement.place(op);
    // Nothing is erased before everything is placed: the analysis speaks of the old ops.
    for (Operation *op : llvm::reverse(original))
      if (isFusable(op) || isKernel(op)) {
        op->dropAllUses();
        op->erase();
      }
  }

  /// Rebuilds a block as a list of launches and of the ops that stay.
  struct Placement {
    Placement(FormKernels &pass, Block &block, llvm::DenseMap<Operation *, Cluster *> &clusterOf, bool inDouble)
        : pass(pass), block(block), clusterOf(clusterOf), inDouble(inDouble), builder(block.getParentOp()) {}

    FormKernels &pass;
    Block &block;
    llvm::DenseMap<Operation *, Cluster *> &clusterOf;
    bool inDouble;
    llvm::DenseSet<Operation *> placed;
    llvm::DenseSet<Cluster *> launched;
    llvm::DenseSet<Value> written;
    llvm::DenseMap<Value, Value> inMemory; ///< what stands for a fusable op's value: a launch's result or a view
    OpBuilder builder;

    /// Places what makes a value, if this block does, and returns the value in memory.
    Value require(Value value) {
      Operation *source = value.getDefiningOp();
      if (source && source->getBlock() == &block && !isa<step::LaunchOp, step::ViewOp>(source))
        place(source);
      Value made = inMemory.lookup(value);
      return made ? made : value;
    }

    void place(Operation *op) {
      if (!placed.insert(op).second)
        return;
      if (auto cluster = clusterOf.find(op); cluster != clusterOf.end())
        return launchCluster(*cluster->second);
      if (isFusable(op)) { // a view
        Value source = require(op->getOperand(0));
        builder.setInsertionPointToEnd(&block);
        inMemory[op->getResult(0)] = step::ViewOp::create(builder, op->getLoc(), op->getResult(0).getType(), source);
        return;
      }
      op->walk([&](Operation *inner) {
        for (OpOperand &operand : inner->getOpOperands())
          operand.set(require(operand.get()));
      });
      builder.setInsertionPointToEnd(&block);
      if (auto write = dyn_cast<WriteOp>(op))
        ownMemory(write);
      if (isKernel(op)) {
        step::LaunchOp launch = pass.outliner->launch(builder, op);
        for (auto [value, result] : llvm::zip(op->getResults(), launch.getResults()))
          inMemory[value] = result;
        return;
      }
      op->moveBefore(&block, block.end());
    }

    /// Whether a launch makes the value, here or in the last round of a repeat, which may also hand on what it got.
    static bool isComputed(Value value) {
      Operation *source = value.getDefiningOp();
      if (auto repeat = dyn_cast_or_null<RepeatOp>(source))
        return !isa<BlockArgument>(repeat.getYield().getValues()[cast<OpResult>(value).getResultNumber()]);
      return isa_and_nonnull<step::LaunchOp>(source);
    }

    /// Whether what is written comes from a kernel that reads the same variable at other points than it writes it.
    static bool isReadMeanwhile(WriteOp write) {
      auto launch = write.getValue().getDefiningOp<step::LaunchOp>();
      if (!launch)
        return false;
      auto kernel = SymbolTable::lookupNearestSymbolFrom<step::KernelOp>(launch, launch.getKernelAttr());
      return llvm::any_of(launch->getOpOperands(), [&](OpOperand &operand) {
        Value source = operand.get();
        while (auto view = source.getDefiningOp<step::ViewOp>())
          source = view.getOperand();
        auto read = source.getDefiningOp<ReadOp>();
        return read && read.getVariableAttr() == write.getVariableAttr() && read.getRounds() == write.getRounds() &&
               !kernel.mayReplace(cast<OpResult>(write.getValue()).getResultNumber(), operand.getOperandNumber());
      });
    }

    /// What is written to a variable is computed there, so it must be computed for that write alone, and what the
    /// kernel still needs of the variable must not be lost.
    void ownMemory(WriteOp write) {
      Value value = write.getValue();
      if (!isComputed(value) || !written.insert(value).second || isReadMeanwhile(write))
        write.getValueMutable().assign(pass.outliner->copy(builder, value).getResult(0));
    }

    void launchCluster(Cluster &cluster) {
      if (!launched.insert(&cluster).second)
        return;
      SmallVector<Value> operands;
      for (Value operand : operandsOf(cluster))
        operands.push_back(require(operand));
      builder.setInsertionPointToEnd(&block);
      step::LaunchOp launch = pass.outliner->launch(builder, cluster, inDouble);
      launch.getOperandsMutable().assign(operands);
      for (auto [root, result] : llvm::zip(cluster.roots, launch.getResults()))
        inMemory[root->getResult(0)] = result;
    }
  };

  std::optional<Outliner> outliner;
};
} // namespace

void fuse::buildPipeline(OpPassManager &passes, const Options &options) {
  passes.addPass(createChunkLinearCrossEntropy({options.lossChunkBytes}));
  passes.addPass(createExpandComposites());
  passes.addPass(createCSEPass()); // what is saved for the backward pass is often computed in a composite, too
  passes.addPass(createLowerAccumulate());
  passes.addPass(createLowerRepeatSums());
  passes.addPass(createHoistConstants());
  passes.addPass(createSplitReductions());
  passes.addPass(createAssignLayouts());
  passes.addPass(createFormKernels());
}
