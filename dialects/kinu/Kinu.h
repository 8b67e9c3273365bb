// The kinu dialect: the graph of a model on named axes. See KinuOps.td for the manual.
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace kinu {

/// A named axis of known length.
struct Axis {
  mlir::StringAttr name;
  int64_t length;

  bool operator==(const Axis &other) const { return name == other.name && length == other.length; }
};
inline llvm::hash_code hash_value(const Axis &axis) { return llvm::hash_combine(axis.name, axis.length); }

/// Marks ops whose result at a point depends on their operands at that point only.
template <typename ConcreteOp> class Elementwise : public mlir::OpTrait::TraitBase<ConcreteOp, Elementwise> {};

class YieldOp;

} // namespace kinu

#include "dialects/kinu/KinuDialect.h.inc"
#include "dialects/kinu/KinuEnums.h.inc"
#include "dialects/kinu/KinuInterfaces.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/kinu/KinuTypes.h.inc"

namespace kinu {

/// The axes of all the values, in the order in which they are first met, with the element type of the first value.
NamedTensorType joinTypes(mlir::ValueRange values);
/// Every operand's axes are in the result, with their lengths, and element types agree as the op wants.
llvm::LogicalResult verifyElementwise(mlir::Operation *op);
inline NamedTensorType typeOf(mlir::Value value) { return llvm::cast<NamedTensorType>(value.getType()); }
/// The names as a list of strings, for the attributes that name axes.
mlir::ArrayAttr namesAttr(mlir::MLIRContext *context, llvm::ArrayRef<llvm::StringRef> names);
bool contains(mlir::ArrayAttr names, llvm::StringRef name);

} // namespace kinu

#define GET_OP_CLASSES
#include "dialects/kinu/KinuOps.h.inc"
