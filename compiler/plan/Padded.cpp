// What is padded, by the attributes that shard left on variables, and on the module of what lies between blocks.
#include "compiler/plan/Plan.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::plan;

std::vector<Padded> plan::paddedIn(ModuleOp module) {
  llvm::MapVector<StringAttr, Padded> found;
  for (VariableOp variable : module.getOps<VariableOp>()) {
    auto real = variable->getAttrOfType<DictionaryAttr>("kinu.real");
    auto whole = variable->getAttrOfType<TypeAttr>("kinu.whole");
    if (!real || !whole)
      continue;
    auto type = cast<NamedTensorType>(variable.getType());
    for (NamedAttribute axis : real) {
      Padded &entry = found[axis.getName()];
      entry.axis = axis.getName().str();
      entry.length = cast<IntegerAttr>(axis.getValue()).getInt();
      entry.padded = cast<NamedTensorType>(whole.getValue()).length(entry.axis);
      entry.variables.push_back(variable.getSymName().str());
      int64_t local = type.length(entry.axis), most = std::min(local, entry.padded - entry.length);
      entry.bytes += type.getNumElements() / local * most * (type.getElement().getIntOrFloatBitWidth() / 8);
    }
  }
  if (auto between = module->getAttrOfType<DictionaryAttr>("kinu.padded"))
    for (NamedAttribute axis : between) {
      ArrayRef<int64_t> lengths = cast<DenseI64ArrayAttr>(axis.getValue()).asArrayRef();
      Padded &entry = found[axis.getName()];
      entry.axis = axis.getName().str();
      entry.length = lengths[0];
      entry.padded = lengths[1];
    }
  std::vector<Padded> all;
  for (auto &[name, entry] : found)
    all.push_back(std::move(entry));
  return all;
}
