// See File.h.
#include "runtime/File.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <glob.h>
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
  int descriptor = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC); // a fifo would wait for a writer
  if (descriptor < 0)
    failOn(path, "read", errno, code);
  struct stat status;
  int error = fstat(descriptor, &status) ? errno : S_ISDIR(status.st_mode) ? EISDIR : 0;
  if (!error && !S_ISREG(status.st_mode)) {
    close(descriptor);
    fail(code, "cannot read `", path, "`: it is not a regular file");
  }
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

/// Where writing to `path` ends up.
static std::string followLinks(const std::string &path) {
  namespace fs = std::filesystem;
  constexpr int mostLinks = 40; // as the system has it
  fs::path target = path;
  std::error_code error;
  for (int links = 0; links < mostLinks && fs::is_symlink(fs::symlink_status(target, error)); ++links)
    target = target.parent_path() / fs::read_symlink(target, error); // an absolute one replaces the folder
  return target.string();
}

void replaceFile(const std::string &path, const std::function<void(const std::string &)> &write) {
  std::string target = followLinks(path), aside = target + "." + uniqueSuffix() + ".partial";
  try {
    write(aside);
    if (rename(aside.c_str(), target.c_str()))
      failOn(path, "write", errno);
  } catch (const Failure &) {
    unlink(aside.c_str());
    throw;
  }
  syncFolder(std::filesystem::absolute(target).parent_path());
}

void replaceFile(const std::string &path, std::string_view bytes) {
  replaceFile(path, [&](const std::string &aside) { writeNewFile(aside, bytes); });
}

std::vector<std::string> matchingFiles(const std::vector<std::string> &patterns) {
  std::vector<std::string> paths;
  for (const std::string &pattern : patterns) {
    glob_t found = {};
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
      paths.insert(paths.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
    globfree(&found);
  }
  return paths;
}

void checkNotInput(const std::string &output, const std::vector<std::string> &inputs) {
  std::error_code ignored; // a file that is not there is no other file
  for (const std::string &input : inputs)
    if (std::filesystem::equivalent(output, input, ignored))
      fail(Exit::Usage, "the output `", output, "` would replace `", input, "`, which is read; name another place");
}

void checkOutput(const std::string &output, const std::vector<std::string> &inputs) {
  checkNotInput(output, inputs);
  struct stat status;
  if (stat(output.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    fail(Exit::Io, "cannot write `", output, "`: it is ", S_ISDIR(status.st_mode) ? "a folder" : "not a regular file");
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
