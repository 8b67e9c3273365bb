// Writing diagnostics for people and for programs.
#include "compiler/support/Diagnostics.h"

#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <map>

using namespace kinu;
using Colors = llvm::raw_ostream::Colors;

namespace {

/// A line wider than this is cut to a window around what is underlined.
constexpr uint32_t maxLineWidth = 160;

class TextRenderer {
public:
  TextRenderer(const SourceMap &sources, llvm::raw_ostream &out, bool color)
      : sources(sources), out(out), color(color) {}

  void render(const Diagnostic &diagnostic);

private:
  const SourceMap &sources;
  llvm::raw_ostream &out;
  bool color;

  void colored(Colors hue, llvm::StringRef text) {
    if (color)
      out.changeColor(hue, /*Bold=*/true);
    out << text;
    if (color)
      out.resetColor();
  }
  void renderHeader(SourceRange range, llvm::StringRef kind, Colors hue, llvm::StringRef message);
  void renderLines(llvm::ArrayRef<SourceRange> ranges, Colors hue);
  void renderLine(FileId file, uint32_t line, llvm::ArrayRef<SourceRange> ranges, Colors hue);
};

/// What a terminal shows of a line: tabs as blanks, control characters and invalid bytes as `?`.
std::string printable(llvm::StringRef line) {
  std::string result;
  for (size_t index = 0; index < line.size();) {
    auto *begin = reinterpret_cast<const llvm::UTF8 *>(line.data() + index);
    size_t length = llvm::getNumBytesForUTF8(*begin);
    bool valid = index + length <= line.size() && llvm::isLegalUTF8Sequence(begin, begin + length);
    length = valid ? length : 1;
    if (line[index] == '\t')
      result.append(displayWidth(line.substr(index, 1), displayWidth(line.take_front(index))), ' ');
    else if (!valid || static_cast<unsigned char>(line[index]) < 0x20 || line[index] == 0x7f)
      result += '?';
    else
      result += line.substr(index, length);
    index += length;
  }
  return result;
}

/// The bytes of a long line that are shown: whole characters around the one at byte `center`.
llvm::StringRef window(llvm::StringRef line, uint32_t center) {
  constexpr uint32_t half = maxLineWidth / 2;
  auto continues = [&](size_t index) { return index < line.size() && (line[index] & 0xc0) == 0x80; };
  size_t begin = center > half ? center - half : 0;
  size_t end = std::min<size_t>(line.size(), begin + maxLineWidth);
  for (int step = 0; step < 3 && continues(begin); ++step)
    ++begin;
  for (int step = 0; step < 3 && continues(end); ++step)
    ++end;
  return line.slice(begin, std::max(begin, end));
}

} // namespace

void TextRenderer::renderHeader(SourceRange range, llvm::StringRef kind, Colors hue, llvm::StringRef message) {
  LineColumn place = sources.lineColumn(range.file, range.begin);
  if (color)
    out.changeColor(llvm::raw_ostream::SAVEDCOLOR, /*Bold=*/true);
  out << sources.name(range.file) << ':' << place.line << ':' << place.column << ": ";
  if (color)
    out.resetColor();
  colored(hue, (kind + ":").str());
  out << ' ' << message << '\n';
}

/// Shows each line on which one of the ranges starts, once, with all of them underlined. The ranges are in one file.
void TextRenderer::renderLines(llvm::ArrayRef<SourceRange> ranges, Colors hue) {
  std::map<uint32_t, std::vector<SourceRange>> byLine;
  for (SourceRange range : ranges)
    byLine[sources.lineColumn(range.file, range.begin).line].push_back(range);
  for (const auto &[line, onLine] : byLine)
    renderLine(onLine.front().file, line, onLine, hue);
}

void TextRenderer::renderLine(FileId file, uint32_t line, llvm::ArrayRef<SourceRange> ranges, Colors hue) {
  llvm::StringRef text = sources.line(file, line);
  uint32_t start = sources.lineStart(file, line);
  bool isLong = text.size() > 4 * maxLineWidth || displayWidth(text) > maxLineWidth;
  llvm::StringRef shown = isLong ? window(text, ranges.front().begin - start) : text;
  size_t skipped = shown.data() - text.data();

  // The cell of an offset within what is shown, or its nearer end.
  auto cell = [&](uint32_t offset) {
    size_t inLine = offset - std::min(offset, start);
    return displayWidth(shown.take_front(inLine - std::min(inLine, skipped)));
  };
  std::string underline;
  for (SourceRange range : ranges) {
    uint32_t begin = cell(range.begin), end = std::max(cell(range.end), begin + 1);
    if (underline.size() < end)
      underline.resize(end, ' ');
    std::fill(underline.begin() + begin, underline.begin() + end, end - begin == 1 ? '^' : '~');
  }
  llvm::StringRef ellipsis = skipped != 0 ? "..." : "";
  out << llvm::format("%5u | ", line) << ellipsis << printable(shown)
      << (skipped + shown.size() < text.size() ? "..." : "") << '\n';
  out << "      | ";
  colored(hue, std::string(ellipsis.size(), ' ') + underline);
  out << '\n';
}

void TextRenderer::render(const Diagnostic &diagnostic) {
  bool isError = diagnostic.severity == Severity::Error;
  Colors hue = isError ? Colors::RED : Colors::MAGENTA;
  renderHeader(diagnostic.range, isError ? "error" : "warning", hue, diagnostic.message);
  std::vector<SourceRange> ranges = {diagnostic.range};
  for (const Note &note : diagnostic.notes)
    if (note.message.empty() && note.range.file == diagnostic.range.file)
      ranges.push_back(note.range);
  renderLines(ranges, hue);
  for (const Note &note : diagnostic.notes) {
    if (note.message.empty() && note.range.file == diagnostic.range.file)
      continue;
    renderHeader(note.range, "note", Colors::CYAN, note.message.empty() ? "see here" : note.message);
    renderLines(note.range, Colors::CYAN);
  }
  if (diagnostic.help.empty())
    return;
  out << "   ";
  colored(Colors::GREEN, "help:");
  out << ' ';
  for (char c : diagnostic.help)
    out << (c == '\n' ? "\n         " : llvm::StringRef(&c, 1));
  out << '\n';
}

void kinu::renderText(const Diagnostics &diagnostics, const SourceMap &sources, llvm::raw_ostream &out,
                      const RenderOptions &options) {
  out.enable_colors(options.color);
  TextRenderer renderer(sources, out, options.color);
  unsigned shown = 0, leftOut = 0;
  for (const Diagnostic *diagnostic : diagnostics.sorted()) {
    bool isError = diagnostic->severity == Severity::Error;
    if (options.limit != 0 && shown == options.limit) {
      leftOut += isError;
      continue;
    }
    shown += isError;
    renderer.render(*diagnostic);
  }
  if (leftOut != 0)
    out << leftOut << " more error" << (leftOut == 1 ? "" : "s") << " not shown\n";
}

static llvm::json::Object placeToJson(const SourceMap &sources, SourceRange range) {
  LineColumn begin = sources.lineColumn(range.file, range.begin), end = sources.lineColumn(range.file, range.end);
  return llvm::json::Object{{"file", llvm::json::fixUTF8(sources.name(range.file))},
                            {"line", begin.line},
                            {"column", begin.column},
                            {"endLine", end.line},
                            {"endColumn", end.column}};
}

void kinu::renderJson(const Diagnostics &diagnostics, const SourceMap &sources, llvm::raw_ostream &out) {
  for (const Diagnostic *diagnostic : diagnostics.sorted()) {
    llvm::json::Object object = placeToJson(sources, diagnostic->range);
    object["severity"] = diagnostic->severity == Severity::Error ? "error" : "warning";
    object["id"] = diagnostic->id;
    object["message"] = llvm::json::fixUTF8(diagnostic->message);
    llvm::json::Array notes;
    for (const Note &note : diagnostic->notes) {
      llvm::json::Object entry = placeToJson(sources, note.range);
      entry["message"] = llvm::json::fixUTF8(note.message);
      notes.push_back(std::move(entry));
    }
    object["notes"] = std::move(notes);
    if (!diagnostic->help.empty())
      object["help"] = llvm::json::fixUTF8(diagnostic->help);
    out << llvm::json::Value(std::move(object)) << '\n';
  }
}
