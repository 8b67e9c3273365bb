// See Places.h.
#include "compiler/schedule/Places.h"

#include "dialects/tofu/Tofu.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::schedule;

int64_t schedule::bytesOf(NamedTensorType type) {
  return type.getNumElements() * (type.isBool() ? 1 : type.getElement().getIntOrFloatBitWidth() / 8);
}

Value schedule::viewed(Value value) {
  while (auto view = value.getDefiningOp<step::ViewOp>())
    value = view.getOperand();
  return value;
}

bool Place::overlaps(const Place &other) const {
  if (variable != other.variable)
    return false;
  for (auto [round, there] : llvm::zip(rounds, other.rounds))
    if (round != there)
      return false;
  return true;
}

static Place placeOf(StringAttr variable, ValueRange rounds) {
  Place place{variable, {}};
  for (Value round : rounds)
    place.rounds.push_back(cast<IntegerAttr>(round.getDefiningOp<ConstantOp>().getValue()).getInt());
  return place;
}

Place schedule::placeOf(ReadOp read) { return ::placeOf(read.getVariableAttr().getAttr(), read.getRounds()); }
Place schedule::placeOf(WriteOp write) { return ::placeOf(write.getVariableAttr().getAttr(), write.getRounds()); }

void Touched::add(const Touched &other) {
  read.append(other.read);
  written.append(other.written);
}

bool Touched::conflicts(const Touched &other) const {
  auto meet = [](ArrayRef<Place> some, ArrayRef<Place> others) {
    return llvm::any_of(some, [&](const Place &place) {
      return llvm::any_of(others, [&](const Place &there) { return place.overlaps(there); });
    });
  };
  return meet(written, other.written) || meet(written, other.read) || meet(read, other.written);
}

/// The variables that a value ends in, as itself or under other axes.
static void addWrites(Value value, Touched &touched) {
  for (Operation *user : value.getUsers()) {
    if (auto write = dyn_cast<WriteOp>(user))
      touched.written.push_back(schedule::placeOf(write));
    else if (isa<step::ViewOp>(user) || (isa<tofu::WaitOp>(user) && user->getOperand(0) == value))
      addWrites(user->getResult(0), touched);
  }
}

Touched schedule::touchedBy(Operation *op) {
  Touched touched;
  if (auto read = dyn_cast<ReadOp>(op)) {
    touched.read.push_back(schedule::placeOf(read));
  } else if (auto write = dyn_cast<WriteOp>(op)) {
    touched.written.push_back(schedule::placeOf(write));
  } else if (isa<step::LaunchOp, tofu::WaitOp>(op) || tofu::isCollective(op)) {
    for (Value operand : op->getOperands())
      if (auto read = viewed(operand).getDefiningOp<ReadOp>())
        touched.read.push_back(schedule::placeOf(read));
    for (Value result : op->getResults())
      addWrites(result, touched);
  }
  return touched;
}
