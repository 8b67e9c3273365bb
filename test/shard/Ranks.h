// The ranks of a mesh as threads, each interpreting the partitioned programs in double precision: what a layout
// computes, without kernels and without MPI.
#pragma once

#include "compiler/interpret/Interpreter.h"
#include "dialects/tofu/Tofu.h"

#include "mlir/IR/OwningOpRef.h"

#include <condition_variable>
#include <deque>
#include <mutex>

namespace kinu::test {

class Ranks {
public:
  using Inputs = std::map<std::string, interpret::Tensor>;

  /// `texts`: a module that `kinu-partition` left, for each stage of a pipeline.
  explicit Ranks(const std::vector<std::string> &texts);

  /// Gives every rank its part of a variable, by the attributes that the pass left.
  void setVariable(llvm::StringRef path, const interpret::Tensor &whole);
  /// The parts of all ranks put together; a gradient that is summed later is summed here. Ranks that should have the
  /// same must agree; `disagreement` says by how much they do not.
  interpret::Tensor variable(llvm::StringRef path);
  /// Runs a program on all ranks. Inputs of the model are whole and cut as `kinu.split` says.
  void run(llvm::StringRef program, const Inputs &inputs);
  /// Runs the passes of a pipeline's step, each rank in the order of its stage. Returns the sums of the outputs of all
  /// forward passes.
  std::map<std::string, double> runStep(const std::vector<Inputs> &microBatches);
  /// An output of the program that was run last, added up over ranks where these have parts of a sum.
  double output(llvm::StringRef name);
  bool hasOutput(llvm::StringRef name) const { return interpreters[0]->hasOutput(name); }

  /// Whether a step is `forward` and `backward` passes instead of `micro`.
  bool isPipeline() { return modules.front()->lookupSymbol("forward") != nullptr; }
  bool has(llvm::StringRef program) { return modules.front()->lookupSymbol(program) != nullptr; }
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
  interpret::Tensor exchange(int64_t rank, mlir::Operation *op, const interpret::Tensor *operand);
  interpret::Tensor reduced(int64_t rank, mlir::Operation *op, const interpret::Tensor &operand);
  std::vector<int64_t> group(int64_t rank, mlir::Operation *op) const;
  /// What the members of a group bring to their next collective, in their order.
  std::vector<interpret::Tensor> meet(int64_t rank, const std::vector<int64_t> &members,
                                      const interpret::Tensor &operand);
  interpret::Tensor receive(int64_t from, int64_t to, int64_t tag, NamedTensorType type);
  /// The rank at another place along an axis.
  int64_t neighbour(int64_t rank, llvm::StringRef axis, int64_t place) const;
  void setInputs(int64_t rank, llvm::StringRef program, const Inputs &inputs);
  void runRank(int64_t rank, llvm::StringRef program);
  /// What a rank adds to an output of all ranks: 0 if another one has the same.
  double share(int64_t rank, llvm::StringRef program, llvm::StringRef name);
  /// Does something on every rank at once.
  void onAllRanks(llvm::function_ref<void(int64_t)> work);

  struct Meeting {
    std::map<int64_t, interpret::Tensor> brought;
    size_t left = 0;
  };

  Mesh mesh;
  std::string lastProgram;
  std::vector<std::unique_ptr<mlir::MLIRContext>> contexts;
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> modules;
  std::vector<std::unique_ptr<interpret::Interpreter>> interpreters;

  std::mutex mutex; ///< of all that follows
  std::condition_variable changed;
  bool stopped = false;                                                 ///< a rank failed: nobody waits any more
  std::map<std::pair<std::vector<int64_t>, int64_t>, Meeting> meetings; ///< by members, and how many they had before
  std::map<std::pair<std::vector<int64_t>, int64_t>, int64_t> met;      ///< by members and rank
  std::map<std::tuple<int64_t, int64_t, int64_t>, std::deque<interpret::Tensor>> mail; ///< by sender, receiver and tag
};

} // namespace kinu::test
