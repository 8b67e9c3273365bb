// The safetensors reader believes nothing that a header says.
#include "runtime/Safetensors.h"
#include "test/runtime/Scratch.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace kinu::rt;

/// A file with this header and `dataBytes` of data.
static std::string fileOf(const std::string &header, size_t dataBytes) {
  uint64_t length = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + header + std::string(dataBytes, 'x');
}

/// The message with which `file` is refused; empty if it is accepted.
static std::string refusal(const std::string &file) {
  try {
    readSafetensors(file, "f", Exit::BadData);
    return "";
  } catch (const Failure &failure) {
    EXPECT_EQ(failure.code, Exit::BadData);
    return failure.what();
  }
}

static std::string tensor(const std::string &shape, const std::string &offsets, const std::string &dtype = "F32") {
  return "{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

static void expectRefused(const std::string &file, const std::string &why) {
  EXPECT_NE(refusal(file).find(why), std::string::npos) << "refusal: " << refusal(file);
}

TEST(Safetensors, ReadsWhatItWrites) {
  Scratch scratch;
  float weights[6] = {1, 2, 3, 4, 5, 6};
  int64_t id = 7;
  writeSafetensors(scratch / "a", {{"w", DType::F32, {2, 3}, weights}, {"n", DType::I64, {}, &id}}, {{"k", "v"}});
  MappedFile file(scratch / "a");
  TensorTable table = readSafetensors(file.bytes(), "a", Exit::Io);
  ASSERT_EQ(table.size(), 2u);
  EXPECT_EQ(table.at("w").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(table.at("w").bytes.data(), weights, sizeof weights), 0);
  EXPECT_EQ(table.at("n").bytes.size(), 8u);
}

TEST(Safetensors, AcceptsAValidHeader) {
  EXPECT_EQ(refusal(fileOf("{\"a\":" + tensor("[2]", "[0,8]") + ",\"__metadata__\":{\"x\":\"y\"}}", 8)), "");
  EXPECT_EQ(refusal(fileOf("{}", 0)), "");
}

TEST(Safetensors, RefusesHeaderLengthsOutsideTheFile) {
  expectRefused("", "too short");
  expectRefused("1234567", "too short");
  expectRefused(std::string(8, '\xFF'), "its header would have");
  std::string huge = fileOf("{}", 0);
  huge[3] = 0x7F; // over 100 MB
  expectRefused(huge, "its header would have");
}

TEST(Safetensors, RefusesGapsOverlapsAndLooseEnds) {
  expectRefused(fileOf("{\"a\":" + tensor("[1]", "[4,8]") + "}", 8), "gap");
  expectRefused(fileOf("{\"a\":" + tensor("[2]", "[0,8]") + ",\"b\":" + tensor("[1]", "[4,8]") + "}", 8), "overlap");
  expectRefused(fileOf("{\"a\":" + tensor("[1]", "[0,4]") + "}", 8), "do not end at the end");
  expectRefused(fileOf("{\"a\":" + tensor("[3]", "[0,12]") + "}", 8), "outside the file");
  expectRefused(fileOf("{\"a\":" + tensor("[1]", "[4,0]") + "}", 4), "outside the file");
}

TEST(Safetensors, RefusesSizesThatDifferOrOverflow) {
  expectRefused(fileOf("{\"a\":" + tensor("[3]", "[0,8]") + "}", 8), "do not fit its shape");
  expectRefused(fileOf("{\"a\":" + tensor("[4294967296,4294967296,4]", "[0,0]") + "}", 0), "do not fit its shape");
  expectRefused(fileOf("{\"a\":" + tensor("[18446744073709551616]", "[0,0]") + "}", 0), "not whole");
  expectRefused(fileOf("{\"a\":" + tensor("[-1]", "[0,4]") + "}", 4), "negative");
  expectRefused(fileOf("{\"a\":" + tensor("[1]", "[0,4]", "F31") + "}", 4), "unknown type");
}

TEST(Safetensors, RefusesKeysTwiceOrUnknownOrMissing) {
  std::string one = "\"a\":" + tensor("[1]", "[0,4]");
  expectRefused(fileOf("{" + one + "," + one + "}", 4), "twice");
  expectRefused(fileOf("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 4), "twice");
  expectRefused(fileOf("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4), "without");
  expectRefused(fileOf("{\"a\":{\"type\":\"F32\"}}", 4), "unknown key");
}

TEST(Safetensors, RefusesOtherForms) {
  for (const char *header : {"[]", "1", "", "{\"a\":1}", "{\"a\":[1]}", "{\"a\":{\"shape\":[[1]]}}", "{\"a\":\"b\"}",
                             "{\"a\":{\"shape\":1}}", "{\"__metadata__\":{\"a\":{}}}", "{\"__metadata__\":{\"a\":1}}",
                             "{\"a\":{\"b\":{}}}", "{\"a\":null}", "{} x", "{\"a\":{\"dtype\":[1]}}"})
    EXPECT_NE(refusal(fileOf(header, 0)), "") << header;
  EXPECT_NE(refusal(fileOf(std::string(100000, '['), 0)), "");
  EXPECT_NE(refusal(fileOf("{\"a\":" + std::string(100000, '{'), 0)), "");
}

TEST(Safetensors, SurvivesDamageAtEveryByte) {
  std::string good = fileOf("{\"a\":" + tensor("[2]", "[0,8]") + "}", 8);
  for (size_t i = 0; i < good.size() - 8; ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[i] = char(bad[i] ^ (1 << bit));
      refusal(bad); // must return, with or without a message
    }
}
