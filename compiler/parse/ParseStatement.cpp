// Statements of models, blocks, defs and repeats: one function each, in the order of syntax/Statement.h.
#include "compiler/parse/Parse.h"
#include "compiler/parse/Parser.h"

using namespace kinu;
using namespace kinu::parse;
using namespace kinu::syntax;

bool Parser::parseBody(Body &body) {
  SourceRange open = cursor.here();
  if (!cursor.expect(TokenKind::LeftBrace))
    return false;
  if (++depth > maxDepth) {
    cursor.diagnostics.error("nested-too-deeply", open, llvm::formatv("more than {0} bodies in each other", maxDepth));
    cursor.giveUp();
    return false;
  }
  while (!cursor.atEnd() && !cursor.at(TokenKind::RightBrace)) {
    if (cursor.firstOnLine() && cursor.at(TokenKind::Word) && isTopLevelKeyword(cursor.text()))
      break;
    size_t start = cursor.index();
    if (StatementPtr statement = parseStatement())
      body.statements.push_back(std::move(statement));
    else
      skipStatement(start);
  }
  --depth;
  body.range = cursor.since(open);
  if (!cursor.at(TokenKind::RightBrace) && !cursor.gaveUp()) {
    cursor.diagnostics.error("unclosed-brace", open, "this `{` is never closed");
    cursor.giveUp(); // one missing brace leaves every body around it open, too
    return false;
  }
  cursor.accept(TokenKind::RightBrace);
  body.range = cursor.since(open);
  return true;
}

template <typename T, bool (Parser::*Parse)(T &)> StatementPtr Parser::statement() {
  SourceRange begin = cursor.here();
  auto node = std::make_unique<T>(begin);
  node->keyword = begin;
  if (!(this->*Parse)(*node))
    return nullptr;
  node->range = cursor.since(begin);
  return node;
}

StatementPtr Parser::parseStatement() {
  using Rule = StatementPtr (Parser::*)();
  static const std::pair<llvm::StringLiteral, Rule> rules[] = {
      {"size", &Parser::statement<SizeStatement, &Parser::parseSize>},
      {"axis", &Parser::statement<AxisStatement, &Parser::parseAxis>},
      {"let", &Parser::statement<LetStatement, &Parser::parseLet>},
      {"input", &Parser::statement<InputStatement, &Parser::parseInput>},
      {"weight", &Parser::statement<WeightStatement, &Parser::parseWeight>},
      {"bias", &Parser::statement<WeightStatement, &Parser::parseWeight>},
      {"gain", &Parser::statement<WeightStatement, &Parser::parseWeight>},
      {"def", &Parser::statement<FunctionStatement, &Parser::parseFunction>},
      {"block", &Parser::statement<FunctionStatement, &Parser::parseFunction>},
      {"use", &Parser::statement<UseStatement, &Parser::parseUse>},
      {"repeat", &Parser::statement<RepeatStatement, &Parser::parseRepeat>},
      {"return", &Parser::statement<ReturnStatement, &Parser::parseReturn>},
      {"output", &Parser::statement<OutputStatement, &Parser::parseOutput>},
      {"loss", &Parser::statement<LossStatement, &Parser::parseLoss>},
      {"aux", &Parser::statement<AuxStatement, &Parser::parseAux>},
      {"metric", &Parser::statement<MetricStatement, &Parser::parseMetric>},
  };
  if (cursor.at(TokenKind::Word) && cursor.at(TokenKind::Assign, 1) && !isReserved(cursor.text()))
    return statement<AssignStatement, &Parser::parseAssign>();
  if (cursor.at(TokenKind::Word))
    for (const auto &[keyword, rule] : rules)
      if (cursor.text() == keyword)
        return (this->*rule)();
  Diagnostic *diagnostic = cursor.reportUnknown("a statement");
  if (diagnostic && cursor.at(TokenKind::Word)) {
    std::vector<std::string> keywords;
    for (const auto &[keyword, rule] : rules)
      keywords.push_back(keyword.str());
    std::string close = closestWord(cursor.text(), keywords);
    if (!close.empty())
      diagnostic->suggest("did you mean `" + close + "`?");
  }
  return nullptr;
}

bool Parser::parseValue(ExprPtr &value) {
  return cursor.expect(TokenKind::Assign) && (value = exprs.parseExpr()) != nullptr;
}

bool Parser::parseBrackets(std::optional<AxisList> &axes) {
  return !cursor.at(TokenKind::LeftBracket) ||
         exprs.parseAxisList(axes.emplace(), TokenKind::LeftBracket, TokenKind::RightBracket);
}

bool Parser::parseNames(std::vector<Name> &names, llvm::StringRef what) {
  do {
    if (!cursor.expectName(names.emplace_back(), what))
      return false;
  } while (cursor.accept(TokenKind::Comma));
  return true;
}

bool Parser::parseSize(SizeStatement &size) {
  cursor.take();
  do {
    SizeStatement::Item &item = size.items.emplace_back();
    if (!cursor.expectName(item.name, "the name of a size") || !parseValue(item.value))
      return false;
    integers.insert(item.name.text);
  } while (cursor.accept(TokenKind::Comma));
  return true;
}

bool Parser::parseAxis(AxisStatement &axis) {
  cursor.take();
  do {
    AxisStatement::Item &item = axis.items.emplace_back();
    SourceRange begin = cursor.here();
    if (!parseAxisItem(item))
      return false;
    item.range = cursor.since(begin);
    integers.insert(item.name.text);
  } while (cursor.accept(TokenKind::Comma));
  return true;
}

bool Parser::parseAxisItem(AxisStatement::Item &item) {
  using Kind = AxisStatement::Item::Kind;
  if (!cursor.expectName(item.name, "the name of an axis"))
    return false;
  if (cursor.atWord("up") && cursor.atWord("to", 1)) {
    item.kind = Kind::UpTo;
    cursor.take();
    cursor.take();
    return (item.length = exprs.parseExpr()) != nullptr;
  }
  if (cursor.acceptWord("like")) {
    item.kind = Kind::Like;
    return cursor.expectName(item.like, "the name of an axis");
  }
  if (!cursor.accept(TokenKind::Assign))
    return true;
  item.kind = Kind::Length;
  item.length = exprs.parseExprOrTuple();
  if (!item.length)
    return false;
  auto *tuple = llvm::dyn_cast<TupleExpr>(item.length.get());
  if (!tuple)
    return true;
  for (const ExprPtr &element : tuple->elements) {
    auto *factor = llvm::dyn_cast<NameExpr>(element.get());
    if (!factor) {
      cursor.diagnostics.error("factor-not-an-axis", element->range, "the factors of an axis are names of axes")
          .suggest("declare it first, `axis half = width / 2`, and name it here");
      return false;
    }
    item.factors.push_back({factor->name, factor->range});
  }
  item.kind = Kind::Product;
  item.length = nullptr;
  return true;
}

bool Parser::parseLet(LetStatement &let) {
  cursor.take();
  return cursor.expectName(let.name, "a name") && parseBrackets(let.axes) && parseValue(let.value);
}

bool Parser::parseTypeMark(TypeMark &type) {
  using Kind = TypeMark::Kind;
  SourceRange begin = cursor.here();
  if (cursor.acceptWord("int"))
    type.kind = Kind::Int;
  else if (cursor.acceptWord("bool"))
    type.kind = Kind::Bool;
  else if (cursor.acceptWord("in"))
    type.kind = Kind::Id;
  else
    return true;
  if (type.kind == Kind::Id && !cursor.expectName(type.axis, "the name of an axis"))
    return false;
  type.range = cursor.since(begin);
  return true;
}

bool Parser::parseInput(InputStatement &input) {
  cursor.take();
  do {
    InputStatement::Item &item = input.items.emplace_back();
    if (!cursor.expectName(item.name, "the name of an input") || !parseBrackets(item.axes) ||
        (item.axes && !parseTypeMark(item.type)))
      return false;
  } while (cursor.accept(TokenKind::Comma));
  return true;
}

bool Parser::parseWeight(WeightStatement &weight) {
  using Role = WeightStatement::Role;
  weight.role = cursor.atWord("weight") ? Role::Weight : cursor.atWord("bias") ? Role::Bias : Role::Gain;
  cursor.take();
  do {
    WeightStatement::Item &item = weight.items.emplace_back();
    if (!cursor.expectName(item.name, "the name of a weight") || !parseBrackets(item.axes) ||
        (cursor.at(TokenKind::Assign) && !parseValue(item.initialiser)))
      return false;
  } while (cursor.accept(TokenKind::Comma));
  return true;
}

bool Parser::parseUse(UseStatement &use) {
  cursor.take();
  if (!parseNames(use.names, "the name of an instance") || !cursor.expect(TokenKind::Assign))
    return false;
  use.call = exprs.parseCallOnly("the block to use, with its axes and numbers: `layernorm(over: embed)`");
  return use.call != nullptr;
}

bool Parser::parseRepeat(RepeatStatement &repeat) {
  cursor.take();
  bool hasHeader = cursor.expectName(repeat.name, "the name of the repeat") && parseValue(repeat.count) &&
                   (cursor.at(TokenKind::LeftBrace) || cursor.failExpected("`{`"));
  integers.insert(repeat.name.text);
  if (!hasHeader && !skipToBody())
    return false;
  return parseBody(repeat.body) && hasHeader;
}

bool Parser::parseAssign(AssignStatement &assign) {
  return cursor.expectName(assign.name, "a name") && parseValue(assign.value);
}

bool Parser::parseReturn(ReturnStatement &statement) {
  cursor.take();
  return (statement.value = exprs.parseExpr()) != nullptr;
}

bool Parser::parseOutput(OutputStatement &output) {
  cursor.take();
  return parseNames(output.names, "the name of a value");
}

bool Parser::parseWhere(ExprPtr &where) {
  return !cursor.acceptWord("where") || (where = exprs.parseExpr()) != nullptr;
}

bool Parser::parseLoss(LossStatement &loss) {
  cursor.take();
  return (loss.value = exprs.parseExpr()) != nullptr && parseWhere(loss.where);
}

bool Parser::parseAux(AuxStatement &aux) {
  cursor.take();
  return cursor.expectName(aux.name, "a name") && parseBrackets(aux.axes) && parseValue(aux.value);
}

bool Parser::parseMetric(MetricStatement &metric) {
  cursor.take();
  return cursor.expectName(metric.name, "a name") && parseValue(metric.value) && parseWhere(metric.where);
}
