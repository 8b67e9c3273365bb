// Expressions by precedence climbing. Ranks, loosest first: or, and, not, comparisons (which do not chain), + -,
// * / // % @{}, unary -, ^ (to the right), and what is written behind an operand.
#include "compiler/parse/ExprParser.h"
#include "compiler/parse/Parse.h"

#include <cmath>

using namespace kinu;
using namespace kinu::parse;
using namespace kinu::syntax;

namespace {

enum Rank : unsigned { OrRank = 1, AndRank, NotRank, CompareRank, SumRank, ProductRank, NegateRank, PowerRank };

struct Operator {
  unsigned rank = 0; ///< 0: not a binary operator
  BinaryOp op = BinaryOp::Or;
  bool isContract = false;
};

Operator operatorAt(const Cursor &cursor) {
  switch (cursor.peek().kind) {
  case TokenKind::Word:
    if (cursor.atWord("or"))
      return {OrRank, BinaryOp::Or};
    return cursor.atWord("and") ? Operator{AndRank, BinaryOp::And} : Operator{};
  case TokenKind::EqualEqual: return {CompareRank, BinaryOp::Equal};
  case TokenKind::NotEqual: return {CompareRank, BinaryOp::NotEqual};
  case TokenKind::Less: return {CompareRank, BinaryOp::Less};
  case TokenKind::LessEqual: return {CompareRank, BinaryOp::LessEqual};
  case TokenKind::Greater: return {CompareRank, BinaryOp::Greater};
  case TokenKind::GreaterEqual: return {CompareRank, BinaryOp::GreaterEqual};
  case TokenKind::Plus: return {SumRank, BinaryOp::Add};
  case TokenKind::Minus: return {SumRank, BinaryOp::Subtract};
  case TokenKind::Star: return {ProductRank, BinaryOp::Multiply};
  case TokenKind::Slash: return {ProductRank, BinaryOp::Divide};
  case TokenKind::SlashSlash: return {ProductRank, BinaryOp::FloorDivide};
  case TokenKind::Percent: return {ProductRank, BinaryOp::Modulo};
  case TokenKind::At: return {ProductRank, BinaryOp::Multiply, /*isContract=*/true};
  case TokenKind::Caret: return {PowerRank, BinaryOp::Power};
  default: return {};
  }
}

bool isComparison(const Expr &expr) {
  auto *binary = llvm::dyn_cast<BinaryExpr>(&expr);
  return binary && binary->op >= BinaryOp::Equal && binary->op <= BinaryOp::GreaterEqual;
}

/// Counts a level of recursion while it lives.
struct Level {
  unsigned &depth;
  explicit Level(unsigned &depth) : depth(depth) { ++depth; }
  ~Level() { --depth; }
};

} // namespace

ExprPtr ExprParser::failDepth(SourceRange range) {
  if (!cursor.gaveUp())
    cursor.diagnostics
        .error("nested-too-deeply", range, llvm::formatv("this expression has more than {0} levels", maxDepth))
        .suggest("name parts of it with `let`");
  cursor.giveUp();
  return nullptr;
}

/// Sets the height of a new node, and refuses it when it is too high: a chain `1+1+1+...` needs no recursion to parse,
/// but would need it afterwards.
ExprPtr ExprParser::finish(ExprPtr expr, std::initializer_list<const Expr *> children) {
  for (const Expr *child : children)
    if (child)
      expr->height = std::max(expr->height, child->height + 1);
  return expr->height > maxDepth ? failDepth({expr->range.file, expr->range.end, expr->range.end}) : std::move(expr);
}

ExprPtr ExprParser::parseBinary(unsigned minimum) {
  Level level(depth);
  if (depth > maxDepth)
    return failDepth(cursor.here());
  bool parenthesized = cursor.at(TokenKind::LeftParen);
  ExprPtr left = parseOperand(minimum);
  while (left) {
    Operator next = operatorAt(cursor);
    if (next.rank == 0 || next.rank < minimum)
      return left;
    if (next.isContract) {
      left = parseContract(std::move(left));
      continue;
    }
    if (next.rank == CompareRank && isComparison(*left) && !parenthesized) {
      cursor.diagnostics.error("chained-comparison", cursor.here(), "comparisons do not chain")
          .also(llvm::cast<BinaryExpr>(*left).opRange)
          .suggest("write `a < b and b < c`");
      return nullptr;
    }
    parenthesized = false;
    SourceRange opRange = cursor.take().range;
    // ^ groups to the right, everything else to the left.
    ExprPtr right = parseBinary(next.rank == PowerRank ? PowerRank : next.rank + 1);
    if (!right)
      return nullptr;
    auto binary = std::make_unique<BinaryExpr>(cover(left->range, right->range));
    binary->op = next.op;
    binary->opRange = opRange;
    binary->left = std::move(left);
    binary->right = std::move(right);
    const Expr *children[] = {binary->left.get(), binary->right.get()};
    left = finish(std::move(binary), {children[0], children[1]});
  }
  return nullptr;
}

ExprPtr ExprParser::parseOperand(unsigned minimum) {
  if (cursor.at(TokenKind::Minus))
    return parseUnary(UnaryOp::Negate, PowerRank);
  if (!cursor.atWord("not"))
    return parsePostfix();
  if (minimum <= NotRank)
    return parseUnary(UnaryOp::Not, CompareRank);
  cursor.diagnostics.error("misplaced-not", cursor.here(), "`not` binds looser than the operator before it")
      .suggest("put it in parentheses: `(not x)`");
  return nullptr;
}

ExprPtr ExprParser::parseUnary(UnaryOp op, unsigned operandMinimum) {
  Level level(depth);
  if (depth > maxDepth)
    return failDepth(cursor.here());
  SourceRange opRange = cursor.take().range;
  bool repeated = op == UnaryOp::Not ? cursor.atWord("not") : cursor.at(TokenKind::Minus);
  ExprPtr operand = repeated ? parseUnary(op, operandMinimum) : parseBinary(operandMinimum);
  if (!operand)
    return nullptr;
  auto unary = std::make_unique<UnaryExpr>(cover(opRange, operand->range));
  unary->op = op;
  unary->opRange = opRange;
  unary->operand = std::move(operand);
  const Expr *child = unary->operand.get();
  return finish(std::move(unary), {child});
}

ExprPtr ExprParser::parseContract(ExprPtr left) {
  SourceRange at = cursor.take().range;
  if (!cursor.at(TokenKind::LeftBrace)) {
    cursor.diagnostics.error("contract-without-axes", at, "`@` does not say which axes it sums over")
        .suggest("name them: `x @{embed} w`");
    return nullptr;
  }
  AxisList axes;
  if (!parseAxisList(axes, TokenKind::LeftBrace, TokenKind::RightBrace))
    return nullptr;
  SourceRange opRange = cursor.since(at);
  ExprPtr right = parseBinary(ProductRank + 1);
  if (!right)
    return nullptr;
  auto contract = std::make_unique<ContractExpr>(cover(left->range, right->range));
  contract->opRange = opRange;
  contract->axes = std::move(axes);
  contract->left = std::move(left);
  contract->right = std::move(right);
  const Expr *children[] = {contract->left.get(), contract->right.get()};
  return finish(std::move(contract), {children[0], children[1]});
}

ExprPtr ExprParser::parsePostfix() {
  ExprPtr expr = parsePrimary();
  while (expr && cursor.at(TokenKind::LeftBracket))
    expr = parseSelect(std::move(expr));
  return expr;
}

ExprPtr ExprParser::parsePrimary() {
  SourceRange begin = cursor.here();
  switch (cursor.peek().kind) {
  case TokenKind::Number: return parseNumber();
  case TokenKind::LeftParen: return parseParenthesized();
  case TokenKind::Word: return parseWord();
  case TokenKind::String: {
    if (!allowStrings) {
      cursor.diagnostics.error("misplaced-string", begin, "a string is no value")
          .suggest("strings name files, and pieces in the bindings of `data`");
      return nullptr;
    }
    auto string = std::make_unique<StringExpr>(begin);
    if (!parseString(string->value))
      return nullptr;
    return string;
  }
  default: cursor.failExpected("an expression"); return nullptr;
  }
}

ExprPtr ExprParser::parseWord() {
  SourceRange range = cursor.here();
  if (cursor.at(TokenKind::LeftParen, 1) && (!isReserved(cursor.text()) || cursor.atWord("size")))
    return parseCall();
  if (cursor.acceptWord("inf"))
    return std::make_unique<InfinityExpr>(range);
  if (cursor.atWord("true") || cursor.atWord("false")) {
    auto constant = std::make_unique<BoolExpr>(range);
    constant->value = cursor.atWord("true");
    cursor.take();
    return constant;
  }
  // A statement that starts here means that the expression is missing, not that its name is badly chosen.
  if (isReserved(cursor.text()) && cursor.firstOnLine()) {
    cursor.failExpected("an expression");
    return nullptr;
  }
  Name name;
  if (!cursor.expectName(name, "an expression"))
    return nullptr;
  auto reference = std::make_unique<NameExpr>(range);
  reference->name = std::move(name.text);
  return reference;
}

ExprPtr ExprParser::parseNumber() {
  SourceRange range = cursor.here();
  llvm::StringRef text = cursor.text();
  auto number = std::make_unique<NumberExpr>(range);
  number->isInt = text.find_first_of(".eE") == llvm::StringRef::npos;
  bool fits = number->isInt ? !text.getAsInteger(10, number->integer)
                            : !text.getAsDouble(number->real) && std::isfinite(number->real);
  if (!fits) {
    cursor.diagnostics.error("number-out-of-range", range, "this number is out of range")
        .suggest(number->isInt ? "whole numbers go up to 9223372036854775807" : "numbers go up to about 1.8e308");
    return nullptr;
  }
  if (number->isInt)
    number->real = static_cast<double>(number->integer);
  cursor.take();
  return number;
}

ExprPtr ExprParser::parseExprOrTuple() {
  tuplePlace = cursor.index();
  return parseExpr();
}

ExprPtr ExprParser::parseParenthesized() {
  bool allowTuple = tuplePlace == cursor.index();
  SourceRange open = cursor.take().range;
  std::vector<ExprPtr> elements;
  unsigned height = 0;
  do {
    ExprPtr element = parseExpr();
    if (!element)
      return nullptr;
    height = std::max(height, element->height);
    elements.push_back(std::move(element));
  } while (cursor.accept(TokenKind::Comma));
  if (!cursor.expectClose(TokenKind::RightParen, open, elements.size() > 1 ? "`,`" : ""))
    return nullptr;
  SourceRange range = cursor.since(open);
  if (elements.size() == 1) {
    elements.front()->range = range;
    return std::move(elements.front());
  }
  if (!allowTuple || operatorAt(cursor).rank != 0 || cursor.at(TokenKind::LeftBracket)) {
    cursor.diagnostics.error("misplaced-tuple", range, "a list in parentheses is no value")
        .suggest("it only stands alone behind a label, `betas: (0.9, 0.95)`, and in `axis dim = (side, half)`");
    return nullptr;
  }
  auto tuple = std::make_unique<TupleExpr>(range);
  tuple->elements = std::move(elements);
  tuple->height = height + 1;
  return finish(std::move(tuple), {});
}
