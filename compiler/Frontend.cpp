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

const syntax::File *Frontend::import(const syntax::ImportDecl &declaration, std::string &reason) {
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
      llvm::Error error = id.takeError();
      std::error_code code;
      llvm::handleAllErrors(std::move(error), [&](const llvm::StringError &why) {
        code = why.convertToErrorCode();
        reason = why.getMessage();
      });
      if (code == std::errc::no_such_file_or_directory)
        reason.clear(); // check says it shorter
      return nullptr;
    }
    file = parse::parseFile(sources, *id, diagnostics);
  }
  return file.get();
}

std::optional<TypedModel> Frontend::check(bool training, const std::map<std::string, int64_t> &lengths) {
  return check(training, lengths, /*longest=*/false, diagnostics);
}

std::optional<TypedModel> Frontend::checkLongest(bool training) {
  Diagnostics unheard;
  return check(training, {{"batch", 1}}, /*longest=*/true, unheard);
}

std::optional<TypedModel> Frontend::check(bool training, const std::map<std::string, int64_t> &lengths, bool longest,
                                          Diagnostics &into) {
  check::CheckOptions checkOptions;
  checkOptions.lengths = lengths;
  checkOptions.defines = defines;
  for (const auto &[axis, length] : lengths)
    checkOptions.defines.erase(axis); // this program's length goes before the command line's
  // One sequence is one micro-batch, whatever the batch of the spec would be divided into.
  if (auto count = checkOptions.defines.find("accumulate");
      count != checkOptions.defines.end() && lengths.count("batch"))
    count->second = 1;
  checkOptions.degrees = options.degrees;
  checkOptions.layout = options.degreesOf.empty() ? options.layout : options.degreesOf;
  checkOptions.training = training;
  checkOptions.longest = longest;
  checkOptions.import = [this](const syntax::ImportDecl &declaration, std::string &reason) {
    return import(declaration, reason);
  };
  std::optional<TypedModel> model = check::check(*spec, checkOptions, into);
  if (into.hasErrors())
    return std::nullopt;
  return model;
}
