// The elaboration of a file: its imports, its model statement by statement, then the train block and the layouts.
#include "compiler/check/Elaborator.h"
#include "compiler/check/Runs.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace kinu::syntax;

namespace kinu::check {

/// A file brings what it imports, too, so that a chain costs the square of its length.
static constexpr unsigned maxImportDepth = 200;

std::optional<TypedModel> check(const File &file, const CheckOptions &options, Diagnostics &diagnostics) {
  // What the parser could not read is missing from the tree: names in it would seem unknown.
  if (diagnostics.hasErrors())
    return std::nullopt;
  return Elaborator(file, options, diagnostics).run();
}

Elaborator::Elaborator(const File &file, const CheckOptions &options, Diagnostics &diagnostics)
    : file(file), options(options), diagnostics(diagnostics) {
  model.training = options.training;
  region = &model.body;
  scope = &scopes.emplace_back();
  frames.emplace_back();
}

std::optional<TypedModel> Elaborator::run() {
  unsigned errorsBefore = diagnostics.errorCount();
  declareItems(file, *scope);
  const ModelDecl *decl = findModel();
  if (!decl)
    return std::nullopt;
  model.name = decl->name.text;
  findTrain();
  Sums modelSums;
  sums.push_back(&modelSums);
  scope = &scopes.emplace_back(Scope{scope, ~0u, {}});
  body(decl->body);
  model.auxes = std::move(modelSums.auxes);
  model.metrics = std::move(modelSums.metrics);
  int64_t total = 0;
  for (const typed::Variable &variable : model.variables)
    if (__builtin_add_overflow(total, typed::parameterCount(variable), &total)) {
      giveUp("tensor-too-large", variable.range, "the model has more weights than 64 bits count");
      break;
    }
  if (!gaveUp)
    checkRuns();
  checkDefines();
  if (diagnostics.errorCount() != errorsBefore)
    return std::nullopt;
  warnOfUncalled();
  prune(model);
  return std::move(model);
}

/// A body is elaborated where it is called, with the axes of that place; one that is never called cannot be checked.
/// An imported file may well have more than this model needs.
void Elaborator::warnOfUncalled() {
  for (const Function &function : functions)
    if (const Name &name = function.syntax->name; !function.called && name.range.file == file.id)
      diagnostics.warning("never-called", name.range, "`" + name.text + "` is never called, so its body is not checked")
          .suggest("call it, or remove it");
}

/// Functions of the file and of its imports. An imported file is declared once and has a scope of its own.
void Elaborator::declareItems(const File &source, Scope &into) {
  for (const Item &item : source.items) {
    if (auto *import = std::get_if<ImportDecl>(&item))
      importFile(*import, into);
    else if (auto *function = std::get_if<std::unique_ptr<FunctionStatement>>(&item))
      functionStatement(**function, into);
  }
}

void Elaborator::importFile(const ImportDecl &import, Scope &into) {
  std::string reason;
  const File *source = options.import ? options.import(import, reason) : nullptr;
  if (!source) {
    std::string name = import.path ? import.path->value : import.module.text;
    error("unknown-import", import.path ? import.path->range : import.module.range,
          reason.empty() ? "there is no file `" + name + "`" : reason)
        .suggest("the library is `import std`; a file is `import \"layers.kinu\"`, relative to this one");
    return;
  }
  auto [known, isNew] = imported.try_emplace(source, nullptr);
  if (isNew && importDepth == maxImportDepth) {
    giveUp("model-too-large", import.range,
           "files import one another more than " + std::to_string(maxImportDepth) + " deep");
    return;
  }
  if (isNew) {
    ++importDepth;
    known->second = &scopes.emplace_back();
    Scope *outer = std::exchange(scope, known->second);
    declareItems(*source, *known->second);
    scope = outer;
    --importDepth;
  }
  if (!known->second)
    return; // given up
  for (auto &[name, entity] : known->second->entities) {
    auto [taken, isFree] = into.entities.try_emplace(name, entity);
    if (!isFree && taken->second.function != entity.function)
      error("name-taken", import.range, "the import brings a second `" + name + "`")
          .note(taken->second.range, "the first is here");
    else if (isFree)
      taken->second.order = ++order;
  }
}

const ModelDecl *Elaborator::findModel() {
  const ModelDecl *found = nullptr;
  for (const Item &item : file.items)
    if (auto *decl = std::get_if<ModelDecl>(&item)) {
      if (found) {
        error("several-models", decl->name.range, "a file has one model").note(found->name.range, "the first is here");
        return nullptr;
      }
      found = decl;
    }
  if (!found)
    error("no-model", {file.id, 0, 0}, "the file has no model").suggest("write `model name { ... }`");
  return found;
}

/// Finds the train block and what the lengths of axes depend on.
void Elaborator::findTrain() {
  for (const Item &item : file.items) {
    auto *decl = std::get_if<TrainDecl>(&item);
    if (!decl)
      continue;
    if (decl->model.text != model.name)
      error("unknown-model", decl->model.range, "there is no model `" + decl->model.text + "` in this file")
          .suggest("did you mean `" + model.name + "`?");
    else if (train)
      error("train-twice", decl->model.range, "the model has a train block already").note(train->model.range, "here");
    else
      train = decl;
  }
  if (!train)
    return;
  model.train.emplace();
  for (const TrainClause &clause : train->clauses)
    if (auto *number = std::get_if<NumberClause>(&clause);
        number && number->kind == NumberClause::Kind::Accumulate && !options.defines.count("accumulate"))
      model.train->accumulate = sizeFrom(*number->value, 1, "the number of micro-batches").value_or(1);
  if (auto define = options.defines.find("accumulate"); define != options.defines.end()) {
    model.train->accumulate = std::max<int64_t>(1, define->second);
    usedDefines.insert("accumulate");
  }
}

/// The train block and the layouts, in the scope of the model.
void Elaborator::checkRuns() {
  auto sizeOf = [&](const Expr &expr) { return size(expr); };
  auto numberOf = [&](const Expr &expr) { return number(expr, "this"); };
  RunContext context{model, options, *scope, diagnostics, usedDefines, repeatCounts, sizeOf, numberOf};
  if (train)
    checkTrain(*train, context);
  std::set<std::string> names;
  for (const Item &item : file.items)
    if (auto *layout = std::get_if<LayoutDecl>(&item)) {
      if (!names.insert(layout->name.text).second)
        error("layout-twice", layout->name.range, "there is a layout `" + layout->name.text + "` already");
      else if (options.training && (options.degrees.empty() || layout->name.text == options.layout))
        checkLayout(*layout, context);
    }
}

/// What to do instead of `-D name=n`, of which nothing in the model takes note.
std::string Elaborator::defineHint(const std::string &name) {
  if (Entity *entity = scope->find(name); entity && entity->kind == Entity::Kind::Axis && entity->axis)
    return "the axis `" + name +
           "` has its length in the spec: write `size n = " + std::to_string(entity->axis->length) + "` and `axis " +
           name + " = n`, then `-D n=...`";
  std::vector<std::string> names = scope->names(Entity::Kind::Size);
  for (const std::string &axis : scope->names(Entity::Kind::Axis))
    if (Entity *entity = scope->find(axis); entity->axis && entity->axis->bound && entity->axis->root == entity->axis)
      names.push_back(axis);
  std::string closest = closestWord(name, names);
  if (!closest.empty())
    return "did you mean `" + closest + "`?";
  for (const char *setting : {"accumulate", "steps", "seed", "evaluate", "checkpoint"})
    names.push_back(setting);
  return "there are `" + llvm::join(names, "`, `") + "`";
}

void Elaborator::checkDefines() {
  for (const auto &[name, value] : options.defines) {
    if (usedDefines.count(name) || gaveUp)
      continue;
    auto &diagnostic = error("unknown-define", {file.id, 0, 0}, "`-D " + name + "`: the model has no such size");
    diagnostic.suggest(defineHint(name));
  }
}

} // namespace kinu::check
