// Checking, counting and streaming UTF-8.
#include "runtime/Utf8.h"

#include <gtest/gtest.h>

using namespace kinu::rt;

TEST(Utf8, AcceptsCharactersOfEveryLength) {
  EXPECT_FALSE(findInvalidUtf8("a\xC3\xA9\xE7\x8C\xAB\xF0\x9F\x90\x88\r\n"));
}

TEST(Utf8, NamesTheFirstBadByte) {
  EXPECT_EQ(findInvalidUtf8("ab\xFF"), 2u);
  EXPECT_EQ(findInvalidUtf8("ab\x80"), 2u);
  EXPECT_EQ(findInvalidUtf8("\xE7\x8C"), 0u) << "cut off";
  EXPECT_EQ(findInvalidUtf8("a\xC0\x80"), 1u) << "overlong";
  EXPECT_EQ(findInvalidUtf8("\xED\xA0\x80"), 0u) << "a surrogate";
  EXPECT_EQ(findInvalidUtf8("\xF4\x90\x80\x80"), 0u) << "above U+10FFFF";
}

TEST(Utf8, CountsAndFindsCharacters) {
  std::string text = "a\xE7\x8C\xAB"
                     "b";
  EXPECT_EQ(countCharacters(text), 3);
  EXPECT_EQ(characterOffset(text, 0), 0u);
  EXPECT_EQ(characterOffset(text, 2), 4u);
  EXPECT_EQ(characterOffset(text, 3), text.size());
}

TEST(Utf8, StreamHoldsBackIncompleteCharacters) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("a\xE7"), "a");
  EXPECT_EQ(stream.push("\x8C"), "");
  EXPECT_EQ(stream.push("\xAB"
                        "b"),
            "\xE7\x8C\xAB"
            "b");
  EXPECT_EQ(stream.finish(), "");
}

TEST(Utf8, StreamReplacesWhatCannotBecomeACharacter) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("\xE7"
                        "a"),
            "\xEF\xBF\xBD"
            "a");
  EXPECT_EQ(stream.push("\x80"), "\xEF\xBF\xBD");
  EXPECT_EQ(stream.push("\xF0\x9F"), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
}

TEST(Utf8, StreamOutputIsAlwaysValid) {
  uint32_t state = 1;
  Utf8Stream stream;
  std::string out;
  for (int i = 0; i < 100000; ++i) {
    state = state * 1664525 + 1013904223;
    out += stream.push(std::string(1, char(state >> 24)));
  }
  out += stream.finish();
  EXPECT_FALSE(findInvalidUtf8(out));
}
