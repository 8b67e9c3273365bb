// Errors and warnings for the user: collected over a run, sorted by place, and rendered for a terminal or as JSON.
#pragma once

#include "compiler/syntax/Source.h"

#include <deque>
#include <string>
#include <vector>

namespace kinu {

enum class Severity { Error, Warning };

/// A second place the message speaks of, with or without words of its own.
struct Note {
  SourceRange range;
  std::string message; ///< empty: the range is only underlined, when it is on the line of the diagnostic
};

/// One problem. `id` is kebab-case and has a row in docs/errors.md; `message` is lower case, without full stop, code in
/// backticks.
struct Diagnostic {
  Severity severity = Severity::Error;
  std::string id;
  std::string message;
  SourceRange range;
  std::vector<Note> notes;
  std::string help; ///< what to do, without the word help; empty: none

  /// Underlines a further place the message speaks of.
  Diagnostic &also(SourceRange further);
  /// Adds a place with a sentence of its own.
  Diagnostic &note(SourceRange place, std::string sentence);
  /// Says what to write instead.
  Diagnostic &suggest(std::string sentence);
};

/// Collects the diagnostics of a run.
///   diagnostics.error("unknown-axis", range, "no axis `kye`").also(other).suggest("did you mean `key`?");
class Diagnostics {
public:
  /// The reference stays valid until the Diagnostics dies.
  Diagnostic &error(llvm::StringRef id, SourceRange range, std::string message);
  Diagnostic &warning(llvm::StringRef id, SourceRange range, std::string message);

  bool hasErrors() const { return errors != 0; }
  unsigned errorCount() const { return errors; }

  /// Sorted by file and place; a diagnostic that repeats id, place and message of another is left out.
  std::vector<const Diagnostic *> sorted() const;

private:
  /// Errors after these are only counted: a file of noise may have millions.
  static constexpr unsigned maxCollected = 1000;

  std::deque<Diagnostic> collected;
  Diagnostic beyondLimit; ///< takes what is said of errors that are only counted
  unsigned errors = 0;
};

/// How diagnostics are written.
struct RenderOptions {
  bool color = false;
  unsigned limit = 20; ///< errors shown; one line tells how many were left out. 0: no limit
};

/// Writes all diagnostics the way of docs/errors.md:
///   gpt2.kinu:14:28: error: message
///      14 |   let q = x @ wq
///         |           ~   ~~
///    help: ...
void renderText(const Diagnostics &, const SourceMap &, llvm::raw_ostream &, const RenderOptions & = {});

/// Writes one JSON object per line: severity, id, message, file, line, column, endLine, endColumn, notes, help.
void renderJson(const Diagnostics &, const SourceMap &, llvm::raw_ostream &);

/// The candidate closest to a misspelt word, or an empty string when none is close.
std::string closestWord(llvm::StringRef word, llvm::ArrayRef<std::string> candidates);

} // namespace kinu
