// Moving starts of collectives up and waits down in a straight list.
#pragma once

#include "compiler/schedule/Endings.h"
#include "dialects/tofu/Tofu.h"

namespace kinu::schedule {

/// Of what is under way at a time, in one direction, at most so many bytes of the arena are kept, or two collectives.
struct Bound {
  int64_t bytes = 0;
};

/// Moves starts of steps around a ring up to where their operand is there: what a rank computes with a block of keys
/// may come after it has begun to hand them on. No product is passed on the way, since memory is kept meanwhile.
void raiseShifts(mlir::Block &block);

/// Moves each `tofu.wait` down to the first op that needs it. Where its result is only written, that is put off, too,
/// until too much is under way.
void sinkWaits(mlir::Block &block, Bound bound, const Endings &endings);

/// Moves starts whose operand is in a variable up, so that as much as may be is under way before it is wanted.
void hoistStarts(mlir::Block &block, Bound bound, const Endings &endings);

} // namespace kinu::schedule
