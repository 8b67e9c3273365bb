// A drawing as SVG text: a few shapes in pixels, y downwards, and one style sheet for light and dark backgrounds.
#pragma once

#include "llvm/ADT/StringRef.h"

#include <string>

namespace kinu::plan {

class SvgCanvas {
public:
  explicit SvgCanvas(double width) : width(width) {}

  enum class Anchor { Start, Middle, End };

  /// `style` is a class of the style sheet; `hint` is what a pointer over the shape shows.
  void rect(double x, double y, double width, double height, llvm::StringRef style, llvm::StringRef hint = "");
  void line(double x1, double y1, double x2, double y2, llvm::StringRef style = "rule");
  void text(double x, double y, llvm::StringRef words, llvm::StringRef style = "", Anchor anchor = Anchor::Start);

  /// The whole file: as high as what was drawn.
  std::string finish(llvm::StringRef title) const;

private:
  void reach(double y) { height = y > height ? y : height; }

  std::string body;
  double width, height = 0;
};

} // namespace kinu::plan
