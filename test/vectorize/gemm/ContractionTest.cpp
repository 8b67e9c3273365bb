// Contractions of many shapes and layouts against plain loops in double precision.
#include "test/vectorize/JitKernel.h"

#include "gtest/gtest.h"

#include <cmath>
#include <random>
#include <sstream>

using namespace kinu;
using namespace kinu::test;

namespace {

/// A tensor by the letters of its axes, the last one contiguous.
using Axes = std::string;
using Lengths = std::map<char, int64_t>;

std::string typeText(const Axes &axes, const Lengths &lengths) {
  std::string text = "!kinu.tensor<";
  for (size_t i = 0; i < axes.size(); ++i)
    text += (i ? ", " : "") + std::string("ax_") + axes[i] + "=" + std::to_string(lengths.at(axes[i]));
  return text + (axes.empty() ? "f32>" : " : f32>");
}

std::string dotText(const Axes &lhs, const Axes &rhs, const Axes &result, const Lengths &lengths) {
  std::string over;
  for (char axis : lhs)
    if (rhs.find(axis) != Axes::npos && result.find(axis) == Axes::npos)
      over += (over.empty() ? "\"ax_" : ", \"ax_") + std::string(1, axis) + "\"";
  std::string a = typeText(lhs, lengths), b = typeText(rhs, lengths), c = typeText(result, lengths);
  return "step.kernel @dot contraction rows [] inplace [] {\n^bb0(%a: " + a + ", %b: " + b +
         "):\n  %c = kinu.dot %a, %b over [" + over + "] : (" + a + ", " + b + ") -> " + c + "\n  kinu.yield %c : " + c +
         "\n}\n";
}

int64_t elements(const Axes &axes, const Lengths &lengths) {
  int64_t count = 1;
  for (char axis : axes)
    count *= lengths.at(axis);
  return count;
}

int64_t place(const Axes &axes, const Lengths &lengths, const std::map<char, int64_t> &point) {
  int64_t offset = 0;
  for (char axis : axes)
    offset = offset * lengths.at(axis) + point.at(axis);
  return offset;
}

/// The dot by loops over every axis; returns the sums and the sums of magnitudes, to which errors are compared.
void reference(const Axes &lhs, const Axes &rhs, const Axes &result, const Lengths &lengths, const float *a,
               const float *b, std::vector<double> &sums, std::vector<double> &magnitudes) {
  Axes all = result;
  for (char axis : lhs)
    if (all.find(axis) == Axes::npos)
      all += axis;
  sums.assign(elements(result, lengths), 0);
  magnitudes = sums;
  std::map<char, int64_t> point;
  for (int64_t i = 0, n = elements(all, lengths); i < n; ++i) {
    int64_t rest = i;
    for (auto axis = all.rbegin(); axis != all.rend(); ++axis) {
      point[*axis] = rest % lengths.at(*axis);
      rest /= lengths.at(*axis);
    }
    double term = double(a[place(lhs, lengths, point)]) * b[place(rhs, lengths, point)];
    sums[place(result, lengths, point)] += term;
    magnitudes[place(result, lengths, point)] += std::abs(term);
  }
}

void fill(float *data, int64_t count, std::mt19937 &random) {
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < count; ++i)
    data[i] = normal(random);
}

void compare(const Axes &lhs, const Axes &rhs, const Axes &result, const Lengths &lengths,
             const machines::Machine &machine) {
  std::ostringstream trace;
  trace << lhs << "," << rhs << "->" << result;
  for (auto [axis, length] : lengths)
    trace << " " << axis << "=" << length;
  SCOPED_TRACE(trace.str());
  std::mt19937 random(7);
  int64_t count = elements(result, lengths);
  GuardedBuffer a(4 * elements(lhs, lengths)), b(4 * elements(rhs, lengths)), c(4 * count), again(4 * count);
  fill(a.as<float>(), elements(lhs, lengths), random);
  fill(b.as<float>(), elements(rhs, lengths), random);
  std::fill_n(c.as<float>(), count, NAN);
  std::fill_n(again.as<float>(), count, NAN);

  JitKernel kernel(dotText(lhs, rhs, result, lengths), machine);
  kernel.runAll({a.data(), b.data(), c.data()});
  kernel.runAll({a.data(), b.data(), again.data()}, 3);
  EXPECT_TRUE(a.intact() && b.intact() && c.intact());
  EXPECT_EQ(std::memcmp(c.data(), again.data(), 4 * count), 0) << "depends on how tasks are split";

  std::vector<double> sums, magnitudes;
  reference(lhs, rhs, result, lengths, a.as<float>(), b.as<float>(), sums, magnitudes);
  double worst = 0;
  for (int64_t i = 0; i < count; ++i) {
    double error = std::abs(c.as<float>()[i] - sums[i]) / (magnitudes[i] + 1e-30);
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
  }
  EXPECT_LE(worst, 2e-6) << "largest error relative to the sum of magnitudes";
}

const machines::Machine &local() {
  static const machines::Machine machine = *machines::find("local");
  return machine;
}

TEST(Contraction, everySizeAroundVectorsAndTiles) {
  int64_t sizes[] = {1, 2, 3, 5, 6, 7, 15, 16, 17, 63, 64, 65, 97};
  std::mt19937 random(1);
  auto pick = [&] { return sizes[random() % std::size(sizes)]; };
  const char *layouts[][2] = {{"mk", "kn"}, {"mk", "nk"}, {"km", "kn"}, {"km", "nk"}};
  for (int round = 0; round < 32; ++round)
    for (auto &layout : layouts)
      if (random() % 3 == 0)
        compare(layout[0], layout[1], random() % 2 ? "mn" : "nm", {{'m', pick()}, {'n', pick()}, {'k', pick()}}, local());
}

TEST(Contraction, severalBlocksOfEveryKind) {
  compare("mk", "kn", "mn", {{'m', 211}, {'n', 509}, {'k', 701}}, local());
  compare("mk", "nk", "mn", {{'m', 127}, {'n', 1031}, {'k', 777}}, local());
  compare("km", "kn", "mn", {{'m', 1009}, {'n', 130}, {'k', 523}}, local());
  compare("km", "nk", "nm", {{'m', 203}, {'n', 129}, {'k', 521}}, local());
}

TEST(Contraction, axesThatNestAndAxesThatDoNot) {
  Lengths lengths{{'b', 3}, {'s', 19}, {'e', 33}, {'h', 4}, {'d', 16}};
  compare("bse", "ehd", "bshd", lengths, local()); // projection to heads
  compare("bse", "ehd", "bhsd", lengths, local()); // heads before positions
  compare("bse", "ehd", "bhds", lengths, local()); // positions last
  compare("bhsd", "hde", "bse", lengths, local()); // back from heads
  compare("bse", "bhsd", "ehd", lengths, local()); // gradient of the weight
  compare("bhsd", "ehd", "bse", lengths, local()); // gradient of the input
  compare("bshd", "edh", "bes", lengths, local()); // heads and lanes in different orders
}

TEST(Contraction, batches) {
  Lengths lengths{{'b', 3}, {'h', 5}, {'q', 17}, {'k', 23}, {'d', 16}};
  compare("bhqd", "bhkd", "bhqk", lengths, local());
  compare("bqhd", "bkhd", "bhqk", lengths, local());
  compare("bhqk", "bkhd", "bqhd", lengths, local());
  compare("bqhd", "bkhd", "qkhb", lengths, local()); // the result's last axis is a batch axis
  compare("bhd", "bhd", "bh", lengths, local());     // nothing but batch
  compare("hd", "bd", "bh", {{'h', 1}, {'b', 1}, {'d', 3}}, local());
}

TEST(Contraction, onNarrowerVectors) {
  machines::Machine machine = *machines::find("x86-64-v3");
  compare("mk", "kn", "mn", {{'m', 61}, {'n', 67}, {'k', 301}}, machine);
  compare("mk", "nk", "mn", {{'m', 13}, {'n', 97}, {'k', 45}}, machine);
  compare("km", "kn", "mn", {{'m', 50}, {'n', 8}, {'k', 33}}, machine);
}

} // namespace
