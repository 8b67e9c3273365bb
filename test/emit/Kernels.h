// Kernels written by hand in LLVM dialect, for the tests of this folder.
#pragma once

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

namespace kinu::emit::test {

/// buffers[1][0..16) = buffers[0][0..16) * buffers[0][0..16) + buffers[0][0..16), as one vector of 16 floats.
inline constexpr llvm::StringLiteral kSquarePlus = R"(
llvm.func @square_plus(%buffers: !llvm.ptr, %scratch: !llvm.ptr, %begin: i64, %end: i64) {
  %in = llvm.load %buffers : !llvm.ptr -> !llvm.ptr
  %second = llvm.getelementptr %buffers[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %out = llvm.load %second : !llvm.ptr -> !llvm.ptr
  %x = llvm.load %in {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
  %y = llvm.intr.fma(%x, %x, %x) : (vector<16xf32>, vector<16xf32>, vector<16xf32>) -> vector<16xf32>
  llvm.store %y, %out {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
  llvm.return
}
)";

/// A context with what the kernels above need, for one thread.
struct KernelContext {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  KernelContext() { context.loadDialect<mlir::LLVM::LLVMDialect>(); }
  mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef text) {
    return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  }
};

} // namespace kinu::emit::test
