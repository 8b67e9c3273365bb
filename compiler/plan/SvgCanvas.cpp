#include "compiler/plan/SvgCanvas.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace kinu::plan;

/// Fills are of middle lightness, so that they and the dark words on them read on any background; other words follow
/// the viewer's colour scheme, and are grey where nobody says what it is.
static const char kStyle[] = R"(
  text { font: 12px system-ui, 'DejaVu Sans', sans-serif; fill: #768089; }
  .head { font-size: 17px; font-weight: 600; }
  .part { font-size: 14px; font-weight: 600; }
  .on { fill: #0d1117; font-size: 11px; }
  .rule { stroke: #768089; stroke-width: 1; }
  .grid { stroke: #768089; stroke-width: 1; stroke-opacity: 0.25; }
  .idle { fill: url(#idle); }
  .forward, .kernels, .axis0 { fill: #5b9be0; }
  .backward, .messages, .axis1 { fill: #e39a45; }
  .weights, .axis2 { fill: #46b08f; }
  .update, .axis3 { fill: #a98ad4; }
  .turns, .axis4 { fill: #b3ac5a; }
  .axis5 { fill: #cf7f9f; }
  .axis0.odd { fill: #9cc3ec; } .axis1.odd { fill: #efc290; } .axis2.odd { fill: #8fcfbb; }
  .axis3.odd { fill: #cbb9e5; } .axis4.odd { fill: #d2cd9b; } .axis5.odd { fill: #e2b2c5; }
  @media (prefers-color-scheme: light) { text { fill: #24292f; } .on { fill: #0d1117; } }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .on { fill: #0d1117; } }
)";

static std::string escaped(llvm::StringRef words) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::printHTMLEscaped(words, os);
  return text;
}

void SvgCanvas::rect(double x, double y, double width, double height, llvm::StringRef style, llvm::StringRef hint) {
  reach(y + height);
  body += llvm::formatv(R"(<rect x="{0:f2}" y="{1:f2}" width="{2:f2}" height="{3:f2}" class="{4}")", x, y, width,
                        height, style);
  body += hint.empty() ? "/>\n" : "><title>" + escaped(hint) + "</title></rect>\n";
}

void SvgCanvas::line(double x1, double y1, double x2, double y2, llvm::StringRef style) {
  reach(std::max(y1, y2));
  body += llvm::formatv("<line x1=\"{0:f2}\" y1=\"{1:f2}\" x2=\"{2:f2}\" y2=\"{3:f2}\" class=\"{4}\"/>\n", x1, y1, x2,
                        y2, style);
}

void SvgCanvas::text(double x, double y, llvm::StringRef words, llvm::StringRef style, Anchor anchor) {
  reach(y + 4);
  body += llvm::formatv("<text x=\"{0:f2}\" y=\"{1:f2}\"", x, y);
  if (!style.empty())
    body += (" class=\"" + style + "\"").str();
  if (anchor != Anchor::Start)
    body += anchor == Anchor::Middle ? " text-anchor=\"middle\"" : " text-anchor=\"end\"";
  body += ">" + escaped(words) + "</text>\n";
}

std::string SvgCanvas::finish(llvm::StringRef title) const {
  std::string size = llvm::formatv(R"(width="{0:f0}" height="{1:f0}" viewBox="0 0 {0:f0} {1:f0}")", width, height + 16);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" " + size + ">\n<title>" + escaped(title) + "</title>\n<style>" +
         kStyle +
         "</style>\n"
         "<defs><pattern id=\"idle\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
         "<path d=\"M0 6 L6 0\" stroke=\"#768089\" stroke-opacity=\"0.45\"/></pattern></defs>\n" +
         body + "</svg>\n";
}
