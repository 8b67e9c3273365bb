// Blocks and defs: the signature, then the body.
#include "compiler/parse/Parser.h"

using namespace kinu;
using namespace kinu::parse;
using namespace kinu::syntax;

bool Parser::parseFunction(FunctionStatement &function) {
  function.isBlock = cursor.atWord("block");
  cursor.take();
  bool hasSignature = parseSignature(function);
  if (!hasSignature && !skipToBody())
    return false;
  return parseBody(function.body) && hasSignature;
}

bool Parser::parseSignature(FunctionStatement &function) {
  SourceRange open;
  if (!cursor.expectName(function.name, function.isBlock ? "the name of the block" : "the name of the def"))
    return false;
  open = cursor.here();
  if (!cursor.expect(TokenKind::LeftParen))
    return false;
  while (!cursor.at(TokenKind::RightParen)) {
    if (!parseParameter(function.parameters.emplace_back()))
      return false;
    if (!cursor.accept(TokenKind::Comma))
      break;
  }
  if (!cursor.expectClose(TokenKind::RightParen, open))
    return false;
  if (cursor.accept(TokenKind::Arrow) &&
      !exprs.parseAxisList(function.result.emplace(), TokenKind::LeftBracket, TokenKind::RightBracket))
    return false;
  return cursor.at(TokenKind::LeftBrace) || cursor.failExpected(function.result ? "`{`" : "`->` or `{`");
}

/// `x[batch] int`, `at p[...q]`, `over a`, `eps = 1e-5`, `eps`.
bool Parser::parseParameter(Parameter &parameter) {
  using Kind = Parameter::Kind;
  SourceRange begin = cursor.here();
  // A label may be a word of the language (`as c`): it is never used as a name.
  if (cursor.at(TokenKind::Word) && cursor.at(TokenKind::Word, 1))
    parameter.label = {cursor.text().str(), cursor.take().range};
  if (!cursor.expectName(parameter.name, "the name of a parameter"))
    return false;
  if (cursor.at(TokenKind::LeftBracket)) {
    parameter.kind = Kind::Tensor;
    if (!exprs.parseAxisList(parameter.axes, TokenKind::LeftBracket, TokenKind::RightBracket) ||
        !parseTypeMark(parameter.type))
      return false;
  } else if (parameter.label) {
    parameter.kind = Kind::Axis;
  } else {
    parameter.kind = Kind::Number;
    integers.insert(parameter.name.text);
    if (cursor.at(TokenKind::Assign) && !parseValue(parameter.defaultValue))
      return false;
  }
  parameter.range = cursor.since(begin);
  return true;
}
