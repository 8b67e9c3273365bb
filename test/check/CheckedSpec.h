// Parses and checks a spec in a test, with the standard library at hand.
#pragma once

#include "compiler/check/Check.h"
#include "compiler/parse/Parse.h"
#include "compiler/std/Std.h"

#include "llvm/Support/raw_ostream.h"

#include <memory>
#include <string>

namespace kinu::test {

/// A checked text: the typed model if there is one, and what the user would see.
struct CheckedSpec {
  SourceMap sources;
  Diagnostics diagnostics;
  std::unique_ptr<syntax::File> file, library;
  std::optional<TypedModel> model;
  std::string messages;

  explicit CheckedSpec(std::string text, check::CheckOptions options = {}, std::string name = "spec.kinu") {
    FileId id = sources.addText(std::move(name), std::move(text));
    file = parse::parseFile(sources, id, diagnostics);
    options.import = [&](const syntax::ImportDecl &import, std::string &) -> const syntax::File * {
      if (import.path || !(import.module == "std"))
        return nullptr;
      if (!library)
        library = parse::parseFile(sources, sources.addText("std.kinu", std::string(stdSource())), diagnostics);
      return library.get();
    };
    model = check::check(*file, options, diagnostics);
    llvm::raw_string_ostream out(messages);
    renderText(diagnostics, sources, out);
  }

  /// The identifiers of errors and warnings, in the order of the source, separated by blanks.
  std::string ids() const {
    std::string all;
    for (const Diagnostic *diagnostic : diagnostics.sorted())
      all += (all.empty() ? "" : " ") + diagnostic->id;
    return all;
  }
};

} // namespace kinu::test
