#include "compiler/Frontend.h"

#include "compiler/check/Check.h"
#include "compiler/parse/Parse.h"
#include "compiler/std/Std.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace kinu;

const syntax::File *Frontend::parse() {
  llvm::Expected<FileId> id = sources.addFile(options.spec);
  if (!id) {
    ioError = llvm::toString(id.takeError());
    return nullptr;
  }
  auto &file = files[options.spec];
  file = parse::parseFile(sources, *id, diagnostics);
  spec = file.get();
  return diagnostics.hasErrors() ? nullptr : spec;
}

const syntax::File *Frontend::import(const syntax::ImportDecl &declaration) {
  if (!declaration.path) {
    if (!(declaration.module == "std"))
      return nullptr;
    auto &file = files["std"];
    if (!file)
      file = parse::parseFile(sources, sources.addText("std.kinu", std::string(stdSource())), diagnostics);
    return file.get();
  }
  // Relative to the file that imports.
  llvm::SmallString<128> path(llvm::sys::path::parent_path(sources.name(declaration.range.file)));
  llvm::sys::path::append(path, declaration.path->value);
  auto &file = files[path.str().str()];
  if (!file) {
    llvm::Expected<FileId> id = sources.addFile(path);
    if (!id) {
      llvm::consumeError(id.takeError());
      return nullptr;
    }
    file = parse::parseFile(sources, *id, diagnostics);
  }
  return file.get();
}

std::optional<TypedModel> Frontend::check(bool training, const std::map<std::string, int64_t> &lengths) {
  check::CheckOptions checkOptions;
  checkOptions.lengths = lengths;
  checkOptions.defines = defines;
  for (const auto &[axis, length] : lengths)
    checkOptions.defines.erase(axis); // this program's length goes before the command line's
  checkOptions.training = training;
  checkOptions.import = [this](const syntax::ImportDecl &declaration) { return import(declaration); };
  std::optional<TypedModel> model = check::check(*spec, checkOptions, diagnostics);
  if (diagnostics.hasErrors())
    return std::nullopt;
  return model;
}
