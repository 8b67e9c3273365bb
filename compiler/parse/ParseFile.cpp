// Files, their items, and how to go on after an error.
#include "compiler/parse/DivisorComments.h"
#include "compiler/parse/Parse.h"
#include "compiler/parse/Parser.h"

using namespace kinu;
using namespace kinu::parse;
using namespace kinu::syntax;

std::unique_ptr<File> parse::parseFile(const SourceMap &sources, FileId id, Diagnostics &diagnostics) {
  auto file = std::make_unique<File>();
  file->id = id;
  if (sources.text(id).size() > maxSourceBytes) {
    diagnostics.error("source-too-large", {id, 0, 0}, "the file is larger than 16 MiB: not a spec");
    file->tokens.push_back({TokenKind::EndOfFile, {id, 0, 0}});
    return file;
  }
  file->tokens = lex(sources, id, diagnostics);
  Cursor cursor(sources, file->tokens, diagnostics);
  Parser parser(cursor);
  parser.parseItems(file->items);
  reportDivisorComments(file->tokens, parser.integerNames(), sources, diagnostics);
  return file;
}

void Parser::parseItems(std::vector<Item> &items) {
  while (!cursor.atEnd()) {
    size_t start = cursor.index();
    if (parseItem(items))
      continue;
    skipStatement(start);
    cursor.accept(TokenKind::RightBrace); // of the item that failed
  }
}

bool Parser::parseItem(std::vector<Item> &items) {
  auto parsed = [&]<typename Decl>(bool (Parser::*parse)(Decl &)) {
    SourceRange begin = cursor.here();
    Decl decl;
    bool ok = (this->*parse)(decl);
    decl.range = cursor.since(begin);
    if (ok)
      items.push_back(std::move(decl));
    return ok;
  };
  if (cursor.atWord("import"))
    return parsed(&Parser::parseImport);
  if (cursor.atWord("model"))
    return parsed(&Parser::parseModel);
  if (cursor.atWord("train"))
    return parsed(&Parser::parseTrain);
  if (cursor.atWord("layout"))
    return parsed(&Parser::parseLayout);
  if (cursor.atWord("def") || cursor.atWord("block")) {
    StatementPtr function = parseStatement();
    if (!function)
      return false;
    items.push_back(std::unique_ptr<FunctionStatement>(llvm::cast<FunctionStatement>(function.release())));
    return true;
  }
  if (cursor.at(TokenKind::RightBrace)) {
    cursor.diagnostics.error("unopened-brace", cursor.here(), "this `}` closes nothing");
    return false;
  }
  if (cursor.at(TokenKind::Word) && isStatementKeyword(cursor.text())) {
    cursor.diagnostics
        .error("misplaced-statement", cursor.here(),
               llvm::formatv("`{0}` stands inside a model, block or def", cursor.text()))
        .suggest("at the top of a file stand `import`, `def`, `block`, `model`, `train` and `layout`");
    return false;
  }
  cursor.reportUnknown("`import`, `def`, `block`, `model`, `train` or `layout`");
  return false;
}

bool Parser::parseImport(ImportDecl &import) {
  cursor.take();
  if (!cursor.at(TokenKind::String))
    return cursor.expectName(import.module, "the name of a module or a string");
  return parseString(import.path.emplace());
}

bool Parser::parseModel(ModelDecl &model) {
  cursor.take();
  bool hasName = cursor.expectName(model.name, "the name of the model");
  if (!hasName && !skipToBody())
    return false;
  return parseBody(model.body) && hasName;
}

/// After an error in a header: goes to the `{` that opens the body, so that the body is still checked. False when the
/// next statement comes first.
bool Parser::skipToBody() {
  while (!cursor.atEnd() && !cursor.at(TokenKind::RightBrace)) {
    if (cursor.at(TokenKind::LeftBrace) && cursor.lastOnLine())
      return true;
    cursor.take();
    if (cursor.firstOnLine() && cursor.at(TokenKind::Word) &&
        (isStatementKeyword(cursor.text()) || isTopLevelKeyword(cursor.text())))
      return false;
  }
  return false;
}

/// After an error in the statement that began at token `start`: goes to the next line that starts a statement, or to
/// the `}` of the enclosing body. A body on the way is skipped whole.
void Parser::skipStatement(size_t start) {
  unsigned open = 0;   // braces opened on the way
  bool inBody = false; // the first of them opens a body: statements inside it are not ours
  if (cursor.index() == start && !cursor.at(TokenKind::RightBrace))
    cursor.take();
  while (!cursor.atEnd()) {
    if (cursor.firstOnLine() && cursor.at(TokenKind::Word)) {
      bool starts = isStatementKeyword(cursor.text()) || (cursor.at(TokenKind::Assign, 1) && open == 0);
      if (isTopLevelKeyword(cursor.text()) || (starts && !inBody))
        return;
    }
    if (cursor.at(TokenKind::RightBrace)) {
      if (open == 0)
        return;
      inBody &= --open != 0;
    }
    if (cursor.at(TokenKind::LeftBrace) && open++ == 0)
      inBody = cursor.lastOnLine();
    cursor.take();
  }
}
