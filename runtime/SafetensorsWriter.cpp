// See Safetensors.h: the writer.
#include "runtime/Safetensors.h"

#include <nlohmann/json.hpp>

namespace kinu::rt {

static const char *formatName(DType dtype) {
  return dtype == DType::F32 ? "F32" : dtype == DType::I64 ? "I64" : "BOOL";
}

static int64_t byteCount(const TensorView &tensor) {
  int64_t bytes = dtypeBytes(tensor.dtype);
  for (int64_t length : tensor.shape)
    bytes *= length;
  return bytes;
}

std::string writeSafetensors(const std::string &path, const std::vector<TensorView> &tensors,
                             const std::map<std::string, std::string> &metadata) {
  nlohmann::ordered_json header;
  if (!metadata.empty())
    header["__metadata__"] = metadata;
  int64_t offset = 0;
  for (const TensorView &tensor : tensors) {
    int64_t end = offset + byteCount(tensor);
    header[tensor.name] = {
        {"dtype", formatName(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.is_null() ? "{}" : header.dump();
  text.resize((text.size() + 8 + 63) / 64 * 64 - 8, ' ');
  uint64_t length = text.size();

  FileWriter file(path);
  file.write({reinterpret_cast<const char *>(&length), sizeof length});
  file.write(text);
  for (const TensorView &tensor : tensors)
    file.write({static_cast<const char *>(tensor.data), size_t(byteCount(tensor))});
  return file.finish();
}

} // namespace kinu::rt
