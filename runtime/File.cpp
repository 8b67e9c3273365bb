// See File.h.
#include "runtime/File.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <random>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace kinu::rt {

[[noreturn]] static void failOn(const std::string &path, const char *what, int error, Exit code = Exit::Io) {
  fail(code, "cannot ", what, " `", path, "`: ", std::strerror(error));
}

MappedFile::MappedFile(const std::string &path, Exit code) {
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    failOn(path, "read", errno, code);
  struct stat status;
  int error = fstat(descriptor, &status) ? errno : S_ISREG(status.st_mode) ? 0 : EISDIR;
  if (!error && status.st_size > 0) { // an empty file cannot be mapped: it stays an empty view
    void *mapping = mmap(nullptr, size_t(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (mapping == MAP_FAILED)
      error = errno;
    else {
      start = static_cast<const char *>(mapping);
      size = size_t(status.st_size);
    }
  }
  close(descriptor);
  if (error)
    failOn(path, "read", error, code);
}

MappedFile::~MappedFile() {
  if (start)
    munmap(const_cast<char *>(start), size);
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : start(std::exchange(other.start, nullptr)), size(std::exchange(other.size, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(start, other.start);
  std::swap(size, other.size);
  return *this;
}

FileWriter::FileWriter(const std::string &path) : path(path), state(XXH3_createState()) {
  XXH3_128bits_reset(state);
  descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    int error = errno;
    XXH3_freeState(state);
    failOn(path, "write", error);
  }
}

FileWriter::~FileWriter() {
  XXH3_freeState(state);
  if (descriptor >= 0)
    close(descriptor);
}

void FileWriter::write(std::string_view bytes) {
  XXH3_128bits_update(state, bytes.data(), bytes.size());
  while (!bytes.empty()) {
    ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      failOn(path, "write", errno);
    bytes.remove_prefix(size_t(written));
  }
}

std::string FileWriter::finish() {
  if (fsync(descriptor) || close(std::exchange(descriptor, -1)))
    failOn(path, "write", errno);
  return hexHash(XXH3_128bits_digest(state));
}

std::string writeNewFile(const std::string &path, std::string_view bytes) {
  FileWriter writer(path);
  writer.write(bytes);
  return writer.finish();
}

void replaceFile(const std::string &path, std::string_view bytes) {
  std::string aside = path + "." + uniqueSuffix() + ".partial";
  try {
    writeNewFile(aside, bytes);
    if (rename(aside.c_str(), path.c_str()))
      failOn(path, "write", errno);
  } catch (const Failure &) {
    unlink(aside.c_str());
    throw;
  }
  syncFolder(std::filesystem::absolute(path).parent_path());
}

void syncFolder(const std::string &folder) {
  int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    failOn(folder, "open", errno);
  int error = fsync(descriptor) ? errno : 0;
  close(descriptor);
  if (error && error != EINVAL) // some file systems have no sync of folders
    failOn(folder, "sync", error);
}

void makeFolders(const std::string &folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    fail(Exit::Io, "cannot create folder `", folder, "`: ", error.message());
}

std::string uniqueSuffix() {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, "%08x", std::random_device()());
  return buffer;
}

std::string hexHash(XXH128_hash_t hash) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%016llx%016llx", (unsigned long long)hash.high64,
                (unsigned long long)hash.low64);
  return buffer;
}

std::string hashBytes(std::string_view bytes) { return hexHash(XXH3_128bits(bytes.data(), bytes.size())); }

} // namespace kinu::rt
