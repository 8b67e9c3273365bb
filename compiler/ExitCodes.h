// What `kinu` exits with; README.md has the same list.
#pragma once

namespace kinu {

/// Spec errors are in the diagnostics. A usage error is one of the command line, an I/O error a file that cannot be
/// read or written or a program that is not installed, an internal one a stage that broke its contract.
inline constexpr int kOk = 0, kSpecErrors = 1, kUsage = 2, kIoError = 106, kInternalError = 108;

} // namespace kinu
