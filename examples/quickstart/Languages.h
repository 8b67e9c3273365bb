// The quickstart's two languages: sentences about six topics in English and Japanese, one a line.
//
// What a model must carry over ten words and more: the topic, on which every noun, verb, adjective and place depends
// and which is never said; the number of the subject, said by "this" or "these" and needed by "was" or "were" and "it"
// or "them"; names, and in one kind of sentence a noun, which return; the gender of a name; in Japanese the politeness
// of the speaker, heard in the first word and needed in the last.
#pragma once

#include "examples/quickstart/Grammar.h"

#include <string>
#include <vector>

namespace quickstart {

/// Words of every list that are used: all of them, or the first few, for a grammar small enough to enumerate.
struct Size {
  size_t topics = 6, words = 6, names = 12;
};

/// Writes choices with less noise than Grammar's own functions.
class Writer {
public:
  Writer(Grammar &grammar, Size size) : size(size), grammar(grammar) {}

  Phrase operator()(const std::string &text) { return grammar.text(text); }

  template <typename... Parts> Phrase then(Parts... parts) { return grammar.sequence({phrase(parts)...}); }

  /// A word of the list, earlier ones being more frequent, with `ending` after it.
  Phrase word(const std::vector<std::string> &list, const std::string &ending) {
    return each(list, size.words, [&](const std::string &word) { return grammar.text(word + ending); });
  }

  /// A choice between what `make` makes of each of the first `limit` items; the k-th has weight 1 / (k + 3).
  template <typename List, typename Make> Phrase each(const List &list, size_t limit, Make make) {
    std::vector<std::pair<double, Phrase>> alternatives;
    for (const auto &item : list)
      if (alternatives.size() < limit)
        alternatives.emplace_back(1.0 / double(alternatives.size() + 3), make(item));
    return grammar.choice(std::move(alternatives));
  }

  /// A choice between phrases with given weights.
  Phrase choice(std::vector<std::pair<double, Phrase>> alternatives) { return grammar.choice(std::move(alternatives)); }

  const Size size;

private:
  Phrase phrase(Phrase made) { return made; }
  Phrase phrase(const std::string &text) { return grammar.text(text); }
  Grammar &grammar;
};

/// One English sentence with its line end.
Phrase english(Writer &write);
/// One Japanese sentence with its line end.
Phrase japanese(Writer &write);
/// One line of the corpus: either, equally often.
Phrase line(Grammar &grammar, Size size = {});

} // namespace quickstart
