// The code that ControlFlow walks: of each function a list of blocks with the few instructions that branches, calls and
// addresses hang on, their values in numbered slots of a frame.
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/InstrTypes.h"

#include <optional>
#include <vector>

namespace kinu::report {

using Slot = int;
using Frame = std::vector<int64_t>;

struct Step {
  const llvm::Instruction *op = nullptr;
  Slot result = -1;
  llvm::SmallVector<Slot, 3> operands;
  int64_t offset = 0;                   ///< of an address: the part that is constant
  llvm::SmallVector<int64_t, 2> scales; ///< of an address: bytes for one of each operand but the first
  struct FunctionCode *callee = nullptr;
};

/// What an instruction reads or writes: rows of `bytes` bytes.
struct AccessCode {
  Slot pointer;
  int64_t bytes, rows = 1;
  Slot rowStride = -1;
  bool writes = false, streams = false;
};

struct PhiMove {
  Slot result, value;
};

/// A loop of one block: `next` of a phi is the phi plus what does not change.
struct CountedLoop {
  llvm::CmpInst::Predicate goesOn; ///< of `left` and `right`, at the end of a round
  Slot left, right;
  int leftPhi = -1, rightPhi = -1; ///< the move whose step each side has; -1: it does not change
  unsigned width = 64;             ///< of the two in bits
  unsigned self = 0;               ///< number of the edge from the block to itself
};

struct BlockCode {
  unsigned number = 0;
  /// From which blocks, and what moves on the way.
  std::vector<std::pair<unsigned, llvm::SmallVector<PhiMove, 4>>> edges;
  llvm::SmallVector<Step, 8> steps;
  llvm::SmallVector<AccessCode, 4> accesses;
  Slot condition = -1; ///< of a branch or a switch; -1: goes to successors[0]
  llvm::SmallVector<unsigned, 2> successors;
  llvm::SmallVector<int64_t, 2> cases; ///< of a switch, for all successors but the first
  bool isSwitch = false, ends = false;
  std::optional<CountedLoop> loop;
  int headerOf = -1; ///< which of the function's loops; -1: none
};

/// A loop that is no CountedLoop. What it does, from one entry until it is left, follows from its inputs.
struct LoopCode {
  std::vector<bool> blocks;           ///< which of the function's
  llvm::SmallVector<Slot, 8> inputs;  ///< from elsewhere
  llvm::SmallVector<Slot, 4> outputs; ///< that are used elsewhere
};

struct FunctionCode {
  std::vector<BlockCode> blocks;
  std::vector<LoopCode> loops;
  Frame frame; ///< with the constants in it
  unsigned arguments = 0;
  std::vector<bool> usedArguments; ///< by what is followed
};

/// What the code of a function follows: what branches hang on, or the addresses of its memory, too.
enum class Follow { Branches, Memory };

/// Makes the code of a function; `codeOf` gives that of the functions it calls.
FunctionCode makeCode(llvm::Function &function, Follow follow, int64_t vscale,
                      llvm::function_ref<FunctionCode *(llvm::Function &)> codeOf);

/// Whether values of a type are followed: integers and pointers; and their bits.
bool isFollowed(llvm::Type *type);
unsigned widthOf(llvm::Type *type);

} // namespace kinu::report
