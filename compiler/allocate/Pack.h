// Packing buffers into as little memory as may be.
#pragma once

#include "compiler/allocate/Buffers.h"

namespace kinu::allocate {

/// Gives every buffer without a fixed place an offset; buffers whose lives overlap do not overlap in memory. Returns
/// the bytes needed.
int64_t pack(std::vector<Buffer> &buffers);

} // namespace kinu::allocate
