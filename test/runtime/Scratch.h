// A folder of its own for each test that needs files.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdlib.h>
#include <string>

class Scratch {
public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kinu-test-XXXXXX").string();
    folder = mkdtemp(pattern.data());
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  std::string operator/(const std::string &name) const { return (folder / name).string(); }
  std::string path() const { return folder.string(); }
  void write(const std::string &name, const std::string &bytes) const {
    std::ofstream(folder / name, std::ios::binary) << bytes;
  }
  std::string read(const std::string &name) const {
    std::ostringstream out;
    out << std::ifstream(folder / name, std::ios::binary).rdbuf();
    return out.str();
  }

private:
  std::filesystem::path folder;
};
