// Manifests that do not fit are refused before anything runs.
#include "runtime/Manifest.h"
#include "runtime/Failure.h"

#include <gtest/gtest.h>
#include <string>

using namespace kinu::rt;

static std::string manifestWith(const std::string &variables, const std::string &train = "") {
  return R"({"model":"m","spec_hash":"0","arena_bytes":64,"programs":{},"loss_count":null,"variables":[)" + variables +
         R"(],"train":{"batch":4,"micro_batches":2,"seq":8,"steps":1,"optimizer":{"kind":"sgd",)"
         R"("lr":{"kind":"constant","peak":1}},"data":{"bindings":[]})" +
         train + "}}";
}

static bool refused(const std::string &json) {
  try {
    parseManifest(json.c_str());
    return false;
  } catch (const Failure &failure) {
    EXPECT_EQ(failure.code, Exit::Internal);
    return true;
  }
}

static const std::string variable = R"({"name":"w","role":"weight","axes":[["a",2],["b",3]],"dtype":"f32","offset":)";

TEST(Manifest, ReadsBuffers) {
  Manifest manifest = parseManifest(manifestWith(variable + "8}").c_str());
  const Variable &w = manifest.variables.at(0);
  EXPECT_EQ(w.elements(), 6);
  EXPECT_EQ(w.stride("a"), 3);
  EXPECT_EQ(w.stride("b"), 1);
  EXPECT_EQ(w.stride("c"), 0);
  EXPECT_EQ(w.bytes, 24);
  EXPECT_FALSE(manifest.lossCount.has_value());
  EXPECT_EQ(manifest.train.seed, 1u);
}

TEST(Manifest, RefusesBuffersOutsideTheArena) {
  EXPECT_TRUE(refused(manifestWith(variable + "44}")));
  EXPECT_TRUE(refused(manifestWith(variable + "-4}")));
  EXPECT_TRUE(refused(manifestWith(variable + "2}"))) << "not aligned";
  EXPECT_TRUE(refused(manifestWith(variable + "0,\"bytes\":20}"))) << "fewer bytes than elements";
  EXPECT_FALSE(refused(manifestWith(variable + "40}")));
}

TEST(Manifest, RefusesWhatItDoesNotKnow) {
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused("{}"));
  EXPECT_TRUE(refused("{\"model\":1}"));
  EXPECT_TRUE(refused(manifestWith(R"({"name":"w","role":"wait","axes":[],"dtype":"f32","offset":0})")));
  EXPECT_TRUE(refused(manifestWith(R"({"name":"w","role":"weight","axes":[],"dtype":"f16","offset":0})")));
}
