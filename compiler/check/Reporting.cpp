// How the elaboration reports: at the user's own text, once per cause.
#include "compiler/check/Elaborator.h"

#include "llvm/ADT/StringExtras.h"

namespace kinu::check {

Diagnostic &Elaborator::error(llvm::StringRef id, SourceRange range, std::string message) {
  if (range.file == file.id)
    return diagnostics.error(id, range, std::move(message));
  // The text at fault is in a library: what the user wrote is the call that led there.
  for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame)
    if (frame->function && frame->call.file == file.id) {
      std::string inside = "in `" + frame->function->syntax->name.text + "`, here";
      Diagnostic &diagnostic = diagnostics.error(id, frame->call, std::move(message));
      diagnostic.note(range, inside);
      return diagnostic;
    }
  return diagnostics.error(id, range, std::move(message));
}

void Elaborator::giveUp(llvm::StringRef id, SourceRange range, std::string message) {
  if (gaveUp)
    return;
  error(id, range, std::move(message));
  gaveUp = true;
}

void Elaborator::unknownName(const syntax::Name &name, llvm::StringRef what, std::optional<Entity::Kind> kind) {
  Diagnostic &diagnostic = error(kind == Entity::Kind::Axis ? "unknown-axis" : "unknown-name", name.range,
                                 ("no " + what + " `" + name.text + "` here").str());
  std::string closest = closestWord(name.text, scope->names(kind));
  if (!closest.empty())
    diagnostic.suggest("did you mean `" + closest + "`?");
}

Entity *Elaborator::declare(const syntax::Name &name, Entity entity) {
  if (isBuiltin(name.text)) {
    error("reserved-name", name.range, "`" + name.text + "` is part of the language").suggest("choose another name");
    return nullptr;
  }
  if (Entity *other = scope->find(name.text)) {
    Diagnostic &diagnostic = error("name-taken", name.range, "the name `" + name.text + "` is taken");
    if (other->range.file == name.range.file)
      diagnostic.note(other->range, "first used here");
    diagnostic.suggest("there is one namespace and no shadowing: choose another name");
    return nullptr;
  }
  entity.range = name.range;
  entity.order = ++order;
  return &scope->entities.emplace(name.text, std::move(entity)).first->second;
}

std::string show(llvm::ArrayRef<typed::Axis> axes) {
  return "[" + llvm::join(llvm::map_range(axes, [](const typed::Axis &axis) { return axis.name; }), ", ") + "]";
}

std::string show(const AxisSet &axes) { return "[" + llvm::join(axes, ", ") + "]"; }

std::string show(typed::Element element) {
  switch (element) {
  case typed::Element::Float: return "float";
  case typed::Element::Int: return "int";
  case typed::Element::Bool: return "bool";
  }
  return "";
}

} // namespace kinu::check
