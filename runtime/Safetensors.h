// The safetensors format: a 64-bit little-endian header length, a JSON header, and the bytes of all tensors without
// gaps. Written by checkpoints and read back with every claim of the header checked.
#pragma once

#include "runtime/File.h"
#include "runtime/Manifest.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace kinu::rt {

/// A tensor to be written; `data` has the bytes its shape says.
struct TensorView {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  const void *data;
};

/// Writes `tensors`, in this order, to a new file and syncs it; returns the file's xxh3-128. The data starts at a
/// multiple of 64 bytes. Throws Failure (Exit::Io).
std::string writeSafetensors(const std::string &path, const std::vector<TensorView> &tensors,
                             const std::map<std::string, std::string> &metadata);

/// Makes a new file with the header of these tensors and room for their bytes. Throws Failure (Exit::Io).
void reserveSafetensors(const std::string &path, const std::vector<TensorView> &tensors,
                        const std::map<std::string, std::string> &metadata);

/// Parts of the tensors of a reserved file, written by one of several processes.
class SafetensorsParts {
public:
  SafetensorsParts(const std::string &path, const std::vector<TensorView> &tensors,
                   const std::map<std::string, std::string> &metadata);
  ~SafetensorsParts();
  SafetensorsParts(const SafetensorsParts &) = delete;
  SafetensorsParts &operator=(const SafetensorsParts &) = delete;

  /// Bytes of tensor number `tensor` from byte `offset` of it on. Throws Failure (Exit::Io).
  void write(size_t tensor, int64_t offset, std::string_view bytes);
  /// Syncs to the disk.
  void finish();

private:
  std::string path;
  int descriptor;
  std::vector<int64_t> begins; ///< of the tensors in the file
};

/// A tensor found in a file: `bytes` point into the mapping.
struct TensorEntry {
  std::string dtype; ///< as in the file: "F32", "I64", "BOOL", ...
  std::vector<int64_t> shape;
  std::string_view bytes;
};

using TensorTable = std::map<std::string, TensorEntry, std::less<>>;

/// The tensors in the bytes of a file. Throws Failure with `code` if anything is wrong: a header over 100 MB or past
/// the file, keys twice or unknown, types unknown, offsets that overlap, leave gaps or do not end at the end of the
/// file, shapes whose size overflows or differs from the bytes.
TensorTable readSafetensors(std::string_view file, const std::string &path, Exit code);

} // namespace kinu::rt
