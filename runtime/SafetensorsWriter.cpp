// See Safetensors.h: the writer.
#include "runtime/Safetensors.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

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

/// The length and the JSON header, padded so that the data starts at a multiple of 64 bytes.
static std::string headerOf(const std::vector<TensorView> &tensors,
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
  return std::string(reinterpret_cast<const char *>(&length), sizeof length) + text;
}

std::string writeSafetensors(const std::string &path, const std::vector<TensorView> &tensors,
                             const std::map<std::string, std::string> &metadata) {
  FileWriter file(path);
  file.write(headerOf(tensors, metadata));
  for (const TensorView &tensor : tensors)
    file.write({static_cast<const char *>(tensor.data), size_t(byteCount(tensor))});
  return file.finish();
}

[[noreturn]] static void cannotWrite(const std::string &path) {
  fail(Exit::Io, "cannot write `", path, "`: ", std::strerror(errno));
}

void reserveSafetensors(const std::string &path, const std::vector<TensorView> &tensors,
                        const std::map<std::string, std::string> &metadata) {
  std::string header = headerOf(tensors, metadata);
  writeNewFile(path, header);
  int64_t bytes = int64_t(header.size());
  for (const TensorView &tensor : tensors)
    bytes += byteCount(tensor);
  if (truncate(path.c_str(), off_t(bytes)))
    cannotWrite(path);
}

SafetensorsParts::SafetensorsParts(const std::string &path, const std::vector<TensorView> &tensors,
                                   const std::map<std::string, std::string> &metadata)
    : path(path), descriptor(open(path.c_str(), O_WRONLY | O_CLOEXEC)) {
  if (descriptor < 0)
    cannotWrite(path);
  int64_t begin = int64_t(headerOf(tensors, metadata).size());
  for (const TensorView &tensor : tensors) {
    begins.push_back(begin);
    begin += byteCount(tensor);
  }
}

SafetensorsParts::~SafetensorsParts() { close(descriptor); }

void SafetensorsParts::write(size_t tensor, int64_t offset, std::string_view bytes) {
  int64_t place = begins[tensor] + offset;
  while (!bytes.empty()) {
    ssize_t written = pwrite(descriptor, bytes.data(), bytes.size(), off_t(place));
    if (written < 0 && errno != EINTR)
      cannotWrite(path);
    bytes.remove_prefix(size_t(std::max<ssize_t>(written, 0)));
    place += std::max<ssize_t>(written, 0);
  }
}

void SafetensorsParts::finish() {
  if (fsync(descriptor))
    cannotWrite(path);
}

} // namespace kinu::rt
