// Registers the tofu dialect and verifies its ops.
#include "dialects/tofu/Tofu.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::tofu;

#include "dialects/tofu/TofuDialect.cpp.inc"

void TofuDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/tofu/TofuOps.cpp.inc"
      >();
}

StringAttr tofu::rankAxis(StringAttr meshAxis) {
  return StringAttr::get(meshAxis.getContext(), "rank." + meshAxis.getValue());
}

MeshOp tofu::meshOf(ModuleOp module) {
  auto meshes = module.getOps<MeshOp>();
  return meshes.empty() ? MeshOp() : *meshes.begin();
}

int64_t MeshOp::degree(StringRef axis) {
  for (auto [name, degree] : llvm::zip(getAxes().getAsValueRange<StringAttr>(), getDegrees()))
    if (name == axis)
      return degree;
  return 1;
}

int64_t MeshOp::degree(ArrayAttr axes) {
  int64_t product = 1;
  for (StringRef name : axes.getAsValueRange<StringAttr>())
    product *= degree(name);
  return product;
}

int64_t MeshOp::ranks() { return degree(getAxes()); }

LogicalResult MeshOp::verify() {
  if (getAxes().size() != getDegrees().size())
    return emitOpError("requires a degree for each of its ")
           << getAxes().size() << " axes, but has " << getDegrees().size();
  llvm::SmallDenseSet<Attribute> names;
  for (auto [name, degree] : llvm::zip(getAxes(), getDegrees())) {
    if (degree < 1)
      return emitOpError("requires degrees of at least 1, but ") << name << " has " << degree;
    if (!names.insert(name).second)
      return emitOpError("requires axes of different names, but ") << name << " is there twice";
  }
  return success();
}

LogicalResult PlacementOp::verify() {
  if (getLengths().size() != 4)
    return emitOpError("requires lengths of a node, x, y and z, but has ") << getLengths().size();
  if (getDigits().size() % 4 != 0)
    return emitOpError("requires four numbers for each digit, but has ") << getDigits().size();
  for (size_t i = 0; i < getDigits().size(); i += 4) {
    int64_t slot = getDigits()[i + 1], factor = getDigits()[i + 2], stride = getDigits()[i + 3];
    if (slot < 0 || slot > 3 || factor < 1 || stride < 1 || factor * stride > getLengths()[slot])
      return emitOpError("requires digits within the lengths, but number ")
             << i / 4 << " has " << factor << " values " << stride << " apart along axis " << slot;
  }
  return success();
}

/// `whole` is `part` and the axis `on`, of the mesh's degree where the mesh is at hand.
static LogicalResult addsAxis(Operation *op, NamedTensorType part, NamedTensorType whole, StringAttr meshAxis) {
  StringAttr on = rankAxis(meshAxis);
  if (part.has(on) || !whole.has(on) ||
      whole.without(ArrayAttr::get(op->getContext(), {on})).getAxes().size() != part.getAxes().size())
    return op->emitOpError("requires axis ") << on << " on one side more, but they are " << part << " and " << whole;
  for (const Axis &axis : part.getAxes())
    if (!whole.has(axis.name) || whole.length(axis.name) != axis.length)
      return op->emitOpError("requires the other axes to stay, but they are ") << part << " and " << whole;
  if (part.getElement() != whole.getElement())
    return op->emitOpError("requires one element type, but they are ") << part << " and " << whole;
  return success();
}

/// MPI adds no 16-bit floats, and a sum of them would be rounded at every rank.
static LogicalResult reducesWhatMpiAdds(Operation *op) {
  NamedTensorType type = typeOf(op->getOperand(0));
  if (type.isFloat() && !type.getElement().isF32())
    return op->emitOpError("requires f32, but reduces ") << type;
  return success();
}

LogicalResult AllReduceOp::verify() { return reducesWhatMpiAdds(*this); }

LogicalResult ReduceScatterOp::verify() {
  if (failed(reducesWhatMpiAdds(*this)))
    return failure();
  return addsAxis(*this, getType(), typeOf(getOperand()), getOnAttr());
}

LogicalResult AllGatherOp::verify() { return addsAxis(*this, typeOf(getOperand()), getType(), getOnAttr()); }

LogicalResult AllToAllOp::verify() {
  StringAttr on = rankAxis(getOnAttr());
  return getType().has(on) ? success() : emitOpError("requires axis ") << on << " in " << getType();
}

LogicalResult WaitOp::verify() {
  Operation *start = getStarted().getDefiningOp();
  if (!start || !isAsync(start))
    return emitOpError("requires what an async op began");
  if (getSent() != start->getOperands())
    return emitOpError("requires the operand of the op that began it: its memory is in use until here");
  if (!getStarted().hasOneUse())
    return emitOpError("requires that nobody else uses what is not there yet");
  if (start->getBlock() != (*this)->getBlock())
    return emitOpError("requires to be in the block of the op that began it");
  return success();
}

#define GET_OP_CLASSES
#include "dialects/tofu/TofuOps.cpp.inc"
