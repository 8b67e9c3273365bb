// The buffers of one program: which values share memory, and from when to when each is needed.
#pragma once

#include "compiler/allocate/Allocate.h"

#include <optional>

namespace kinu::allocate {

/// A run of memory that holds one value after another.
struct Buffer {
  int64_t bytes = 0;
  int64_t first = 0; ///< position in the program of the op that fills it; -1: filled before the program runs
  int64_t last = 0;  ///< position of the last op that uses it
  /// The place in a variable, for what is read from or written to one; such buffers need no place of their own.
  std::optional<int64_t> fixed;
  bool sent = false;  ///< an operand or a result of a collective
  int64_t offset = 0; ///< in the part of the arena that programs share
};

/// Bytes of the arena that hold a variable, or one round's slice of it.
struct Place {
  int64_t offset = 0, bytes = 0;
  bool overlaps(Place other) const { return offset < other.offset + other.bytes && other.offset < offset + bytes; }
};

/// Bytes of the buffers that a program needs at once, at the moment when they are most.
struct Peak {
  int64_t live = 0;
  int64_t sent = 0; ///< of these, what collectives use
};
/// Buffers without a fixed place only.
Peak peakOf(llvm::ArrayRef<Buffer> buffers);

/// A pure analysis: it changes no IR.
class Buffers {
public:
  /// `variableOffsets` gives each variable's place in the arena.
  Buffers(ProgramOp program, const llvm::StringMap<int64_t> &variableOffsets);

  /// Fails with an error at the op that cannot be placed: a compiler bug.
  llvm::LogicalResult analyse();

  std::vector<Buffer> &all() { return buffers; }
  /// The buffer of a value: that of what it is a view of, or takes the place of.
  Buffer &of(mlir::Value value) { return buffers[bufferOf.lookup(value)]; }
  unsigned inplaceCount() const { return inplace; }

private:
  /// Where a value is written to, and by which op of the program.
  struct Destination {
    int64_t offset = 0, written = 0;
  };

  void startInVariables();
  std::optional<int64_t> destinationOf(mlir::Value value) const;
  bool isUnusedAfter(step::LaunchOp launch, Place place, int64_t written);
  void visit(mlir::Operation &op, int64_t position);
  void visitLaunch(step::LaunchOp launch, int64_t position);
  bool takesPlaceOf(step::LaunchOp launch, mlir::OpResult result, int64_t position);
  llvm::LogicalResult checkWrites();
  llvm::LogicalResult checkWrite(WriteOp write);
  int64_t offsetOf(mlir::StringRef variable, mlir::ValueRange rounds);
  unsigned make(int64_t bytes, int64_t first, std::optional<int64_t> fixed);

  ProgramOp program;
  const llvm::StringMap<int64_t> &variableOffsets;
  std::vector<Buffer> buffers;
  llvm::DenseMap<mlir::Value, unsigned> bufferOf;
  /// Of what is written to a variable, or written over on the way there: the variable's place.
  llvm::DenseMap<mlir::Value, Destination> destination;
  llvm::DenseMap<mlir::Value, int64_t> lastUse; ///< of a value, through its views and the wait for it
  llvm::DenseMap<mlir::Operation *, int64_t> positions;
  std::vector<std::pair<Place, int64_t>> written; ///< with the position of the write
  unsigned inplace = 0;
};

} // namespace kinu::allocate
