// The Japanese half of the quickstart's corpus, and a line of it.
#include "examples/quickstart/Languages.h"

using namespace quickstart;

namespace {
using Words = std::vector<std::string>;

/// A verb as it ends a clause ("買った") and as it goes on ("買って").
struct Verb {
  std::string past, continued;
};

struct Topic {
  Words nouns;
  std::vector<Verb> verbs;
  Words adjectives, places;
};

/// How politely somebody speaks: the same level from the first word to the last.
struct Politeness {
  std::string self, opening, address;
  Words reports; ///< "showed", "told", ... in this level, in the same order in every level
  std::string belief, gift;
};
} // namespace

static const std::vector<Topic> kTopics = {
    {{"蟹", "貝", "船", "網", "錨", "魚"},
     {{"釣った", "釣って"}, {"追った", "追って"}, {"拾った", "拾って"}, {"数えた", "数えて"}, {"眺めた", "眺めて"}},
     {"青い", "深い", "塩辛い", "冷たい", "丸い"},
     {"港", "浜辺", "灯台", "入り江"}},
    {{"鍋", "包丁", "玉葱", "匙", "菓子", "皿"},
     {{"洗った", "洗って"}, {"煮た", "煮て"}, {"味わった", "味わって"}, {"切った", "切って"}, {"焦がした", "焦がして"}},
     {"熱い", "甘い", "苦い", "新鮮な", "油っこい"},
     {"台所", "食堂", "酒蔵", "喫茶店"}},
    {{"薔薇", "木", "種", "根", "小鳥", "花"},
     {{"植えた", "植えて"}, {"育てた", "育てて"}, {"刈った", "刈って"}, {"摘んだ", "摘んで"}, {"描いた", "描いて"}},
     {"高い", "小さな", "野生の", "美しい", "棘だらけの"},
     {"庭", "果樹園", "野原", "温室"}},
    {{"本", "鉛筆", "地図", "机", "問題", "辞書"},
     {{"写した", "写して"}, {"覚えた", "覚えて"}, {"説明した", "説明して"}, {"解いた", "解いて"}, {"忘れた", "忘れて"}},
     {"難しい", "長い", "退屈な", "役に立つ", "易しい"},
     {"教室", "図書館", "廊下", "体育館"}},
    {{"歌", "太鼓", "笛", "琴", "踊り", "曲"},
     {{"奏でた", "奏でて"},
      {"練習した", "練習して"},
      {"聴いた", "聴いて"},
      {"褒めた", "褒めて"},
      {"録音した", "録音して"}},
     {"静かな", "悲しい", "陽気な", "遅い", "激しい"},
     {"劇場", "舞台", "稽古場", "演奏会"}},
    {{"電車", "店", "橋", "車", "時計", "看板"},
     {{"直した", "直して"}, {"売った", "売って"}, {"訪ねた", "訪ねて"}, {"掃除した", "掃除して"}, {"調べた", "調べて"}},
     {"古い", "騒がしい", "汚い", "新しい", "立派な"},
     {"市場", "駅", "広場", "郊外"}},
};

static const Words kNames = {"太郎", "花子", "次郎", "幸子", "健太", "美咲",
                             "一郎", "良子", "大輔", "直美", "正雄", "由美"};
static const Words kTimes = {"昨日", "今朝", "先週", "去年"};
static const Words kManners = {"静かに", "急いで", "何度も", "一人で"};

static const std::vector<Politeness> kLevels = {
    {"私は", "あの、", "さん", {"見せました", "話しました", "渡しました", "送りました"}, "と思います", "くれました"},
    {"俺は", "なあ、", "", {"見せた", "話した", "渡した", "送った"}, "と思う", "くれた"},
    {"わたくしは",
     "恐れ入りますが、",
     "様",
     {"お見せしました", "お話ししました", "お渡ししました", "お送りしました"},
     "と存じます",
     "くださいました"},
};

/// "私は昨日港で花子さんが釣った青い魚を静かに洗って、花子さんに見せました。"
static Phrase shown(Writer &write, const std::vector<Topic> &topics, const Politeness &level) {
  auto about = [&](const Topic &topic, const std::string &name) {
    std::vector<Verb> verbs = topic.verbs;
    Phrase manner = write.choice({{1, write.word(kManners, "")}, {1, write.word({"そっと", "よく"}, "")}});
    return write.then(write.each(verbs, write.size.words, [&](const Verb &verb) { return write(verb.past); }),
                      write.word(topic.adjectives, ""), write.word(topic.nouns, "を"), manner,
                      write.each(verbs, write.size.words, [&](const Verb &verb) { return write(verb.continued); }),
                      "、" + name + level.address + "に", write.word(level.reports, "。\n"));
  };
  return write.then(level.self, write.word(kTimes, ""), write.each(topics, write.size.topics, [&](const Topic &topic) {
    return write.then(write.word(topic.places, "で"),
                      write.each(kNames, write.size.names, [&](const std::string &name) {
                        return write.then(name + level.address + "が", about(topic, name));
                      }));
  }));
}

/// "なあ、市場にある古い時計は、次郎が去年直した橋より新しいと思う。"
static Phrase compared(Writer &write, const std::vector<Topic> &topics, const Politeness &level) {
  return write.then(level.opening, write.each(topics, write.size.topics, [&](const Topic &topic) {
    return write.then(write.word(topic.places, "にある"), write.word(topic.adjectives, ""),
                      write.word(topic.nouns, "は、"),
                      write.each(kNames, write.size.names,
                                 [&](const std::string &name) { return write(name + level.address + "が"); }),
                      write.word(kTimes, ""),
                      write.each(topic.verbs, write.size.words, [&](const Verb &verb) { return write(verb.past); }),
                      write.word(topic.nouns, "より"), write.word(topic.adjectives, "物だ"), level.belief + "。\n");
  }));
}

/// "太郎様は先週台所で甘い菓子を切って、一人でその菓子を幸子様にくださいました。"
static Phrase given(Writer &write, const std::vector<Topic> &topics, const std::string &name) {
  auto about = [&](const Politeness &level, const Topic &topic) {
    return write.then(
        write.word(topic.places, "で"), write.word(topic.adjectives, ""),
        write.each(topic.nouns, write.size.words, [&](const std::string &noun) {
          return write.then(
              noun + "を",
              write.each(topic.verbs, write.size.words, [&](const Verb &verb) { return write(verb.continued + "、"); }),
              write.word(kManners, "その" + noun + "を"),
              write.each(kNames, write.size.names,
                         [&](const std::string &friendly) { return write(friendly + level.address); }),
              "に" + level.gift + "。\n");
        }));
  };
  return write.then(name, write.each(kLevels, 3, [&](const Politeness &level) {
    return write.then(level.address + "は", write.word(kTimes, ""),
                      write.each(topics, write.size.topics, [&](const Topic &topic) { return about(level, topic); }));
  }));
}

Phrase quickstart::japanese(Writer &write) {
  Phrase shows = write.each(kLevels, 3, [&](const Politeness &level) { return shown(write, kTopics, level); });
  Phrase comparisons = write.each(kLevels, 3, [&](const Politeness &level) { return compared(write, kTopics, level); });
  Phrase gifts =
      write.each(kNames, write.size.names, [&](const std::string &name) { return given(write, kTopics, name); });
  return write.choice({{1, shows}, {1, comparisons}, {1, gifts}});
}

Phrase quickstart::line(Grammar &grammar, Size size) {
  Writer write(grammar, size);
  return write.choice({{1, english(write)}, {1, japanese(write)}});
}
