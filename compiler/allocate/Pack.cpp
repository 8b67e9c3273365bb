// Greedy by size: the largest buffer first, each at the lowest offset free for its whole life.
#include "compiler/allocate/Pack.h"

#include "llvm/Support/MathExtras.h"

using namespace kinu;
using namespace kinu::allocate;

int64_t allocate::pack(std::vector<Buffer> &buffers) {
  std::vector<Buffer *> order;
  for (Buffer &buffer : buffers)
    if (!buffer.fixed)
      order.push_back(&buffer);
  llvm::sort(order, [](Buffer *x, Buffer *y) { return std::pair(-x->bytes, x) < std::pair(-y->bytes, y); });
  std::vector<Buffer *> placed; // by offset
  int64_t total = 0;
  for (Buffer *buffer : order) {
    int64_t offset = 0;
    for (Buffer *other : placed) {
      if (other->last < buffer->first || buffer->last < other->first)
        continue;
      if (offset + buffer->bytes <= other->offset)
        break;
      offset = std::max(offset, static_cast<int64_t>(llvm::alignTo(other->offset + other->bytes, kAlignment)));
    }
    buffer->offset = offset;
    total = std::max(total, offset + buffer->bytes);
    auto place = std::upper_bound(placed.begin(), placed.end(), buffer,
                                  [](Buffer *x, Buffer *y) { return x->offset < y->offset; });
    placed.insert(place, buffer);
  }
  return llvm::alignTo(total, kAlignment);
}
