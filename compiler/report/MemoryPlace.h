// Where instructions of LLVM IR find the memory that they read or write.
#pragma once

#include "llvm/IR/Instruction.h"

#include <optional>

namespace kinu::report {

/// A tile in memory: rows `stride` bytes apart.
struct TileInMemory {
  llvm::Value *pointer, *stride;
  llvm::Value *rows, *bytes; ///< of a row; null for a tile that is named by its register: Kinu configures 16 rows of 64
  bool writes;
};

/// None for what is no load or store of a tile.
std::optional<TileInMemory> tileOf(llvm::Instruction &op);
/// The operand that points there, for instructions that kernels are made of; null for others.
llvm::Value *pointerOf(llvm::Instruction &op);
/// Whether the value says where the instruction finds its memory.
bool isPlaceOf(llvm::Instruction &op, const llvm::Value *value);

} // namespace kinu::report
