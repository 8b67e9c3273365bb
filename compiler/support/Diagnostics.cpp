// Collecting and sorting diagnostics.
#include "compiler/support/Diagnostics.h"

#include <algorithm>
#include <set>
#include <tuple>

using namespace kinu;

Diagnostic &Diagnostic::also(SourceRange further) { return note(further, ""); }

Diagnostic &Diagnostic::note(SourceRange place, std::string sentence) {
  notes.push_back({place, std::move(sentence)});
  return *this;
}

Diagnostic &Diagnostic::suggest(std::string sentence) {
  help = std::move(sentence);
  return *this;
}

Diagnostic &Diagnostics::error(llvm::StringRef id, SourceRange range, std::string message) {
  if (++errors > maxCollected)
    return beyondLimit = Diagnostic();
  return collected.emplace_back(Diagnostic{Severity::Error, id.str(), std::move(message), range, {}, {}});
}

Diagnostic &Diagnostics::warning(llvm::StringRef id, SourceRange range, std::string message) {
  return collected.emplace_back(Diagnostic{Severity::Warning, id.str(), std::move(message), range, {}, {}});
}

std::vector<const Diagnostic *> Diagnostics::sorted() const {
  auto key = [](const Diagnostic *diagnostic) {
    return std::tie(diagnostic->range.file, diagnostic->range.begin, diagnostic->range.end);
  };
  auto before = [&](auto *left, auto *right) { return key(left) < key(right); };
  std::multiset<const Diagnostic *, decltype(before)> inOrder(before); // keeps the order of equal places
  for (const Diagnostic &diagnostic : collected)
    inOrder.insert(&diagnostic);
  std::vector<const Diagnostic *> result(inOrder.begin(), inOrder.end());
  auto same = [&](auto *left, auto *right) {
    return key(left) == key(right) && left->id == right->id && left->message == right->message;
  };
  result.erase(std::unique(result.begin(), result.end(), same), result.end());
  return result;
}

std::string kinu::closestWord(llvm::StringRef word, llvm::ArrayRef<std::string> candidates) {
  std::string closest;
  unsigned best = word.size() < 3 ? 1 : word.size() / 3 + 1; // one letter of three may be wrong
  for (const std::string &candidate : candidates) {
    unsigned distance = word.edit_distance(candidate, /*AllowReplacements=*/true, best);
    if (distance <= best && (closest.empty() || distance < best)) {
      best = distance;
      closest = candidate;
    }
  }
  return closest;
}
