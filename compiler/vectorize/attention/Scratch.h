// A thread's scratch, handed out in pieces while code is written.
#pragma once

#include "compiler/vectorize/Emission.h"

namespace kinu::vectorize {

class Scratch {
public:
  explicit Scratch(Emission &e) : e(e) {}
  /// The next bytes, at a multiple of 64.
  mlir::Value reserve(int64_t bytes) {
    mlir::Value pointer = e.address(e.scratch, e.getI8Type(), e.i64(reserved));
    reserved += llvm::alignTo(bytes, 64);
    return pointer;
  }
  mlir::Value floats(int64_t count) { return reserve(4 * count); }
  int64_t bytes() const { return reserved; }

private:
  Emission &e;
  int64_t reserved = 0;
};

} // namespace kinu::vectorize
