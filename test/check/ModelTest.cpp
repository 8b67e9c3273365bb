// What check makes of correct models: types, nodes, weights.
#include "test/check/CheckedSpec.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <sstream>

using namespace kinu;
using kinu::test::CheckedSpec;

int main(int argc, char **argv) {
  for (int i = 1; i < argc; ++i)
    if (std::string(argv[i]) == "--spec") { // scratch
      std::ifstream in(argv[i + 1]);
      std::stringstream text;
      text << in.rdbuf();
      check::CheckOptions options;
      for (int j = i + 2; j + 1 < argc; j += 2)
        options.defines[argv[j]] = std::stoll(argv[j + 1]);
      CheckedSpec spec(text.str(), options, argv[i + 1]);
      std::cout << spec.messages;
      if (spec.model)
        std::cout << (getenv("DUMP") ? spec.model->dump() : "") << argv[i + 1] << " " << spec.model->parameterCount() << "\n";
      return !spec.model;
    }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
