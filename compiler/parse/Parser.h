// Parses items, statements and clauses, and recovers after errors so that each cause is reported once.
#pragma once

#include "compiler/parse/ExprParser.h"
#include "compiler/syntax/Tree.h"

#include "llvm/ADT/StringSet.h"

#include <map>

namespace kinu::parse {

/// Functions return null, or false, after they reported an error.
class Parser {
public:
  explicit Parser(Cursor &cursor) : cursor(cursor), exprs(cursor) {}

  /// Parses all items of a file.
  void parseItems(std::vector<syntax::Item> &items);

  /// The names that stand for integers wherever they are declared: sizes, axes, repeats, numbers of blocks and defs.
  const llvm::StringSet<> &integerNames() const { return integers; }

private:
  Cursor &cursor;
  ExprParser exprs;
  unsigned depth = 0; ///< of bodies within bodies
  llvm::StringSet<> integers;
  std::map<std::string, SourceRange> settled; ///< what the clauses of this block have said, and where

  // Items (ParseFile.cpp).
  bool parseItem(std::vector<syntax::Item> &items);
  bool parseImport(syntax::ImportDecl &import);
  bool parseModel(syntax::ModelDecl &model);
  bool parseTrain(syntax::TrainDecl &train);
  bool parseLayout(syntax::LayoutDecl &layout);
  bool skipToBody();
  void skipStatement(size_t start);

  // Statements (ParseStatement.cpp).
  bool parseBody(syntax::Body &body);
  syntax::StatementPtr parseStatement();
  template <typename T, bool (Parser::*Parse)(T &)> syntax::StatementPtr statement();
  bool parseSize(syntax::SizeStatement &);
  bool parseAxis(syntax::AxisStatement &);
  bool parseAxisItem(syntax::AxisStatement::Item &);
  bool parseLet(syntax::LetStatement &);
  bool parseInput(syntax::InputStatement &);
  bool parseWeight(syntax::WeightStatement &);
  bool parseFunction(syntax::FunctionStatement &);
  bool parseSignature(syntax::FunctionStatement &);
  bool parseParameter(syntax::Parameter &);
  bool parseTypeMark(syntax::TypeMark &);
  bool parseUse(syntax::UseStatement &);
  bool parseRepeat(syntax::RepeatStatement &);
  bool parseAssign(syntax::AssignStatement &);
  bool parseReturn(syntax::ReturnStatement &);
  bool parseOutput(syntax::OutputStatement &);
  bool parseLoss(syntax::LossStatement &);
  bool parseAux(syntax::AuxStatement &);
  bool parseMetric(syntax::MetricStatement &);
  bool parseNames(std::vector<syntax::Name> &names, llvm::StringRef what);
  bool parseValue(syntax::ExprPtr &value);
  bool parseWhere(syntax::ExprPtr &where);
  bool parseBrackets(std::optional<syntax::AxisList> &axes);

  // Clauses (ParseTrain.cpp, ParseLayout.cpp).
  bool parseClauses(SourceRange &bodyRange, llvm::function_ref<bool()> parseClause);
  void skipClause(size_t start);
  bool failClause(llvm::StringRef block, llvm::ArrayRef<std::string> keywords);
  void refuseSecond(const std::string &subject, SourceRange range);
  bool parseTrainClause(std::vector<syntax::TrainClause> &clauses);
  bool parseNumberClause(syntax::NumberClause &);
  bool parseData(syntax::DataClause &);
  bool parseBindings(syntax::DataClause &);
  bool parseValidation(syntax::ValidationClause &);
  bool parseStrings(std::vector<syntax::StringLiteral> &strings);
  bool parseString(syntax::StringLiteral &string);
  bool parsePrecision(syntax::PrecisionClause &);
  bool parseLayoutClause(std::vector<syntax::LayoutClause> &clauses);
  bool parseRanks(syntax::RanksClause &);
  bool parseMesh(syntax::MeshClause &);
  bool parseShard(syntax::ShardClause &);
  bool parsePipeline(syntax::PipelineClause &);
  bool parseZero(syntax::ZeroClause &);
  bool parsePlace(syntax::PlaceClause &);
  bool parseOverlap(syntax::OverlapClause &);
  bool parseOption(syntax::Option &option);
  bool parsePath(std::vector<syntax::Name> &path);
  bool parseRangeList(syntax::RangeList &list);
  bool parseNameOrTuple(std::vector<syntax::Name> &names, llvm::StringRef what);
  bool moreOfClause();
};

} // namespace kinu::parse
