// `train` blocks, and what they share with layouts: lists of clauses on lines of their own or after commas.
#include "compiler/parse/Parser.h"

using namespace kinu;
using namespace kinu::parse;
using namespace kinu::syntax;

static const std::vector<std::string> trainKeywords = {"data",      "validation", "batch", "accumulate", "steps",
                                                       "optimizer", "precision",  "seed",  "evaluate",   "checkpoint"};

bool Parser::parseTrain(TrainDecl &train) {
  cursor.take();
  bool hasName = cursor.expectName(train.model, "the name of the model to train");
  if (!hasName && !skipToBody())
    return false;
  return parseClauses(train.bodyRange, [&] { return parseTrainClause(train.clauses); }) && hasName;
}

bool Parser::parseClauses(SourceRange &bodyRange, llvm::function_ref<bool()> parseClause) {
  SourceRange open = cursor.here();
  settled.clear();
  if (!cursor.expect(TokenKind::LeftBrace))
    return false;
  while (!cursor.atEnd() && !cursor.at(TokenKind::RightBrace)) {
    if (cursor.firstOnLine() && cursor.at(TokenKind::Word) && isTopLevelKeyword(cursor.text()))
      break;
    size_t start = cursor.index();
    if (parseClause())
      cursor.accept(TokenKind::Comma);
    else
      skipClause(start);
  }
  if (!cursor.at(TokenKind::RightBrace) && !cursor.gaveUp()) {
    cursor.diagnostics.error("unclosed-brace", open, "this `{` is never closed");
    cursor.giveUp();
    return false;
  }
  cursor.accept(TokenKind::RightBrace);
  bodyRange = cursor.since(open);
  return true;
}

/// After an error in the clause that began at token `start`: goes to the next line that starts with a word.
void Parser::skipClause(size_t start) {
  unsigned open = 0;
  if (cursor.index() == start)
    cursor.take();
  while (!cursor.atEnd()) {
    if (cursor.firstOnLine() && cursor.at(TokenKind::Word) && (open == 0 || isTopLevelKeyword(cursor.text())))
      return;
    if (cursor.at(TokenKind::RightBrace) && open-- == 0)
      return;
    open += cursor.at(TokenKind::LeftBrace);
    cursor.take();
  }
}

bool Parser::failClause(llvm::StringRef block, llvm::ArrayRef<std::string> keywords) {
  Diagnostic *diagnostic = cursor.reportUnknown("a clause of `" + block + "`");
  std::string close = cursor.at(TokenKind::Word) ? closestWord(cursor.text(), keywords) : "";
  if (diagnostic)
    diagnostic->suggest(close.empty() ? "the clauses are `" + llvm::join(keywords, "`, `") + "`"
                                      : "did you mean `" + close + "`?");
  return false;
}

/// Reports a clause about a subject that an earlier clause of the block has settled.
void Parser::refuseSecond(const std::string &subject, SourceRange range) {
  auto [first, isNew] = settled.try_emplace(subject, range);
  if (!isNew)
    cursor.diagnostics.error("duplicate-clause", range, "this is said twice").note(first->second, "first here");
}

/// What a clause sets: clauses with the same subject contradict each other.
static std::string subjectOf(const TrainClause &clause) {
  std::string kind = std::to_string(clause.index());
  if (auto *number = std::get_if<NumberClause>(&clause))
    return kind + " " + std::to_string(static_cast<int>(number->kind));
  if (auto *length = std::get_if<AxisLengthClause>(&clause))
    return kind + " " + length->axis.text;
  return kind;
}

bool Parser::parseTrainClause(std::vector<TrainClause> &clauses) {
  SourceRange begin = cursor.here();
  auto add = [&](auto clause, bool parsed) {
    if (!parsed)
      return false;
    clause.range = cursor.since(begin);
    SourceRange range = clause.range;
    clauses.push_back(std::move(clause));
    refuseSecond(subjectOf(clauses.back()), range);
    return true;
  };
  auto parse = [&]<typename Clause>(bool (Parser::*rule)(Clause &)) {
    Clause clause;
    bool parsed = (this->*rule)(clause);
    return add(std::move(clause), parsed);
  };
  if (cursor.atWord("data"))
    return parse(&Parser::parseData);
  if (cursor.atWord("validation"))
    return parse(&Parser::parseValidation);
  if (cursor.acceptWord("precision"))
    return parse(&Parser::parsePrecision);
  if (cursor.acceptWord("optimizer")) {
    OptimizerClause optimizer;
    optimizer.call = exprs.parseCallOnly("an optimizer: `adamw(lr: 1e-3)` or `sgd(lr: 1e-3)`");
    bool parsed = optimizer.call != nullptr;
    return add(std::move(optimizer), parsed);
  }
  for (llvm::StringRef keyword : {"accumulate", "steps", "seed", "evaluate", "checkpoint"})
    if (cursor.atWord(keyword))
      return parse(&Parser::parseNumberClause);
  bool namesLength =
      cursor.at(TokenKind::Number, 1) || closestWord(cursor.text(), trainKeywords).empty() || cursor.atWord("batch");
  if (!cursor.at(TokenKind::Word) || isReserved(cursor.text()) || !namesLength)
    return failClause("train", trainKeywords);
  AxisLengthClause length;
  bool parsed = cursor.expectName(length.axis, "the name of an axis") && (length.length = exprs.parseExpr()) != nullptr;
  return add(std::move(length), parsed);
}

bool Parser::parseNumberClause(NumberClause &clause) {
  using Kind = NumberClause::Kind;
  llvm::StringRef word = cursor.text();
  clause.kind = word == "accumulate" ? Kind::Accumulate
                : word == "steps"    ? Kind::Steps
                : word == "seed"     ? Kind::Seed
                : word == "evaluate" ? Kind::Evaluate
                                     : Kind::Checkpoint;
  cursor.take();
  bool isPeriod = clause.kind == Kind::Evaluate || clause.kind == Kind::Checkpoint;
  return (!isPeriod || cursor.expectWord("every")) && (clause.value = exprs.parseExpr()) != nullptr;
}

bool Parser::parseString(StringLiteral &string) {
  string.range = cursor.here();
  return exprs.parseString(string.value);
}

bool Parser::parseStrings(std::vector<StringLiteral> &strings) {
  do {
    if (!parseString(strings.emplace_back()))
      return false;
  } while (cursor.at(TokenKind::Comma) && cursor.at(TokenKind::String, 1) && cursor.accept(TokenKind::Comma));
  return true;
}

bool Parser::parseData(DataClause &data) {
  cursor.take();
  if (!parseStrings(data.files))
    return false;
  if (cursor.acceptWord("tokenizer") && !parseString(data.tokenizer.emplace()))
    return false;
  return !cursor.at(TokenKind::LeftBrace) || parseBindings(data);
}

bool Parser::parseBindings(DataClause &data) {
  SourceRange open = cursor.take().range;
  exprs.allowStrings = true;
  bool parsed = true;
  while (parsed && !cursor.at(TokenKind::RightBrace)) {
    DataClause::Binding &binding = data.bindings.emplace_back();
    parsed = cursor.expectName(binding.input, "the name of an input") && parseValue(binding.source);
    if (!parsed || !cursor.accept(TokenKind::Comma))
      break;
  }
  exprs.allowStrings = false;
  parsed = parsed && cursor.expectClose(TokenKind::RightBrace, open);
  data.bindingsRange = cursor.since(open);
  return parsed;
}

bool Parser::parseValidation(ValidationClause &validation) {
  cursor.take();
  if (cursor.at(TokenKind::String))
    return parseStrings(validation.files);
  return (validation.fraction = exprs.parseExpr()) != nullptr;
}

bool Parser::parsePrecision(PrecisionClause &precision) {
  if (cursor.at(TokenKind::LeftParen, 1)) {
    precision.call = exprs.parseCallOnly("`fp32`, `fp16` or `bf16`");
    if (!precision.call)
      return false;
    precision.type = precision.call->callee;
  } else if (!cursor.expectName(precision.type, "`fp32`, `fp16` or `bf16`")) {
    return false;
  }
  return !(cursor.atWord("stages") || cursor.atWord("layers")) || parseRangeList(precision.where.emplace());
}
