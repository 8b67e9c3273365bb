// The machine at hand with more than its processor has, so that every test runs the kernels of every precision.
#pragma once

#include "compiler/machines/Machine.h"

namespace kinu::test {

/// With AMX tiles. Where the processor has none, this process emulates them from now on (TileEmulator.h). A machine
/// without AVX-512 or AVX512-BF16, which nothing with tiles lacks, is returned as it is.
machines::Machine withTiles();

/// With arithmetic in fp16. Where the processor has none, LLVM computes each operation in fp32 and rounds its result:
/// sums, products and quotients are those of fp16 arithmetic, fused multiply-adds may rarely be rounded twice.
machines::Machine withHalfs();

} // namespace kinu::test
