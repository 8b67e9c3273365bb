// How the runtime reports what it cannot go on from: one exception type carrying the exit code and a message.
//
// The runtime is a program of its own, and everything it cannot handle ends it; main() alone catches a Failure, prints
// `error: MESSAGE` and exits with the code. Messages are lower case, without a full stop, and say what to do.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace kinu::rt {

/// Exit codes of the executable. 1 to 92 and 128 up are taken by launchers.
enum class Exit : int {
  Done = 0,
  Usage = 2,      ///< bad command line
  Stopped = 100,  ///< clean stop after a signal: run the same command again to go on
  Mismatch = 101, ///< the checkpoint belongs to another spec or seed; ranks do not agree; other ranks than the mesh has
  BadData = 102,  ///< corpus or tokenizer missing or malformed
  NoCheckpoint = 103, ///< checkpoints are there, none is valid; or none where one is needed
  Diverged = 104,     ///< the loss is not a finite number
  Io = 106,           ///< a file cannot be written or read, or memory cannot be had
  Hang = 107,         ///< a rank is stopped or dead, or a step does not go on
  Internal = 108,     ///< compiler and runtime disagree
};

struct Failure : std::runtime_error {
  Failure(Exit code, const std::string &message) : std::runtime_error(message), code(code) {}
  Exit code;
};

/// All parts written one after another.
template <class... Parts> std::string text(const Parts &...parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}

/// Throws a Failure whose message is all `parts` one after another.
template <class... Parts> [[noreturn]] void fail(Exit code, const Parts &...parts) {
  throw Failure(code, text(parts...));
}

} // namespace kinu::rt
