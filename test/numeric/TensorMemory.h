// Tensors of the interpreter as bytes of an arena and back: floats in the format of their type.
#pragma once

#include "compiler/interpret/Tensor.h"

namespace kinu::test {

size_t bytesOf(NamedTensorType type);
/// Floats are rounded to the format of the tensor's type.
void storeTensor(char *memory, const interpret::Tensor &tensor);
interpret::Tensor loadTensor(const char *memory, NamedTensorType type);

} // namespace kinu::test
