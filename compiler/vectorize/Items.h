// Items, the units of work inside tasks: how many make a task, and the loops that visit them.
#pragma once

#include "compiler/vectorize/Evaluator.h"

namespace kinu::vectorize {

inline constexpr double kTaskOperations = 16384; ///< below this, handing a task over costs more than doing it
inline constexpr int64_t kTasksAtLeast = 8;      ///< for a launch that is worth splitting at all

inline int64_t ceilDivide(int64_t x, int64_t y) { return (x + y - 1) / y; }

/// How many items make a task, if each takes so many operations.
int64_t itemsPerTask(int64_t items, double operationsPerItem);

/// The loop over the items of the function's tasks [begin, end), each in a scope of its own.
void emitItems(Evaluator &evaluator, int64_t items, int64_t itemsPerTask, llvm::function_ref<void(mlir::Value)> body);

/// The point with number `item` in the space of `axes`, the last fastest.
Point pointOf(Emission &e, mlir::Value item, llvm::ArrayRef<Axis> axes);

/// Loops over `axes`, the first outermost, each iteration in a scope of its own: `point` extended by their indices.
void emitPoints(Evaluator &evaluator, llvm::ArrayRef<Axis> axes, const Point &point,
                llvm::function_ref<void(const Point &)> body);

} // namespace kinu::vectorize
