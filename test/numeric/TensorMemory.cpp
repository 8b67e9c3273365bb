#include "TensorMemory.h"

#include "llvm/ADT/APFloat.h"

#include <cstring>

using namespace mlir;
using namespace kinu;
using interpret::Tensor;

size_t test::bytesOf(NamedTensorType type) {
  return type.getNumElements() * (type.isBool() ? 1 : type.getElement().getIntOrFloatBitWidth() / 8);
}

static uint16_t toBits(FloatType format, double x) {
  llvm::APFloat number(x);
  bool inexact;
  number.convert(format.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &inexact);
  return static_cast<uint16_t>(number.bitcastToAPInt().getZExtValue());
}

static double fromBits(FloatType format, uint16_t bits) {
  return llvm::APFloat(format.getFloatSemantics(), llvm::APInt(16, bits)).convertToDouble();
}

void test::storeTensor(char *memory, const Tensor &tensor) {
  auto format = dyn_cast<FloatType>(tensor.type.getElement());
  for (int64_t i = 0; i < tensor.size(); ++i) {
    if (format && !format.isF32())
      reinterpret_cast<uint16_t *>(memory)[i] = toBits(format, tensor.floats[i]);
    else if (format)
      reinterpret_cast<float *>(memory)[i] = static_cast<float>(tensor.floats[i]);
    else if (tensor.type.isInt())
      reinterpret_cast<int64_t *>(memory)[i] = tensor.ints[i];
    else
      memory[i] = static_cast<char>(tensor.ints[i]);
  }
}

Tensor test::loadTensor(const char *memory, NamedTensorType type) {
  Tensor tensor(type);
  auto format = dyn_cast<FloatType>(type.getElement());
  for (int64_t i = 0; i < tensor.size(); ++i) {
    if (format && !format.isF32())
      tensor.floats[i] = fromBits(format, reinterpret_cast<const uint16_t *>(memory)[i]);
    else if (format)
      tensor.floats[i] = reinterpret_cast<const float *>(memory)[i];
    else
      tensor.ints[i] = type.isInt() ? reinterpret_cast<const int64_t *>(memory)[i] : memory[i];
  }
  return tensor;
}
