// main() of the runtime's unit tests: the runtime's library has a main of its own, which must not be linked in.
#include <gtest/gtest.h>

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
