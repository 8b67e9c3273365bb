// Places variables, then each program's buffers behind them.
#include "compiler/allocate/Allocate.h"
#include "compiler/allocate/Pack.h"
#include "compiler/allocate/UnderWay.h"

#include "dialects/tofu/Tofu.h"
#include "llvm/Support/MathExtras.h"

namespace kinu::allocate {
#define GEN_PASS_DEF_ALLOCATE
#include "compiler/allocate/Passes.h.inc"
} // namespace kinu::allocate

using namespace mlir;
using namespace kinu;
using namespace kinu::allocate;

namespace {
struct Allocate : allocate::impl::AllocateBase<Allocate> {
  void runOnOperation() override {
    Builder builder(&getContext());
    int64_t variableBytes = placeVariables(), programBytes = 0;
    for (ProgramOp program : getOperation().getOps<ProgramOp>()) {
      Buffers buffers(program, offsets);
      if (failed(buffers.analyse()))
        return signalPassFailure();
      int64_t bytes = pack(buffers.all());
      auto placeOf = [&](Value value) {
        return Place{Allocate::placeOf(buffers.of(value), variableBytes), allocate::bytesOf(typeOf(value))};
      };
      if (failed(checkUnderWay(program, placeOf)))
        return signalPassFailure();
      inplace += buffers.inplaceCount();
      programBytes = std::max(programBytes, bytes);
      Peak peak = peakOf(buffers.all());
      program->setAttr("kinu.program_bytes", builder.getI64IntegerAttr(bytes));
      program->setAttr("kinu.live_bytes", builder.getI64IntegerAttr(peak.live));
      program->setAttr("kinu.sent_bytes", builder.getI64IntegerAttr(peak.sent));
      for (Operation &op : program.getBody().front())
        annotate(op, buffers, variableBytes);
    }
    getOperation()->setAttr("kinu.variable_bytes", builder.getI64IntegerAttr(variableBytes));
    getOperation()->setAttr("kinu.arena_bytes", builder.getI64IntegerAttr(variableBytes + programBytes));
  }

private:
  /// What lies once for each micro-batch that is under way in a stage of a pipeline.
  static bool isInStore(VariableOp variable) { return variable->hasAttr("kinu.in_store"); }

  int64_t placeVariables() {
    int64_t next = 0;
    auto place = [&](VariableOp variable) {
      variable->setAttr("kinu.offset", Builder(&getContext()).getI64IntegerAttr(next));
      offsets[variable.getSymName()] = next;
      next = llvm::alignTo(next + bytesOf(cast<NamedTensorType>(variable.getType())), kAlignment);
    };
    for (VariableOp variable : getOperation().getOps<VariableOp>())
      if (!isInStore(variable))
        place(variable);
    int64_t storeOffset = next;
    for (VariableOp variable : getOperation().getOps<VariableOp>())
      if (isInStore(variable))
        place(variable);
    return next + placeStores(storeOffset, next - storeOffset);
  }

  /// Programs speak of the first store; the others lie behind it. Returns the bytes of the others.
  int64_t placeStores(int64_t offset, int64_t bytes) {
    auto stores = getOperation()->getAttrOfType<IntegerAttr>("kinu.stores");
    if (!stores)
      return 0;
    Builder builder(&getContext());
    getOperation()->setAttr("kinu.store_offset", builder.getI64IntegerAttr(offset));
    getOperation()->setAttr("kinu.store_bytes", builder.getI64IntegerAttr(bytes));
    return bytes * (stores.getInt() - 1);
  }

  static int64_t placeOf(Buffer &buffer, int64_t base) { return buffer.fixed ? *buffer.fixed : base + buffer.offset; }

  void annotate(Operation &op, Buffers &buffers, int64_t base) {
    Builder builder(&getContext());
    if (auto launch = dyn_cast<step::LaunchOp>(op)) {
      SmallVector<int64_t> places;
      for (Value operand : launch.getOperands())
        places.push_back(placeOf(buffers.of(operand), base));
      for (Value result : launch.getResults())
        places.push_back(placeOf(buffers.of(result), base));
      launch.setOffsets(places);
    } else if (auto wait = dyn_cast<tofu::WaitOp>(op)) {
      SmallVector<int64_t> places;
      for (Value sent : wait.getSent())
        places.push_back(placeOf(buffers.of(sent), base));
      places.push_back(placeOf(buffers.of(wait.getStarted()), base));
      op.setAttr("kinu.offsets", builder.getDenseI64ArrayAttr(places));
    } else if (tofu::isCollective(&op)) {
      SmallVector<int64_t> places;
      for (Value operand : op.getOperands())
        places.push_back(placeOf(buffers.of(operand), base));
      for (Value result : op.getResults())
        places.push_back(placeOf(buffers.of(result), base));
      op.setAttr("kinu.offsets", builder.getDenseI64ArrayAttr(places));
    } else if (isa<InputOp>(op)) {
      op.setAttr("kinu.offset", builder.getI64IntegerAttr(placeOf(buffers.of(op.getResult(0)), base)));
    } else if (auto output = dyn_cast<OutputOp>(op)) {
      op.setAttr("kinu.offset", builder.getI64IntegerAttr(placeOf(buffers.of(output.getValue()), base)));
    }
  }

  llvm::StringMap<int64_t> offsets;
};
} // namespace
