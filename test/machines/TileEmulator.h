// AMX tiles in software, so that kernels with tiles run on x86-64 processors that have none.
#pragma once

namespace kinu::test {

/// From now on this process executes the instructions of AMX-TILE and AMX-BF16 by a handler of illegal instructions,
/// which takes about a microsecond each. Any other illegal instruction ends it as before. Source of what each
/// instruction does: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, and volume 1, chapter 18.
void emulateTiles();

} // namespace kinu::test
