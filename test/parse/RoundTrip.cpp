// Parse, render, format, parse again, compare.
#include "test/parse/RoundTrip.h"

#include "compiler/fmt/Format.h"
#include "compiler/parse/Parse.h"

#include "llvm/Support/raw_ostream.h"

using namespace kinu;

static std::string dumpOf(const syntax::File &file) {
  std::string text;
  llvm::raw_string_ostream out(text);
  syntax::dump(file, out);
  return text;
}

static bool coversText(const syntax::File &file, size_t size) {
  uint32_t end = 0;
  for (const syntax::Token &token : file.tokens) {
    if (token.range.begin != end)
      return false;
    end = token.range.end;
  }
  return end == size;
}

std::string kinu::roundTrip(const std::string &text) {
  SourceMap sources;
  Diagnostics diagnostics;
  FileId id = sources.addText("input.kinu", text);
  std::unique_ptr<syntax::File> file = parse::parseFile(sources, id, diagnostics);
  std::string rendered;
  llvm::raw_string_ostream out(rendered);
  renderText(diagnostics, sources, out);
  renderJson(diagnostics, sources, out);
  std::string tree = dumpOf(*file);
  if (diagnostics.hasErrors())
    return "";
  if (!coversText(*file, text.size()))
    return "the tokens do not cover the text";

  std::string formatted = fmt::format(*file, sources);
  FileId again = sources.addText("formatted.kinu", formatted);
  std::unique_ptr<syntax::File> second = parse::parseFile(sources, again, diagnostics);
  renderText(diagnostics, sources, out);
  if (diagnostics.hasErrors())
    return "the formatted text does not parse:\n" + rendered + "\n--- formatted ---\n" + formatted;
  if (dumpOf(*second) != tree)
    return "formatting changes the tree:\n" + formatted;
  std::string twice = fmt::format(*second, sources);
  return twice == formatted ? "" : "formatting again changes the text:\n" + formatted + "\n--- again ---\n" + twice;
}
