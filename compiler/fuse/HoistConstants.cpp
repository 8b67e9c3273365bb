// Tables of index expressions, computed once in double precision.
//
// What depends on indices alone is the same in every step. If it needs a sine or an exponential, it is worth a table;
// if only arithmetic and comparisons, it costs less to compute than to read.
#include "compiler/fuse/Fuse.h"
#include "dialects/kinu/OpCosts.h"

#include "mlir/IR/IRMapping.h"

namespace kinu::fuse {
#define GEN_PASS_DEF_HOISTCONSTANTS
#include "compiler/fuse/Passes.h.inc"
} // namespace kinu::fuse

using namespace mlir;
using namespace kinu;

/// Larger tables are computed where they are used: 4 Mi elements are 16 MiB.
static constexpr int64_t kLargestTable = int64_t(4) << 20;

static bool isTranscendental(Operation *op) { return isDear(op) || isa<SqrtOp>(op); }

/// Ops that a table may consist of: no data, no variables, no rounds, no reductions.
static bool isIndexOp(Operation *op) {
  return isa<ConstantOp, IndexOp>(op) || op->hasTrait<Elementwise>() ||
         isa<RenameOp, SliceOp, SplitOp, JoinOp, ConcatOp, BroadcastOp, PadOp>(op);
}

namespace {
/// What is known of a value: whether only indices decide it, and whether computing it is dear.
struct Facts {
  bool indexOnly = false;
  bool dear = false;
};

struct HoistConstants : fuse::impl::HoistConstantsBase<HoistConstants> {
  void runOnOperation() override {
    // What was found in another module says nothing of this one, though its values may lie at the same addresses.
    facts.clear();
    tables.clear();
    for (ProgramOp program : llvm::to_vector(getOperation().getOps<ProgramOp>()))
      if (program.getSymName() != "constants")
        hoistFrom(program);
  }

private:
  Facts analyse(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || !isIndexOp(op) || isa<RandomOp>(op))
      return {};
    if (auto found = facts.find(value); found != facts.end())
      return found->second;
    Facts result{true, isTranscendental(op)};
    for (Value operand : op->getOperands()) {
      Facts of = analyse(operand);
      result.indexOnly &= of.indexOnly;
      result.dear |= of.dear;
    }
    return facts[value] = result;
  }

  bool isTable(Value value) {
    Facts of = analyse(value);
    return of.indexOnly && of.dear && typeOf(value).isFloat() && typeOf(value).getNumElements() <= kLargestTable;
  }

  void hoistFrom(ProgramOp program) {
    SmallVector<Value> found;
    program->walk([&](Operation *op) {
      if (op->getNumResults() != 1 || !isTable(op->getResult(0)))
        return;
      bool leaves = llvm::any_of(
          op->getUsers(), [&](Operation *user) { return user->getNumResults() != 1 || !isTable(user->getResult(0)); });
      if (leaves)
        found.push_back(op->getResult(0));
    });
    for (Value value : found)
      replace(value);
  }

  /// A rename of a table is the same table, and generation asks for the tables of training: equal ones are one.
  void replace(Value value) {
    OpBuilder builder(constants().getBody());
    IRMapping mapping;
    Value copy = cloneTree(builder, value, mapping);
    std::string text;
    llvm::raw_string_ostream os(text);
    printTree(os, value);
    FlatSymbolRefAttr &table = tables[text];
    if (!table) {
      std::string name = "table." + std::to_string(tables.size() - 1);
      OpBuilder top = OpBuilder::atBlockBegin(getOperation().getBody());
      VariableOp::create(top, value.getLoc(), name, "table", "zeros", llvm::APFloat(0.0), llvm::APFloat(0.0),
                         typeOf(value), StringAttr());
      table = FlatSymbolRefAttr::get(&getContext(), name);
      builder.setInsertionPointToEnd(&constants().getBody().front());
      WriteOp::create(builder, value.getLoc(), table, ValueRange(), copy);
      ++made;
    }
    OpBuilder here(value.getDefiningOp());
    Value read = ReadOp::create(here, value.getLoc(), value.getType(), table, ValueRange());
    value.replaceAllUsesWith(read);
  }

  Value cloneTree(OpBuilder &builder, Value value, IRMapping &mapping) {
    if (Value done = mapping.lookupOrNull(value))
      return done;
    for (Value operand : value.getDefiningOp()->getOperands())
      cloneTree(builder, operand, mapping);
    builder.setInsertionPointToEnd(&constants().getBody().front());
    builder.clone(*value.getDefiningOp(), mapping);
    return mapping.lookup(value);
  }

  /// The expression as text: what two tables are compared by.
  void printTree(llvm::raw_ostream &os, Value value) {
    Operation *op = value.getDefiningOp();
    os << op->getName() << op->getAttrDictionary() << value.getType() << '(';
    for (Value operand : op->getOperands())
      printTree(os, operand);
    os << ')';
  }

  ProgramOp constants() {
    if (auto program = getOperation().lookupSymbol<ProgramOp>("constants"))
      return program;
    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    auto program = ProgramOp::create(builder, getOperation().getLoc(), "constants");
    builder.createBlock(&program.getBody());
    return program;
  }

  llvm::DenseMap<Value, Facts> facts;
  std::map<std::string, FlatSymbolRefAttr> tables;
};
} // namespace
