// Which memory accesses are contiguous if vectors lie along an axis: the evaluator's walk, counting instead of
// emitting.
#include "compiler/vectorize/LoopPlan.h"

#include "llvm/ADT/TypeSwitch.h"

#include <map>
#include <set>

using namespace mlir;
using namespace kinu;

namespace {
/// How an index moves from lane to lane.
enum class Motion { Still, Next, Jumps };
using Motions = std::map<StringRef, Motion>;

class AccessCounter {
public:
  explicit AccessCounter(int64_t lanes) : lanes(lanes) {}

  double bytes = 0;

  /// A buffer of `type` accessed by `motions`, all of it once.
  void access(NamedTensorType type, const Motions &motions) {
    double size = double(type.getNumElements()) * (type.isBool() ? 1 : type.getElement().getIntOrFloatBitWidth() / 8);
    bytes += contiguous(type, motions) ? size : size * double(lanes);
  }

  /// Whether `value` differs between lanes; counts the loads that it takes.
  bool visit(Value value, const Motions &motions) {
    bool varies = llvm::any_of(typeOf(value).getAxes(), [&](const Axis &axis) {
      auto found = motions.find(axis.name.getValue());
      return found != motions.end() && found->second != Motion::Still;
    });
    std::string key = keyOf(value, motions);
    if (!seen.insert(key).second)
      return varies;
    Operation *op = value.getDefiningOp();
    if (!op)
      access(typeOf(value), motions);
    else
      visitOperands(op, motions);
    return varies;
  }

private:
  static bool contiguous(NamedTensorType type, const Motions &motions) {
    for (auto [i, axis] : llvm::enumerate(type.getAxes())) {
      auto found = motions.find(axis.name.getValue());
      Motion motion = found == motions.end() ? Motion::Still : found->second;
      bool isLast = i + 1 == type.getAxes().size();
      if (motion == Motion::Jumps || (motion == Motion::Next && !isLast))
        return false;
    }
    return true;
  }

  static std::string keyOf(Value value, const Motions &motions) {
    std::string key = std::to_string(reinterpret_cast<uintptr_t>(value.getAsOpaquePointer()));
    for (const Axis &axis : typeOf(value).getAxes()) {
      auto found = motions.find(axis.name.getValue());
      key += found == motions.end() ? '0' : char('0' + static_cast<int>(found->second));
    }
    return key;
  }

  static Motions moved(Motions motions, StringRef axis, Motion motion) {
    motions[axis] = motion;
    return motions;
  }

  void visitOperands(Operation *op, const Motions &motions) {
    auto at = [&](StringRef axis) {
      auto found = motions.find(axis);
      return found == motions.end() ? Motion::Still : found->second;
    };
    llvm::TypeSwitch<Operation *>(op)
        .Case(
            [&](RenameOp rename) { visit(rename.getOperand(), moved(motions, rename.getFrom(), at(rename.getTo()))); })
        .Case([&](SliceOp slice) { visit(slice.getOperand(), moved(motions, slice.getAxis(), at(slice.getAs()))); })
        .Case([&](PadOp pad) { visit(pad.getOperand(), moved(motions, pad.getAxis(), at(pad.getAs()))); })
        .Case([&](ConcatOp concat) {
          for (auto [operand, axis] : llvm::zip(concat.getOperands(), concat.getAxes().getAsValueRange<StringAttr>()))
            visit(operand, moved(motions, axis, at(concat.getAs())));
        })
        .Case([&](SplitOp split) {
          Motion motion = Motion::Still;
          for (StringRef factor : split.getFactors().getAsValueRange<StringAttr>())
            motion = motion != Motion::Still ? Motion::Jumps : at(factor);
          bool lastMoves = at(cast<StringAttr>(split.getFactors().getValue().back()).getValue()) != Motion::Still;
          bool moves = llvm::any_of(split.getFactors().getAsValueRange<StringAttr>(),
                                    [&](StringRef factor) { return at(factor) != Motion::Still; });
          visit(split.getOperand(), moved(motions, split.getAxis(),
                                          lastMoves ? motion
                                          : moves   ? Motion::Jumps
                                                    : Motion::Still));
        })
        .Case([&](JoinOp join) { visitJoin(join, motions, at(join.getAxis())); })
        .Case([&](LookupOp lookup) {
          Motions inner = motions;
          for (auto [axis, index] : llvm::zip(lookup.getAxes().getAsValueRange<StringAttr>(), lookup.getIndices())) {
            bool isIndex = index.getDefiningOp<IndexOp>() != nullptr;
            inner[axis] = !visit(index, motions) ? Motion::Still : isIndex ? Motion::Next : Motion::Jumps;
          }
          visit(lookup.getSource(), inner);
        })
        .Default([&](Operation *other) {
          for (Value operand : other->getOperands())
            visit(operand, motions);
        });
  }

  /// Contiguous along the last factor where it holds whole vectors.
  void visitJoin(JoinOp join, Motions motions, Motion motion) {
    ArrayAttr factors = join.getFactors();
    StringRef last = cast<StringAttr>(factors.getValue().back()).getValue();
    bool whole = typeOf(join.getOperand()).length(last) % lanes == 0;
    for (StringRef factor : factors.getAsValueRange<StringAttr>())
      motions[factor] = motion == Motion::Next && whole ? Motion::Still
                        : motion == Motion::Still       ? motion
                                                        : Motion::Jumps;
    if (motion == Motion::Next && whole)
      motions[last] = Motion::Next;
    visit(join.getOperand(), motions);
  }

  int64_t lanes;
  std::set<std::string> seen;
};
} // namespace

double vectorize::accessCost(step::KernelOp kernel, StringAttr axis, int64_t lanes) {
  AccessCounter counter(lanes);
  Motions motions{{axis.getValue(), Motion::Next}};
  for (Value result : kernel.getBody().front().getTerminator()->getOperands()) {
    counter.access(typeOf(result), motions);
    counter.visit(result, motions);
  }
  return counter.bytes;
}
