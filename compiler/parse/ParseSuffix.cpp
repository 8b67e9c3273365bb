// What is written in brackets: arguments of calls, lookups and renames behind a value, lists of axes.
#include "compiler/parse/ExprParser.h"

using namespace kinu;
using namespace kinu::parse;
using namespace kinu::syntax;

bool ExprParser::parseAxisList(AxisList &list, TokenKind open, TokenKind close) {
  SourceRange begin = cursor.here();
  if (!cursor.expect(open))
    return false;
  while (!cursor.at(close)) {
    AxisEntry entry;
    SourceRange entryBegin = cursor.here();
    if (cursor.accept(TokenKind::Ellipsis)) {
      entry.isRest = true;
      // `...q` is one word: what follows a blank is not the name of the rest.
      if (cursor.at(TokenKind::Word) && cursor.here().begin == entryBegin.end)
        entry.name = {cursor.text().str(), cursor.take().range};
    } else if (!cursor.expectName(entry.name, "the name of an axis")) {
      return false;
    }
    entry.range = cursor.since(entryBegin);
    list.entries.push_back(std::move(entry));
    if (!cursor.accept(TokenKind::Comma))
      break;
  }
  if (!cursor.expectClose(close, begin))
    return false;
  list.range = cursor.since(begin);
  return true;
}

bool ExprParser::parseString(std::string &value) {
  SourceRange range = cursor.here();
  llvm::StringRef source = cursor.text();
  if (!cursor.expect(TokenKind::String))
    return false;
  source = source.drop_front().drop_back();
  value.clear();
  for (size_t index = 0; index < source.size(); ++index) {
    char c = source[index];
    if (c != '\\') {
      value += c;
      continue;
    }
    char escaped = source[++index];
    if (escaped != '\\' && escaped != '"' && escaped != 'n' && escaped != 't') {
      uint32_t place = range.begin + 1 + index;
      cursor.diagnostics.error("unknown-escape", {range.file, place - 1, place}, "`\\` starts no known escape here")
          .suggest("the escapes are `\\\\`, `\\\"`, `\\n` and `\\t`; a backslash is `\\\\`");
      return false;
    }
    value += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
  }
  return true;
}

bool ExprParser::parseOtherwise(std::optional<Otherwise> &otherwise) {
  SourceRange begin = cursor.here();
  if (!cursor.acceptWord("else"))
    return true;
  otherwise.emplace();
  if (!cursor.acceptWord("drop") && !(otherwise->value = parseExpr()))
    return false;
  otherwise->range = cursor.since(begin);
  return true;
}

std::unique_ptr<CallExpr> ExprParser::parseCallOnly(llvm::StringRef what) {
  if (!cursor.at(TokenKind::Word) || !cursor.at(TokenKind::LeftParen, 1)) {
    cursor.failExpected(what);
    return nullptr;
  }
  ExprPtr call = parseCall();
  return std::unique_ptr<CallExpr>(llvm::cast_if_present<CallExpr>(call.release()));
}

ExprPtr ExprParser::parseCall() {
  SourceRange begin = cursor.here();
  auto call = std::make_unique<CallExpr>(begin);
  call->callee = {cursor.text().str(), begin};
  cursor.take();
  SourceRange open = cursor.take().range;
  while (!cursor.at(TokenKind::RightParen)) {
    if (!parseArgument(*call))
      return nullptr;
    if (cursor.atWord("else") || !cursor.accept(TokenKind::Comma))
      break;
  }
  if (!parseOtherwise(call->otherwise) || !cursor.expectClose(TokenKind::RightParen, open))
    return nullptr;
  call->range = cursor.since(begin);
  unsigned height = call->otherwise && call->otherwise->value ? call->otherwise->value->height : 0;
  for (const Argument &argument : call->arguments)
    height = std::max(height, argument.value->height);
  call->height = height + 1;
  return finish(std::move(call), {});
}

bool ExprParser::parseArgument(CallExpr &call) {
  SourceRange begin = cursor.here();
  Argument argument;
  if (cursor.at(TokenKind::Word) && (cursor.at(TokenKind::Colon, 1) || cursor.at(TokenKind::Assign, 1))) {
    // `as` and other words of the language are fine labels.
    argument.label = {cursor.text().str(), cursor.take().range};
    bool isLabel = cursor.take().kind == TokenKind::Colon;
    argument.kind = isLabel ? Argument::Kind::Labelled : Argument::Kind::Index;
    argument.value = isLabel ? parseLabelledValue() : parseExpr();
  } else {
    if (!call.arguments.empty() && call.arguments.back().kind != Argument::Kind::Positional) {
      cursor.diagnostics.error("positional-after-labelled", begin, "an argument without label after labelled ones")
          .also(call.arguments.back().range)
          .suggest("move it to the front, or give it its label");
      return false;
    }
    argument.value = parseExpr();
  }
  if (!argument.value)
    return false;
  argument.range = cursor.since(begin);
  call.arguments.push_back(std::move(argument));
  return true;
}

ExprPtr ExprParser::parseLabelledValue() {
  if (!cursor.at(TokenKind::LeftBrace))
    return parseExprOrTuple();
  auto set = std::make_unique<AxisSetExpr>(cursor.here());
  if (!parseAxisList(set->axes, TokenKind::LeftBrace, TokenKind::RightBrace))
    return nullptr;
  set->range = set->axes.range;
  return set;
}

ExprPtr ExprParser::parseSelect(ExprPtr base) {
  auto select = std::make_unique<SelectExpr>(base->range);
  unsigned height = base->height;
  select->base = std::move(base);
  SourceRange open = cursor.take().range;
  do {
    SelectItem item;
    if (!parseSelectItem(item))
      return nullptr;
    for (const ExprPtr *child : {&item.index, &item.begin, &item.end})
      height = std::max(height, *child ? (*child)->height : 0);
    select->items.push_back(std::move(item));
  } while (cursor.accept(TokenKind::Comma) && !cursor.at(TokenKind::RightBracket));
  if (!parseOtherwise(select->otherwise) || !cursor.expectClose(TokenKind::RightBracket, open))
    return nullptr;
  if (select->otherwise && select->otherwise->value)
    height = std::max(height, select->otherwise->value->height);
  select->range = cursor.since(select->base->range);
  select->height = height + 1;
  return finish(std::move(select), {});
}

bool ExprParser::parseNameTuple(std::vector<Name> &names) {
  SourceRange open = cursor.take().range;
  do {
    if (!cursor.expectName(names.emplace_back(), "the name of an axis"))
      return false;
  } while (cursor.accept(TokenKind::Comma));
  return cursor.expectClose(TokenKind::RightParen, open);
}

bool ExprParser::parseSelectItem(SelectItem &item) {
  SourceRange begin = cursor.here();
  bool parsed = false;
  if (cursor.at(TokenKind::LeftParen)) {
    item.kind = SelectItem::Kind::Join;
    parsed = parseNameTuple(item.from) && cursor.expectWord("as") &&
             cursor.expectName(item.to.emplace_back(), "the name of the joined axis");
  } else {
    parsed = cursor.expectName(item.from.emplace_back(), "the name of an axis") && parseAfterAxis(item);
  }
  item.range = cursor.since(begin);
  return parsed;
}

/// `as b`, `as (b, c)`, `= i`, `= i..j as b`.
bool ExprParser::parseAfterAxis(SelectItem &item) {
  if (cursor.acceptWord("as")) {
    bool splits = cursor.at(TokenKind::LeftParen);
    item.kind = splits ? SelectItem::Kind::Split : SelectItem::Kind::Rename;
    return splits ? parseNameTuple(item.to) : cursor.expectName(item.to.emplace_back(), "the name of the new axis");
  }
  if (!cursor.accept(TokenKind::Assign)) {
    if (Diagnostic *diagnostic = cursor.reportExpected("`=` or `as`"))
      diagnostic->suggest("brackets behind a value look up, `w[token = i]`, or rename, `x[seq as key]`");
    return false;
  }
  ExprPtr first = parseExpr();
  if (!first)
    return false;
  if (!cursor.accept(TokenKind::DotDot)) {
    item.index = std::move(first);
    return true;
  }
  item.kind = SelectItem::Kind::Slice;
  item.begin = std::move(first);
  if (!(item.end = parseExpr()))
    return false;
  if (!cursor.atWord("as")) {
    cursor.diagnostics
        .error("slice-without-axis", cursor.since(item.from.front().range),
               "a slice does not say which axis it becomes")
        .suggest("declare an axis of its length and write `" + item.from.front().text + " = i..j as half`");
    return false;
  }
  cursor.take();
  return cursor.expectName(item.to.emplace_back(), "the name of the new axis");
}
