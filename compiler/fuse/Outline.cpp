// Kernels: a region over block arguments, deduplicated by its text.
#include "compiler/fuse/Outline.h"
#include "compiler/fuse/Dependences.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::fuse;
using namespace kinu::step;

/// An empty kernel outside of any module.
static KernelOp makeKernel(OpBuilder &builder, Location loc, KernelKind kind, ArrayAttr rows, ValueRange operands) {
  OpBuilder detached(builder.getContext());
  auto kernel = KernelOp::create(detached, loc, "k", kind, rows, builder.getDenseI64ArrayAttr({}));
  Block *body = new Block();
  kernel.getBody().push_back(body);
  for (Value operand : operands)
    body->addArgument(operand.getType(), loc);
  return kernel;
}

/// Where an operand is read only at the point that is being computed, the result may be written over it.
static SmallVector<int64_t> findInplace(KernelOp kernel, const Space &space) {
  SmallVector<int64_t> pairs;
  auto yield = cast<YieldOp>(kernel.getBody().front().getTerminator());
  // A row's results are written when the row is done; a kernel that also writes inside rows would read them again.
  bool rowsOnly = llvm::all_of(yield.getValues(),
                               [&](Value result) { return typeOf(result).getAxes().size() == space.rows.size(); });
  size_t axes = rowsOnly ? space.rows.size() : space.size();
  for (auto [i, argument] : llvm::enumerate(kernel.getBody().getArguments())) {
    if (typeOf(argument).getAxes().size() != axes)
      continue;
    bool elsewhere = false;
    SmallVector<Value> work{argument};
    llvm::DenseSet<Value> seen{argument};
    while (!work.empty() && !elsewhere) {
      for (OpOperand &use : work.pop_back_val().getUses()) {
        elsewhere |= readsElsewhere(use) || isa<DotOp, ScatterOp>(use.getOwner());
        for (Value result : use.getOwner()->getResults())
          if (seen.insert(result).second)
            work.push_back(result);
      }
    }
    if (elsewhere)
      continue;
    for (auto [r, result] : llvm::enumerate(yield.getValues()))
      if (result.getType() == argument.getType())
        pairs.append({static_cast<int64_t>(r), static_cast<int64_t>(i)});
  }
  return pairs;
}

LaunchOp Outliner::launch(OpBuilder &builder, const Cluster &cluster, bool inDouble) {
  llvm::SetVector<Value> operands = operandsOf(cluster);
  // A contraction's place is that of its product, where most of its time goes.
  Location loc = cluster.product ? cluster.product->getLoc() : cluster.roots[0]->getLoc();
  KernelKind kind = !cluster.product                 ? KernelKind::loops
                    : isa<ScatterOp>(cluster.product) ? KernelKind::scatter
                                                      : KernelKind::contraction;
  SmallVector<Attribute> rows;
  if (!cluster.product)
    rows.append(cluster.space.rows.begin(), cluster.space.rows.end());
  KernelOp kernel = makeKernel(builder, loc, kind, builder.getArrayAttr(rows), operands.getArrayRef());
  Block &body = kernel.getBody().front();
  IRMapping mapping;
  mapping.map(operands.getArrayRef(), body.getArguments());
  OpBuilder inside = OpBuilder::atBlockEnd(&body);
  SmallVector<Operation *> inOrder(cluster.ops.begin(), cluster.ops.end());
  llvm::sort(inOrder, [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });
  for (Operation *op : inOrder)
    inside.clone(*op, mapping);
  SmallVector<Value> results;
  for (Operation *root : cluster.roots)
    results.push_back(mapping.lookup(root->getResult(0)));
  YieldOp::create(inside, loc, results);
  kernel.setInplace(findInplace(kernel, cluster.space));
  if (inDouble)
    kernel->setAttr("kinu.double", builder.getUnitAttr());
  return finish(builder, kernel, operands.getArrayRef(), loc);
}

LaunchOp Outliner::launch(OpBuilder &builder, Operation *op) {
  KernelKind kind = TypeSwitch<Operation *, KernelKind>(op)
                        .Case([](DotOp) { return KernelKind::contraction; })
                        .Case([](AttentionOp) { return KernelKind::attention; })
                        .Case([](AttentionBackwardOp) { return KernelKind::attention_backward; })
                        .Case([](ScatterOp) { return KernelKind::scatter; })
                        .Case([](CumSumOp) { return KernelKind::cumsum; })
                        .Default([](Operation *) { return KernelKind::top; });
  llvm::SetVector<Value> operands(op->operand_begin(), op->operand_end());
  KernelOp kernel = makeKernel(builder, op->getLoc(), kind, builder.getArrayAttr({}), operands.getArrayRef());
  Block &body = kernel.getBody().front();
  IRMapping mapping;
  mapping.map(operands.getArrayRef(), body.getArguments());
  OpBuilder inside = OpBuilder::atBlockEnd(&body);
  Operation *copy = inside.clone(*op, mapping);
  YieldOp::create(inside, op->getLoc(), copy->getResults());
  return finish(builder, kernel, operands.getArrayRef(), op->getLoc());
}

LaunchOp Outliner::copy(OpBuilder &builder, Value value) {
  SmallVector<Attribute> rows;
  for (const Axis &axis : typeOf(value).getAxes())
    rows.push_back(axis.name);
  KernelOp kernel = makeKernel(builder, value.getLoc(), KernelKind::loops, builder.getArrayAttr(rows), value);
  OpBuilder inside = OpBuilder::atBlockEnd(&kernel.getBody().front());
  YieldOp::create(inside, value.getLoc(), ValueRange(kernel.getBody().getArgument(0)));
  return finish(builder, kernel, value, value.getLoc());
}

/// What a person calls the place: `gpt2.kinu:14`.
static std::string labelOf(Location loc) {
  if (auto place = loc->findInstanceOf<FileLineColLoc>())
    return (place.getFilename().getValue().rsplit('/').second.empty()
                ? place.getFilename().getValue()
                : place.getFilename().getValue().rsplit('/').second)
               .str() +
           ":" + std::to_string(place.getLine());
  return "";
}

LaunchOp Outliner::finish(OpBuilder &builder, KernelOp kernel, ValueRange operands, Location loc) {
  std::string text;
  llvm::raw_string_ostream os(text);
  kernel->print(os);
  KernelOp &known = kernels[text];
  if (known) {
    kernel.erase();
  } else {
    known = kernel;
    known.setSymName(("k" + llvm::Twine(kernels.size() - 1) + "_" + stringifyKernelKind(kernel.getKind())).str());
    module.push_back(known);
  }
  ++launches;
  auto yield = cast<YieldOp>(known.getBody().front().getTerminator());
  return LaunchOp::create(builder, loc, yield->getOperandTypes(), known.getSymName(), operands, labelOf(loc),
                          DenseI64ArrayAttr());
}
