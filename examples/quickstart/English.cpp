// The English half of the quickstart's corpus.
#include "examples/quickstart/Languages.h"

using namespace quickstart;

namespace {
using Words = std::vector<std::string>;

struct Topic {
  Words nouns, verbs, adjectives, places;
};

struct Person {
  std::string name, pronoun, possessive;
};

struct Number {
  std::string determiner, ending, be, pronoun;
};
} // namespace

static const std::vector<Topic> kTopics = {
    {{"crab", "shell", "boat", "wave", "net", "gull"},
     {"watched", "followed", "caught", "counted", "drew"},
     {"salty", "blue", "wet", "deep", "calm"},
     {"harbour", "bay", "lighthouse", "lagoon"}},
    {{"pot", "onion", "spoon", "cake", "plate", "knife"},
     {"washed", "cooked", "tasted", "sliced", "burned"},
     {"hot", "sweet", "greasy", "fresh", "bitter"},
     {"kitchen", "bakery", "cellar", "pantry"}},
    {{"rose", "tree", "seed", "root", "bird", "worm"},
     {"planted", "watered", "trimmed", "picked", "raked"},
     {"green", "thorny", "tall", "tiny", "wild"},
     {"garden", "orchard", "meadow", "greenhouse"}},
    {{"book", "map", "pencil", "lesson", "riddle", "desk"},
     {"copied", "learned", "explained", "solved", "forgot"},
     {"hard", "long", "clever", "boring", "useful"},
     {"classroom", "library", "hallway", "gym"}},
    {{"song", "drum", "violin", "flute", "dance", "tune"},
     {"played", "practised", "heard", "praised", "recorded"},
     {"loud", "gentle", "sad", "merry", "slow"},
     {"theatre", "studio", "chapel", "ballroom"}},
    {{"tram", "shop", "street", "bridge", "car", "clock"},
     {"repaired", "sold", "crossed", "visited", "cleaned"},
     {"noisy", "old", "modern", "crowded", "dirty"},
     {"market", "station", "square", "suburb"}},
};

static const std::vector<Person> kPeople = {
    {"Alice", "she", "her"}, {"Ben", "he", "his"},   {"Clara", "she", "her"}, {"David", "he", "his"},
    {"Emma", "she", "her"},  {"Frank", "he", "his"}, {"Grace", "she", "her"}, {"Henry", "he", "his"},
    {"Irene", "she", "her"}, {"Jack", "he", "his"},  {"Kate", "she", "her"},  {"Leo", "he", "his"},
};

static const std::vector<Number> kNumbers = {{"this", "", "was", "it"}, {"these", "s", "were", "them"}};
static const Words kAdverbs = {"often", "slowly", "quietly", "never"};
static const Words kTimes = {"last week", "yesterday", "in spring", "before noon"};
static const Words kFeelings = {"liked", "wanted", "missed", "hated"};
static const Words kSpeech = {"said", "thought", "wrote", "heard"};
static const Words kLinks = {"because", "although", "and"};
static const Words kDays = {"On Monday", "In the morning", "At night", "In summer"};

/// What follows "this blue crab that": "Ben slowly caught in the calm bay yesterday was wet, but Ben liked it."
static Phrase remembered(Writer &write, const Topic &topic, const Number &number, const Person &person) {
  Phrase doing = write.choice(
      {{1, write.then(write.word(kAdverbs, " "), write.word(topic.verbs, " "))}, {2, write.word(topic.verbs, " ")}});
  return write.then(person.name + " ", doing, "in the ", write.word(topic.adjectives, " "),
                    write.word(topic.places, " "), write.word(kTimes, " " + number.be + " "),
                    write.word(topic.adjectives, ", "), write.word({"and", "but", "so"}, " " + person.name + " "),
                    write.word(kFeelings, " " + number.pronoun + ".\n"));
}

/// "these blue crabs that Ben caught in the wet harbour last week were salty, and Ben missed them."
static Phrase thing(Writer &write, const Topic &topic, const Number &number) {
  return write.then(write.word(topic.adjectives, " "), write.word(topic.nouns, number.ending + " that "),
                    write.each(kPeople, write.size.names,
                               [&](const Person &person) { return remembered(write, topic, number, person); }));
}

/// "Clara said that these old trams in the market were noisy, because she repaired them before noon."
static Phrase reported(Writer &write, const std::vector<Topic> &topics, const Person &person) {
  return write.then(
      person.name + " ", write.word(kSpeech, " that "), write.each(kNumbers, 2, [&](const Number &number) {
        return write.then(number.determiner + " ", write.each(topics, write.size.topics, [&](const Topic &topic) {
          return write.then(write.word(topic.adjectives, " "), write.word(topic.nouns, number.ending + " in the "),
                            write.word(topic.places, " "), number.be + " ", write.word(topic.adjectives, ", "),
                            write.word(kLinks, " " + person.pronoun + " "), write.word(topic.verbs, " "),
                            number.pronoun + " ", write.word(kTimes, ".\n"));
        }));
      }));
}

/// "On Monday Emma sold an old clock near the station, and in the end her friend Leo cleaned the clock."
static Phrase twoPeople(Writer &write, const Topic &topic, const Person &person) {
  return write.then(write.word(topic.verbs, " the "), write.word(topic.adjectives, " "),
                    write.each(topic.nouns, write.size.words, [&](const std::string &noun) {
                      return write.then(noun + " near the ", write.word(topic.places, ", and "),
                                        person.possessive + " friend ",
                                        write.each(kPeople, write.size.names, [&](const Person &friendly) {
                                          return write.then(friendly.name + " ", write.word(topic.verbs, " the "),
                                                            noun + " with " + person.name + ".\n");
                                        }));
                    }));
}

Phrase quickstart::english(Writer &write) {
  Phrase things = write.each(kNumbers, 2, [&](const Number &number) {
    return write.then(number.determiner + " ", write.each(kTopics, write.size.topics, [&](const Topic &topic) {
      return thing(write, topic, number);
    }));
  });
  Phrase reports =
      write.each(kPeople, write.size.names, [&](const Person &person) { return reported(write, kTopics, person); });
  Phrase stories = write.then(write.word(kDays, " "), write.each(kPeople, write.size.names, [&](const Person &person) {
    return write.then(person.name + " ", write.each(kTopics, write.size.topics, [&](const Topic &topic) {
      return twoPeople(write, topic, person);
    }));
  }));
  return write.choice({{1, things}, {1, reports}, {1, stories}});
}
