// See Grammar.h. Entropies and lengths are computed as phrases are made: H(sequence) is the sum over its parts,
// H(choice) = sum p (H(alternative) - ln p).
#include "examples/quickstart/Grammar.h"

#include <cmath>
#include <set>

using namespace quickstart;

Phrase Grammar::add(Node node) {
  nodes.push_back(std::move(node));
  return Phrase(nodes.size() - 1);
}

Phrase Grammar::text(std::string value) {
  Node node{Kind::Text, std::move(value), {}, {}};
  for (char byte : node.value)
    node.characters += (static_cast<unsigned char>(byte) & 0xC0) != 0x80; // not a continuation byte of UTF-8
  return add(std::move(node));
}

Phrase Grammar::sequence(std::vector<Phrase> parts) {
  Node node{Kind::Sequence, {}, std::move(parts), {}};
  for (Phrase part : node.parts) {
    node.entropy += entropy(part);
    node.characters += characters(part);
    node.derivations *= derivations(part);
  }
  return add(std::move(node));
}

Phrase Grammar::choice(std::vector<std::pair<double, Phrase>> alternatives) {
  Node node{Kind::Choice, {}, {}, {}};
  double total = 0;
  for (const auto &[weight, phrase] : alternatives)
    total += weight;
  node.derivations = 0;
  for (const auto &[weight, phrase] : alternatives) {
    double share = weight / total;
    node.parts.push_back(phrase);
    node.shares.push_back(share);
    node.entropy += share * (entropy(phrase) - std::log(share));
    node.characters += share * characters(phrase);
    node.derivations += derivations(phrase);
  }
  return add(std::move(node));
}

double Grammar::sample(Phrase phrase, std::mt19937_64 &random, std::string &out) const {
  const Node &node = nodes[size_t(phrase)];
  if (node.kind == Kind::Text) {
    out += node.value;
    return 0;
  }
  if (node.kind == Kind::Sequence) {
    double logarithm = 0;
    for (Phrase part : node.parts)
      logarithm += sample(part, random, out);
    return logarithm;
  }
  // 53 random bits, not std::uniform_real_distribution: the corpus must be the same with every standard library.
  double left = double(random() >> 11) * 0x1p-53;
  size_t taken = 0;
  while (taken + 1 < node.shares.size() && left >= node.shares[taken])
    left -= node.shares[taken++];
  return std::log(node.shares[taken]) + sample(node.parts[taken], random, out);
}

namespace {
/// A text that a phrase can begin with, and the alternative it belongs to.
struct Beginning {
  std::string text;
  size_t alternative;
  bool operator<(const Beginning &other) const {
    return text != other.text ? text < other.text : alternative < other.alternative;
  }
};
} // namespace

std::optional<std::string> Grammar::ambiguity(Phrase root) const {
  // Parts have lower numbers than what they are parts of: down to mark what the root holds, up to judge it.
  std::vector<bool> reached(size_t(root) + 1);
  reached[size_t(root)] = true;
  for (size_t phrase = size_t(root) + 1; phrase-- > 0;)
    for (Phrase part : nodes[phrase].parts)
      reached[size_t(part)] = reached[size_t(part)] || reached[phrase];

  std::vector<std::set<std::string>> first(size_t(root) + 1); // the texts that a phrase can begin with
  for (size_t phrase = 0; phrase <= size_t(root); ++phrase) {
    if (!reached[phrase])
      continue;
    const Node &node = nodes[phrase];
    if (node.kind == Kind::Text) {
      if (node.value.empty())
        return "an empty text";
      first[phrase] = {node.value};
      continue;
    }
    if (node.kind == Kind::Sequence) {
      first[phrase] = first[size_t(node.parts.front())];
      continue;
    }
    std::set<Beginning> beginnings;
    for (size_t alternative = 0; alternative < node.parts.size(); ++alternative)
      for (const std::string &text : first[size_t(node.parts[alternative])]) {
        beginnings.insert({text, alternative});
        first[phrase].insert(text);
      }
    // Texts of one alternative are no prefixes of each other, as was seen before; so, in sorted order, a text that is a
    // prefix of one of another alternative is directly followed by such a one.
    for (auto next = beginnings.begin(), last = next++; next != beginnings.end(); last = next++)
      if (last->alternative != next->alternative && next->text.starts_with(last->text))
        return "`" + last->text + "` and `" + next->text + "` begin two alternatives of one choice";
  }
  return std::nullopt;
}

std::vector<std::pair<std::string, double>> Grammar::enumerate(Phrase phrase) const {
  const Node &node = nodes[size_t(phrase)];
  if (node.kind == Kind::Text)
    return {{node.value, 1.0}};
  std::vector<std::pair<std::string, double>> all;
  if (node.kind == Kind::Choice) {
    for (size_t alternative = 0; alternative < node.parts.size(); ++alternative)
      for (auto &[text, share] : enumerate(node.parts[alternative]))
        all.emplace_back(std::move(text), share * node.shares[alternative]);
    return all;
  }
  all.emplace_back("", 1.0);
  for (Phrase part : node.parts) {
    std::vector<std::pair<std::string, double>> longer, tails = enumerate(part);
    for (const auto &[head, headShare] : all)
      for (const auto &[tail, tailShare] : tails)
        longer.emplace_back(head + tail, headShare * tailShare);
    all = std::move(longer);
  }
  return all;
}
