// `layout` blocks. Their words are a closed set, so a comma goes on with a clause unless one of them follows.
#include "compiler/parse/Parser.h"

using namespace kinu;
using namespace kinu::parse;
using namespace kinu::syntax;

static const std::vector<std::string> layoutKeywords = {
    "nodes", "ranks", "mesh", "microbatch", "shard", "pipeline", "zero", "recompute", "precision", "place", "overlap"};

bool Parser::parseLayout(LayoutDecl &layout) {
  cursor.take();
  bool hasHeader = cursor.expectName(layout.name, "the name of the layout") &&
                   (!cursor.acceptWord("for") || cursor.expectName(layout.machine.emplace(), "the name of a machine"));
  if (!hasHeader && !skipToBody())
    return false;
  return parseClauses(layout.bodyRange, [&] { return parseLayoutClause(layout.clauses); }) && hasHeader;
}

/// Clauses that are said once: one mesh, one count of nodes. Rules (`shard`, `place`, ...) may be many.
static bool isSaidOnce(const LayoutClause &clause) {
  return std::holds_alternative<NodesClause>(clause) || std::holds_alternative<RanksClause>(clause) ||
         std::holds_alternative<MeshClause>(clause) || std::holds_alternative<MicrobatchClause>(clause) ||
         std::holds_alternative<PipelineClause>(clause);
}

bool Parser::parseLayoutClause(std::vector<LayoutClause> &clauses) {
  SourceRange begin = cursor.here();
  auto parse = [&](auto clause, auto rule) {
    cursor.take();
    if (!rule(clause))
      return false;
    clause.range = cursor.since(begin);
    SourceRange range = clause.range;
    clauses.push_back(std::move(clause));
    if (isSaidOnce(clauses.back()))
      refuseSecond(std::to_string(clauses.back().index()), range);
    return true;
  };
  auto parseCount = [&](auto &clause) { return (clause.count = exprs.parseExpr()) != nullptr; };
  if (cursor.atWord("nodes"))
    return parse(NodesClause(), parseCount);
  if (cursor.atWord("microbatch"))
    return parse(MicrobatchClause(), parseCount);
  if (cursor.atWord("ranks"))
    return parse(RanksClause(), [&](RanksClause &clause) { return parseRanks(clause); });
  if (cursor.atWord("mesh"))
    return parse(MeshClause(), [&](MeshClause &clause) { return parseMesh(clause); });
  if (cursor.atWord("shard"))
    return parse(ShardClause(), [&](ShardClause &clause) { return parseShard(clause); });
  if (cursor.atWord("pipeline"))
    return parse(PipelineClause(), [&](PipelineClause &clause) { return parsePipeline(clause); });
  if (cursor.atWord("zero"))
    return parse(ZeroClause(), [&](ZeroClause &clause) { return parseZero(clause); });
  if (cursor.atWord("recompute"))
    return parse(RecomputeClause(), [&](RecomputeClause &clause) { return parseRangeList(clause.where); });
  if (cursor.atWord("precision"))
    return parse(PrecisionClause(), [&](PrecisionClause &clause) { return parsePrecision(clause); });
  if (cursor.atWord("place"))
    return parse(PlaceClause(), [&](PlaceClause &clause) { return parsePlace(clause); });
  if (cursor.atWord("overlap"))
    return parse(OverlapClause(), [&](OverlapClause &clause) { return parseOverlap(clause); });
  return failClause("layout", layoutKeywords);
}

/// Takes a comma after which the same clause goes on.
bool Parser::moreOfClause() {
  if (!cursor.at(TokenKind::Comma) || cursor.at(TokenKind::RightBrace, 1))
    return false;
  bool nextIsClause = cursor.at(TokenKind::Word, 1) && llvm::is_contained(layoutKeywords, cursor.text(1)) &&
                      !cursor.at(TokenKind::Assign, 2) && !cursor.at(TokenKind::Colon, 2) &&
                      !cursor.at(TokenKind::Dot, 2);
  return !nextIsClause && cursor.accept(TokenKind::Comma);
}

bool Parser::parseRanks(RanksClause &ranks) {
  if (!(ranks.count = exprs.parseExpr()) || !cursor.expectWord("per"))
    return false;
  ranks.perGroup = cursor.atWord("group");
  return cursor.acceptWord("group") || cursor.acceptWord("node") || cursor.failExpected("`node` or `group`");
}

bool Parser::parseMesh(MeshClause &mesh) {
  do {
    MeshClause::Axis &axis = mesh.axes.emplace_back();
    if (!cursor.expectName(axis.name, "the name of a mesh axis") || !cursor.expect(TokenKind::Assign))
      return false;
    do {
      if (!axis.sizes.emplace_back(exprs.parseExpr()))
        return false;
    } while (cursor.accept(TokenKind::Bar));
  } while (moreOfClause());
  return true;
}

bool Parser::parseNameOrTuple(std::vector<Name> &names, llvm::StringRef what) {
  SourceRange open = cursor.here();
  if (!cursor.accept(TokenKind::LeftParen))
    return cursor.expectName(names.emplace_back(), what);
  return parseNames(names, what) && cursor.expectClose(TokenKind::RightParen, open);
}

bool Parser::parseShard(ShardClause &shard) {
  if (!parseNames(shard.axes, "the name of an axis") || !cursor.expectWord("on") ||
      !parseNameOrTuple(shard.mesh, "the name of a mesh axis"))
    return false;
  shard.betweenBlocks = cursor.acceptWord("between");
  return !shard.betweenBlocks || cursor.expectWord("blocks");
}

bool Parser::parsePath(std::vector<Name> &path) {
  do {
    if (!cursor.expectName(path.emplace_back(), "the name of a repeat"))
      return false;
  } while (cursor.accept(TokenKind::Dot));
  return true;
}

bool Parser::parsePipeline(PipelineClause &pipeline) {
  do {
    if (!parsePath(pipeline.paths.emplace_back()))
      return false;
  } while (cursor.accept(TokenKind::Comma));
  if (!cursor.expectWord("on") || !cursor.expectName(pipeline.mesh, "the name of a mesh axis"))
    return false;
  while (moreOfClause())
    if (!parseOption(pipeline.options.emplace_back()))
      return false;
  return true;
}

/// `schedule: 1f1b`, `bucket: 25`, `gradients`.
bool Parser::parseOption(Option &option) {
  if (!cursor.expectName(option.name, "the name of an option"))
    return false;
  if (!cursor.accept(TokenKind::Colon))
    return true;
  if (!cursor.at(TokenKind::NumberWord))
    return (option.value = exprs.parseExprOrTuple()) != nullptr;
  auto word = std::make_unique<NameExpr>(cursor.here());
  word->name = cursor.text().str();
  cursor.take();
  option.value = std::move(word);
  return true;
}

bool Parser::parseZero(ZeroClause &zero) {
  return (zero.level = exprs.parseExpr()) && cursor.expectWord("on") &&
         cursor.expectName(zero.mesh, "the name of a mesh axis");
}

bool Parser::parseRangeList(RangeList &list) {
  list.kind = cursor.atWord("layers") ? RangeList::Kind::Layers : RangeList::Kind::Stages;
  if (!cursor.acceptWord("layers") && !cursor.acceptWord("stages"))
    return cursor.failExpected("`stages` or `layers`");
  do {
    RangeList::Item &item = list.items.emplace_back();
    SourceRange itemBegin = cursor.here();
    if (cursor.at(TokenKind::Word) && !parsePath(item.path))
      return false;
    if (!(item.begin = exprs.parseExpr()))
      return false;
    if (cursor.accept(TokenKind::DotDot) && !(item.end = exprs.parseExpr()))
      return false;
    item.range = cursor.since(itemBegin);
  } while (moreOfClause());
  return true;
}

bool Parser::parsePlace(PlaceClause &place) {
  place.strict = cursor.atWord("strict") && !cursor.atWord("on", 1);
  if (place.strict)
    return cursor.acceptWord("strict");
  return cursor.expectName(place.mesh, "the name of a mesh axis or `strict`") && cursor.expectWord("on") &&
         parseNameOrTuple(place.axes, "the name of an axis of the network");
}

bool Parser::parseOverlap(OverlapClause &overlap) {
  do {
    if (!parseOption(overlap.options.emplace_back()))
      return false;
  } while (moreOfClause());
  return true;
}
