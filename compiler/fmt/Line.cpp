// Breaking a line: whenever the rest does not fit, end the line at the cheapest place that fits, the last of those.
#include "compiler/fmt/Line.h"
#include "compiler/syntax/Source.h"

using namespace kinu;
using namespace kinu::fmt;

static unsigned widthOf(const Piece &piece) { return piece.spaceBefore + displayWidth(piece.text); }

unsigned kinu::fmt::widthOf(const std::vector<Piece> &pieces) {
  unsigned width = 0;
  for (const Piece &piece : pieces)
    width += ::widthOf(piece);
  return width;
}

/// The piece after which a line that starts at piece `first` ends: the last one when everything fits, else the cheapest
/// break within `width`; without one, the first break behind it.
static size_t endOfLine(const std::vector<Piece> &pieces, size_t first, unsigned width) {
  unsigned used = 0;
  size_t best = pieces.size();
  for (size_t index = first; index < pieces.size(); ++index) {
    used += ::widthOf(pieces[index]) - (index == first && pieces[index].spaceBefore);
    bool overflows = used > width;
    if (overflows && best != pieces.size())
      return best;
    if (!pieces[index].comments.empty() || index + 1 == pieces.size())
      return index;
    int cost = pieces[index].breakCost;
    if (cost < 0)
      continue;
    if (overflows)
      return index;
    if (best == pieces.size() || cost <= pieces[best].breakCost)
      best = index;
  }
  return pieces.size() - 1;
}

void kinu::fmt::layOut(const std::vector<Piece> &pieces, unsigned indent, std::string &out) {
  constexpr unsigned continuation = 4;
  unsigned column = indent;
  for (size_t first = 0; first < pieces.size();) {
    if (first != 0)
      out += '\n';
    out.append(column, ' ');
    size_t last = endOfLine(pieces, first, maxWidth - std::min(column, maxWidth));
    for (size_t index = first; index <= last; ++index) {
      if (index != first && pieces[index].spaceBefore)
        out += ' ';
      out += pieces[index].text;
    }
    column = indent + continuation;
    for (const InnerComment &comment : pieces[last].comments) {
      if (comment.ownLine)
        out.append("\n").append(column, ' ');
      else
        out += "  ";
      out += comment.text;
    }
    first = last + 1;
  }
}
