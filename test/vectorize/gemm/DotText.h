// Kernels of one kinu.dot as text, axes being letters.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace kinu::test {

/// A tensor by the letters of its axes, the last one contiguous.
using Axes = std::string;
using Lengths = std::map<char, int64_t>;

struct DotFormat {
  std::string operands = "f32", result = "f32"; ///< element types
  int64_t promote = 0;                          ///< terms summed in fp16, 0 for none
};

inline std::string typeText(const Axes &axes, const Lengths &lengths, const std::string &element = "f32") {
  std::string text = "!kinu.tensor<";
  for (size_t i = 0; i < axes.size(); ++i)
    text += (i ? ", " : "") + std::string("ax_") + axes[i] + "=" + std::to_string(lengths.at(axes[i]));
  return text + (axes.empty() ? "" : " : ") + element + ">";
}

/// The kernel that sums over the axes which both operands have and the result has not.
inline std::string dotText(const Axes &lhs, const Axes &rhs, const Axes &result, const Lengths &lengths,
                           const DotFormat &format = {}) {
  std::string over;
  for (char axis : lhs)
    if (rhs.find(axis) != Axes::npos && result.find(axis) == Axes::npos)
      over += (over.empty() ? "\"ax_" : ", \"ax_") + std::string(1, axis) + "\"";
  std::string a = typeText(lhs, lengths, format.operands), b = typeText(rhs, lengths, format.operands);
  std::string c = typeText(result, lengths, format.result);
  std::string promote = format.promote ? " promote " + std::to_string(format.promote) : "";
  return "step.kernel @dot contraction rows [] inplace [] {\n^bb0(%a: " + a + ", %b: " + b +
         "):\n  %c = kinu.dot %a, %b over [" + over + "]" + promote + " : (" + a + ", " + b + ") -> " + c +
         "\n  kinu.yield %c : " + c + "\n}\n";
}

} // namespace kinu::test
