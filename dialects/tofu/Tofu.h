// The tofu dialect: the mesh and its collectives. See TofuOps.td for the manual.
#pragma once

#include "dialects/kinu/Kinu.h"

#include "dialects/tofu/TofuDialect.h.inc"
#define GET_OP_CLASSES
#include "dialects/tofu/TofuOps.h.inc"

namespace kinu::tofu {

/// Of an output: the mesh axes along which each rank has its part of a sum, which the runtime adds up when all
/// micro-batches of a step are done.
inline constexpr llvm::StringLiteral kSumOver = "kinu.sum_over";

/// Whether ranks send one another something here.
inline bool isCollective(mlir::Operation *op) {
  return mlir::isa<AllReduceOp, ReduceScatterOp, AllGatherOp, AllToAllOp, ShiftOp, SendOp, ReceiveOp>(op);
}
/// Whether the op only begins, and a WaitOp ends it.
inline bool isAsync(mlir::Operation *op) { return isCollective(op) && op->hasAttr("async"); }
/// The axis of a tensor that stands for the ranks along an axis of the mesh: `rank.NAME`, which no model's axis is
/// called.
mlir::StringAttr rankAxis(mlir::StringAttr meshAxis);
/// The mesh of a module; null for one rank.
MeshOp meshOf(mlir::ModuleOp module);

} // namespace kinu::tofu
