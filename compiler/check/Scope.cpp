#include "compiler/check/Scope.h"

namespace kinu::check {

Entity *Scope::find(llvm::StringRef name) {
  unsigned limit = std::numeric_limits<unsigned>::max();
  for (Scope *scope = this; scope; scope = scope->parent) {
    auto found = scope->entities.find(std::string_view(name));
    if (found != scope->entities.end() && found->second.order < limit)
      return &found->second;
    limit = std::min(limit, scope->parentLimit);
  }
  return nullptr;
}

std::vector<std::string> Scope::names(std::optional<Entity::Kind> kind) const {
  std::vector<std::string> result;
  for (const Scope *scope = this; scope; scope = scope->parent)
    for (const auto &[name, entity] : scope->entities)
      if (!kind || entity.kind == *kind)
        result.push_back(name);
  return result;
}

} // namespace kinu::check
