// How fast this machine reads, writes and changes memory at the moment, by one thread.
#pragma once

#include <cstddef>
#include <vector>

namespace kinu::test {

/// Seconds on a steady clock.
double seconds();
double median(std::vector<double> times);
/// Memory as the arena of a run is: in huge pages, if the system gives them. To be freed by `std::free`.
void *allocateLarge(size_t bytes);

/// Loops over 64 MB, which no core has in a cache of its own.
class MemoryLoops {
public:
  MemoryLoops();
  ~MemoryLoops();
  MemoryLoops(const MemoryLoops &) = delete;

  /// Times every loop once, in memory as the loop itself left it.
  void measure();

  // Medians, in seconds for a byte.
  double perRead() const;
  /// A byte read and one written: the faster of two copies, with and without non-temporal stores.
  double perCopy() const;
  /// A byte written where nothing is read, likewise.
  double perWrite() const;
  /// A byte read and written where it is.
  double perUpdate() const;

private:
  template <typename Body> static double timed(Body body);
  void read();
  void copy();
  void stream();
  void fill();
  void streamFill();
  void update();

  float *from, *to;
  volatile float sink = 0;
  std::vector<double> reads, copies, fills, updates;
};

} // namespace kinu::test
