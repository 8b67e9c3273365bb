// Expressions in prefix form.
#include "compiler/syntax/DumpParts.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/raw_ostream.h"

using namespace kinu::syntax;

std::string kinu::syntax::joinNames(llvm::ArrayRef<Name> names, llvm::StringRef separator) {
  return llvm::join(llvm::map_range(names, [](const Name &name) { return name.text; }), separator);
}

void kinu::syntax::dumpString(llvm::StringRef value, llvm::raw_ostream &out) {
  out << '"';
  llvm::printEscapedString(value, out);
  out << '"';
}

static void dumpEntries(const AxisList &axes, llvm::raw_ostream &out) {
  llvm::interleave(
      axes.entries, out, [&](const AxisEntry &entry) { out << (entry.isRest ? "..." : "") << entry.name.text; }, " ");
}

void kinu::syntax::dumpAxes(const AxisList &axes, llvm::raw_ostream &out) {
  out << '[';
  dumpEntries(axes, out);
  out << ']';
}

static void dumpOtherwise(const std::optional<Otherwise> &otherwise, llvm::raw_ostream &out) {
  if (!otherwise)
    return;
  out << " else ";
  otherwise->value ? dumpExpr(*otherwise->value, out) : void(out << "drop");
}

static void dumpArgument(const Argument &argument, llvm::raw_ostream &out) {
  out << ' ';
  if (argument.kind == Argument::Kind::Labelled)
    out << argument.label.text << ": ";
  if (argument.kind == Argument::Kind::Index)
    out << argument.label.text << " = ";
  dumpExpr(*argument.value, out);
}

static void dumpItem(const SelectItem &item, llvm::raw_ostream &out) {
  static constexpr llvm::StringLiteral kinds[] = {"lookup", "slice", "rename", "split", "join"};
  out << " (" << kinds[static_cast<size_t>(item.kind)] << ' ' << joinNames(item.from, " ");
  for (const ExprPtr *child : {&item.index, &item.begin, &item.end})
    if (*child) {
      out << ' ';
      dumpExpr(**child, out);
    }
  if (!item.to.empty())
    out << " -> " << joinNames(item.to, " ");
  out << ')';
}

static void dumpNumber(const NumberExpr &number, llvm::raw_ostream &out) {
  if (number.isInt)
    out << number.integer;
  else
    out << llvm::format("%g", number.real);
}

void kinu::syntax::dumpExpr(const Expr &expr, llvm::raw_ostream &out) {
  llvm::TypeSwitch<const Expr *>(&expr)
      .Case([&](const NumberExpr *number) { dumpNumber(*number, out); })
      .Case([&](const BoolExpr *constant) { out << (constant->value ? "true" : "false"); })
      .Case([&](const InfinityExpr *) { out << "inf"; })
      .Case([&](const StringExpr *string) { dumpString(string->value, out); })
      .Case([&](const NameExpr *name) { out << name->name; })
      .Case([&](const TupleExpr *tuple) {
        out << "(tuple";
        for (const ExprPtr &element : tuple->elements) {
          out << ' ';
          dumpExpr(*element, out);
        }
        out << ')';
      })
      .Case([&](const AxisSetExpr *set) {
        out << '{';
        dumpEntries(set->axes, out);
        out << '}';
      })
      .Case([&](const UnaryExpr *unary) {
        out << (unary->op == UnaryOp::Not ? "(not " : "(- ");
        dumpExpr(*unary->operand, out);
        out << ')';
      })
      .Case([&](const BinaryExpr *binary) {
        out << '(' << spelling(binary->op) << ' ';
        dumpExpr(*binary->left, out);
        out << ' ';
        dumpExpr(*binary->right, out);
        out << ')';
      })
      .Case([&](const ContractExpr *contract) {
        out << "(@{";
        dumpEntries(contract->axes, out);
        out << "} ";
        dumpExpr(*contract->left, out);
        out << ' ';
        dumpExpr(*contract->right, out);
        out << ')';
      })
      .Case([&](const CallExpr *call) {
        out << "(call " << call->callee.text;
        for (const Argument &argument : call->arguments)
          dumpArgument(argument, out);
        dumpOtherwise(call->otherwise, out);
        out << ')';
      })
      .Case([&](const SelectExpr *select) {
        out << "(select ";
        dumpExpr(*select->base, out);
        for (const SelectItem &item : select->items)
          dumpItem(item, out);
        dumpOtherwise(select->otherwise, out);
        out << ')';
      });
}
