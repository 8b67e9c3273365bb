// The ranks of a mesh as threads, each interpreting the partitioned programs in double precision: what a layout
// computes, without kernels and without MPI.
#pragma once

#include "compiler/interpret/Interpreter.h"
#include "dialects/tofu/Tofu.h"

#include "mlir/IR/OwningOpRef.h"

#include <atomic>
#include <barrier>

namespace kinu::test {

class Ranks {
public:
  /// `text`: a module that `kinu-partition` left.
  explicit Ranks(const std::string &text);

  /// Gives every rank its part of a variable, by the attributes that the pass left.
  void setVariable(llvm::StringRef path, const interpret::Tensor &whole);
  /// The parts of all ranks put together; a gradient that is summed later is summed here. Ranks that should have the
  /// same must agree; `disagreement` says by how much they do not.
  interpret::Tensor variable(llvm::StringRef path);
  /// Runs a program on all ranks. Inputs of the model are whole and cut as `kinu.split` says.
  void run(llvm::StringRef program, const std::map<std::string, interpret::Tensor> &inputs);
  double output(llvm::StringRef name) const { return interpreters[0]->output(name)[0]; }
  bool hasOutput(llvm::StringRef name) const { return interpreters[0]->hasOutput(name); }

  int64_t count() const { return static_cast<int64_t>(interpreters.size()); }
  double disagreement = 0;
  std::string fault;

private:
  struct Mesh {
    std::vector<std::string> names;
    std::vector<int64_t> degrees;
  };
  /// Coordinates of a rank, the last axis of the mesh fastest.
  std::vector<int64_t> coordinates(int64_t rank) const;
  int64_t coordinate(int64_t rank, llvm::StringRef axis) const;
  int64_t degree(llvm::StringRef axis) const;
  /// Where in the whole tensor a rank's part begins along each axis of `local`.
  std::vector<int64_t> origins(int64_t rank, NamedTensorType local, mlir::DictionaryAttr split) const;
  interpret::Tensor part(int64_t rank, const interpret::Tensor &whole, NamedTensorType local,
                         mlir::DictionaryAttr split) const;
  interpret::Tensor exchange(int64_t rank, mlir::Operation *op, const interpret::Tensor &operand);
  std::vector<int64_t> group(int64_t rank, mlir::Operation *op) const;

  Mesh mesh;
  std::vector<std::unique_ptr<mlir::MLIRContext>> contexts;
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> modules;
  std::vector<std::unique_ptr<interpret::Interpreter>> interpreters;
  std::vector<const interpret::Tensor *> sent; ///< by each rank, in the collective under way
  std::unique_ptr<std::barrier<>> barrier;
};

} // namespace kinu::test
