// 16-bit copies of weights, kept beside them instead of made anew in every step.
#include "compiler/precision/Precision.h"

#include "llvm/ADT/MapVector.h"

namespace kinu::precision {
#define GEN_PASS_DEF_KEEPCOPIES
#include "compiler/precision/Passes.h.inc"
} // namespace kinu::precision

using namespace mlir;
using namespace kinu;

namespace {
struct KeepCopies : precision::impl::KeepCopiesBase<KeepCopies> {
  void runOnOperation() override {
    SmallVector<CastOp> casts;
    getOperation()->walk([&](CastOp cast) {
      if (isOfWeight(cast))
        casts.push_back(cast);
    });
    for (CastOp cast : casts)
      readCopy(cast);
    if (copyOf.empty())
      return;
    copies += copyOf.size();
    if (auto update = getOperation().lookupSymbol<ProgramOp>("update"))
      writeCopies(update);
    emitRefresh();
  }

private:
  VariableOp find(FlatSymbolRefAttr path) { return getOperation().lookupSymbol<VariableOp>(path.getAttr()); }

  bool isOfWeight(CastOp cast) {
    auto read = cast.getOperand().getDefiningOp<ReadOp>();
    return read && !cast.getType().getElement().isF32() &&
           llvm::is_contained({"weight", "bias", "gain"}, find(read.getVariableAttr()).getRole());
  }

  void readCopy(CastOp cast) {
    auto read = cast.getOperand().getDefiningOp<ReadOp>();
    VariableOp &copy = copyOf[find(read.getVariableAttr())];
    if (!copy)
      copy = makeCopy(find(read.getVariableAttr()), cast.getType().getElement());
    OpBuilder b(cast);
    Value narrow = ReadOp::create(b, cast.getLoc(), cast.getType(), copy.getSymName(), read.getRounds());
    cast.replaceAllUsesWith(narrow);
    cast.erase();
  }

  /// Behind the other variables, so that their places do not depend on the precision.
  VariableOp makeCopy(VariableOp owner, Type element) {
    auto variables = getOperation().getOps<VariableOp>();
    VariableOp last = owner;
    for (VariableOp variable : variables)
      last = variable;
    OpBuilder b(&getContext());
    b.setInsertionPointAfter(last);
    auto type = cast<NamedTensorType>(owner.getType()).withElement(element);
    return VariableOp::create(b, owner.getLoc(), (owner.getSymName() + ".copy").str(), "copy", "zeros",
                              llvm::APFloat(0.0), llvm::APFloat(0.0), type, owner.getSymNameAttr());
  }

  static void writeCopy(OpBuilder &b, VariableOp copy, Value owner) {
    Value narrow = CastOp::create(b, owner.getLoc(), owner, cast<NamedTensorType>(copy.getType()).getElement());
    WriteOp::create(b, owner.getLoc(), copy.getSymName(), ValueRange(), narrow);
  }

  void writeCopies(ProgramOp update) {
    for (WriteOp write : llvm::to_vector(update.getOps<WriteOp>()))
      if (VariableOp copy = copyOf.lookup(find(write.getVariableAttr()))) {
        OpBuilder b(&getContext());
        b.setInsertionPointAfter(write);
        writeCopy(b, copy, write.getValue());
      }
  }

  void emitRefresh() {
    OpBuilder b = OpBuilder::atBlockEnd(getOperation().getBody());
    auto program = ProgramOp::create(b, getOperation().getLoc(), "refresh");
    b.createBlock(&program.getBody());
    for (auto [owner, copy] : copyOf) {
      auto path = FlatSymbolRefAttr::get(owner.getSymNameAttr());
      writeCopy(b, copy, ReadOp::create(b, owner.getLoc(), owner.getType(), path, ValueRange()));
    }
  }

  llvm::MapVector<VariableOp, VariableOp> copyOf;
};
} // namespace
