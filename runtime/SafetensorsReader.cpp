// See Safetensors.h: the reader. nlohmann's document interface keeps the last of two equal keys and turns 2^64 into a
// double, so the header is read with its SAX interface, and every event is checked against the one form allowed.
#include "runtime/Safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

namespace kinu::rt {

namespace {
constexpr uint64_t maxHeaderBytes = 100'000'000;

struct Header {
  struct Entry {
    std::string dtype;
    std::vector<uint64_t> shape, offsets;
    std::set<std::string> keys;
  };
  std::vector<std::pair<std::string, Entry>> entries;
};

/// Accepts {"name": {"dtype": s, "shape": [n...], "data_offsets": [n, n]}, "__metadata__": {s: s}} and nothing else.
class HeaderEvents : public nlohmann::json_sax<nlohmann::json> {
public:
  Header header;
  std::string problem;

  bool null() override { return refuse("a null"); }
  bool boolean(bool) override { return refuse("a boolean"); }
  bool number_integer(number_integer_t) override { return refuse("a negative number"); }
  bool number_float(number_float_t, const string_t &) override { return refuse("a number that is not whole"); }
  bool binary(binary_t &) override { return refuse("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (!inArray)
      return refuse("a number in the wrong place");
    auto &list = keyName == "shape" ? entry().shape : entry().offsets;
    if (list.size() == 64)
      return refuse("a list that is too long");
    list.push_back(value);
    return true;
  }

  bool string(string_t &value) override {
    if (inMetadata && depth == 2)
      return true;
    if (depth != 2 || inArray || keyName != "dtype")
      return refuse("a string in the wrong place");
    entry().dtype = value;
    return true;
  }

  bool start_object(std::size_t) override {
    if (inArray || depth == 2)
      return refuse("an object in the wrong place");
    if (++depth == 2 && !inMetadata)
      header.entries.push_back({name, {}});
    return true;
  }

  bool key(string_t &value) override {
    if (depth == 1) {
      inMetadata = value == "__metadata__";
      name = value;
      return names.insert(value).second || refuse("the key `" + value + "` twice");
    }
    keyName = value;
    if (inMetadata)
      return true;
    if (value != "dtype" && value != "shape" && value != "data_offsets")
      return refuse("the unknown key `" + value + "`");
    return entry().keys.insert(value).second || refuse("the key `" + value + "` twice");
  }

  bool end_object() override {
    if (depth-- == 2 && !inMetadata && entry().keys.size() != 3)
      return refuse("the tensor `" + name + "` without dtype, shape or data_offsets");
    return true;
  }

  bool start_array(std::size_t) override {
    if (depth != 2 || inArray || inMetadata || (keyName != "shape" && keyName != "data_offsets"))
      return refuse("a list in the wrong place");
    return inArray = true;
  }
  bool end_array() override {
    inArray = false;
    return true;
  }

  bool parse_error(std::size_t position, const std::string &, const nlohmann::detail::exception &) override {
    return refuse("malformed JSON at byte " + std::to_string(position));
  }

private:
  bool refuse(const std::string &what) {
    if (problem.empty())
      problem = "its header has " + what;
    return false;
  }
  Header::Entry &entry() { return header.entries.back().second; }

  int depth = 0;
  bool inArray = false, inMetadata = false;
  std::string name, keyName;
  std::set<std::string> names;
};
} // namespace

static uint64_t elementBits(const std::string &dtype) {
  static const std::map<std::string, uint64_t> bits = {{"F64", 64}, {"F32", 32}, {"F16", 16}, {"BF16", 16}, {"I64", 64},
                                                       {"I32", 32}, {"I16", 16}, {"I8", 8},   {"U64", 64},  {"U32", 32},
                                                       {"U16", 16}, {"U8", 8},   {"BOOL", 8}};
  auto found = bits.find(dtype);
  return found == bits.end() ? 0 : found->second;
}

/// Bytes of a tensor; the maximum if the product overflows.
static uint64_t tensorBytes(const Header::Entry &entry) {
  uint64_t bytes = elementBits(entry.dtype) / 8;
  for (uint64_t length : entry.shape)
    if (__builtin_mul_overflow(bytes, length, &bytes))
      return std::numeric_limits<uint64_t>::max();
  return bytes;
}

/// Why the entries do not tile `dataBytes` exactly; empty if they do.
static std::string findLayoutProblem(const Header &header, uint64_t dataBytes) {
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const auto &[name, entry] : header.entries) {
    if (elementBits(entry.dtype) == 0)
      return "tensor `" + name + "` has the unknown type `" + entry.dtype + "`";
    if (entry.offsets.size() != 2 || entry.offsets[0] > entry.offsets[1] || entry.offsets[1] > dataBytes)
      return "the offsets of tensor `" + name + "` are outside the file";
    if (tensorBytes(entry) != entry.offsets[1] - entry.offsets[0])
      return "the bytes of tensor `" + name + "` do not fit its shape";
    ranges.push_back({entry.offsets[0], entry.offsets[1]});
  }
  std::sort(ranges.begin(), ranges.end());
  uint64_t end = 0;
  for (auto [from, to] : ranges) {
    if (from != end)
      return "its tensors overlap or leave a gap at byte " + std::to_string(end);
    end = to;
  }
  return end == dataBytes ? "" : "its tensors do not end at the end of the file";
}

TensorTable readSafetensors(std::string_view file, const std::string &path, Exit code) {
  uint64_t headerBytes = 0;
  if (file.size() < 8)
    fail(code, "`", path, "` is not a safetensors file: it is too short");
  std::memcpy(&headerBytes, file.data(), 8);
  if (headerBytes > maxHeaderBytes || headerBytes > file.size() - 8)
    fail(code, "`", path, "` is not a safetensors file: its header would have ", headerBytes, " bytes");
  std::string_view text = file.substr(8, headerBytes), data = file.substr(8 + headerBytes);

  HeaderEvents events;
  bool parsed = text.starts_with('{') && nlohmann::json::sax_parse(text.begin(), text.end(), &events);
  if (!parsed)
    fail(code, "`", path, "` is damaged: ", events.problem.empty() ? "its header is no JSON object" : events.problem);
  if (std::string problem = findLayoutProblem(events.header, data.size()); !problem.empty())
    fail(code, "`", path, "` is damaged: ", problem);

  TensorTable tensors;
  for (const auto &[name, entry] : events.header.entries)
    tensors[name] = {entry.dtype, std::vector<int64_t>(entry.shape.begin(), entry.shape.end()),
                     data.substr(entry.offsets[0], entry.offsets[1] - entry.offsets[0])};
  return tensors;
}

} // namespace kinu::rt
