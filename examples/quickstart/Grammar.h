// A probabilistic grammar whose entropy is known exactly: phrases built from text, sequence and choice.
//
// A phrase may only contain phrases made before it, so a grammar is finite and every quantity is one pass over it. It
// is unambiguous if at every choice the alternatives begin with texts of which none is a prefix of another: a reader
// who knows where in the grammar he is then sees which alternative was taken, so a text has one derivation, and the
// entropy of texts is the entropy of the choices. `ambiguity` checks this.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace quickstart {

using Phrase = int32_t;

class Grammar {
public:
  /// Exactly this text, which must not be empty.
  Phrase text(std::string value);
  Phrase sequence(std::vector<Phrase> parts);
  /// One of the alternatives, with a probability proportional to its weight.
  Phrase choice(std::vector<std::pair<double, Phrase>> alternatives);

  /// Nats per derivation: -sum p ln p over all choices made, in expectation.
  double entropy(Phrase phrase) const { return nodes[size_t(phrase)].entropy; }
  /// Expected number of Unicode characters.
  double characters(Phrase phrase) const { return nodes[size_t(phrase)].characters; }
  /// Number of different derivations.
  double derivations(Phrase phrase) const { return nodes[size_t(phrase)].derivations; }

  /// Appends a random text; returns the natural logarithm of its derivation's probability.
  double sample(Phrase phrase, std::mt19937_64 &random, std::string &out) const;

  /// Why a reader could not tell two alternatives apart: two texts that begin the same, or nothing if the grammar is
  /// unambiguous.
  std::optional<std::string> ambiguity(Phrase phrase) const;

  /// Every derivation's text and probability; only for small grammars.
  std::vector<std::pair<std::string, double>> enumerate(Phrase phrase) const;

private:
  enum class Kind { Text, Sequence, Choice };
  struct Node {
    Kind kind;
    std::string value;          // Text
    std::vector<Phrase> parts;  // Sequence: in order; Choice: alternatives
    std::vector<double> shares; // Choice: probabilities
    double entropy = 0, characters = 0, derivations = 1;
  };
  Phrase add(Node node);
  std::vector<Node> nodes;
};

} // namespace quickstart
