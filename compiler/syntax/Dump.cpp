// The tree as indented s-expressions: one statement, parameter or clause a line, expressions in one line each.
#include "compiler/syntax/DumpParts.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/raw_ostream.h"

using namespace kinu::syntax;
using llvm::cast;

namespace {

class StatementDumper {
public:
  explicit StatementDumper(llvm::raw_ostream &out) : out(out) {}

  void dump(const Statement &statement, unsigned indent);
  void dump(const Body &body, unsigned indent) {
    for (const StatementPtr &statement : body.statements)
      dump(*statement, indent);
  }

private:
  llvm::raw_ostream &out;

  void value(const Expr *expr) {
    if (!expr)
      return;
    out << ' ';
    dumpExpr(*expr, out);
  }
  void where(const Expr *expr) {
    if (expr)
      out << " where";
    value(expr);
  }
  void axes(const std::optional<AxisList> &list) {
    if (list)
      dumpAxes(*list, out);
  }
  void axisItem(const AxisStatement::Item &item);
  void parameter(const Parameter &parameter);
  void function(const FunctionStatement &function, unsigned indent);
};

void dumpType(const TypeMark &type, llvm::raw_ostream &out) {
  switch (type.kind) {
  case TypeMark::Kind::Float: return;
  case TypeMark::Kind::Int: out << " int"; return;
  case TypeMark::Kind::Bool: out << " bool"; return;
  case TypeMark::Kind::Id: out << " in " << type.axis.text; return;
  }
}

void StatementDumper::axisItem(const AxisStatement::Item &item) {
  out << " (" << item.name.text;
  switch (item.kind) {
  case AxisStatement::Item::Kind::Bound: break;
  case AxisStatement::Item::Kind::UpTo: out << " up to"; break;
  case AxisStatement::Item::Kind::Like: out << " like " << item.like.text; break;
  case AxisStatement::Item::Kind::Length: out << " ="; break;
  case AxisStatement::Item::Kind::Product: out << " = product " << joinNames(item.factors, " "); break;
  }
  value(item.length.get());
  out << ')';
}

void StatementDumper::parameter(const Parameter &parameter) {
  static constexpr llvm::StringLiteral kinds[] = {"tensor", "axis", "number"};
  out << '(' << kinds[static_cast<size_t>(parameter.kind)] << ' ';
  if (parameter.label)
    out << parameter.label->text << ": ";
  out << parameter.name.text;
  if (parameter.kind == Parameter::Kind::Tensor)
    dumpAxes(parameter.axes, out);
  dumpType(parameter.type, out);
  value(parameter.defaultValue.get());
  out << ')';
}

void StatementDumper::function(const FunctionStatement &function, unsigned indent) {
  out << (function.isBlock ? "block " : "def ") << function.name.text;
  for (const Parameter &item : function.parameters) {
    out << '\n';
    out.indent(indent + 4);
    parameter(item);
  }
  if (function.result) {
    out << '\n';
    out.indent(indent + 4) << "-> ";
    dumpAxes(*function.result, out);
  }
  out << '\n';
  dump(function.body, indent + 2);
  out.indent(indent) << "end";
}

void StatementDumper::dump(const Statement &statement, unsigned indent) {
  out.indent(indent) << '(';
  llvm::TypeSwitch<const Statement *>(&statement)
      .Case([&](const SizeStatement *size) {
        out << "size";
        for (const auto &item : size->items) {
          out << " (" << item.name.text;
          value(item.value.get());
          out << ')';
        }
      })
      .Case([&](const AxisStatement *axis) {
        out << "axis";
        for (const auto &item : axis->items)
          axisItem(item);
      })
      .Case([&](const LetStatement *let) {
        out << "let " << let->name.text;
        axes(let->axes);
        value(let->value.get());
      })
      .Case([&](const InputStatement *input) {
        out << "input";
        for (const auto &item : input->items) {
          out << " (" << item.name.text;
          axes(item.axes);
          dumpType(item.type, out);
          out << ')';
        }
      })
      .Case([&](const WeightStatement *weight) {
        static constexpr llvm::StringLiteral roles[] = {"weight", "bias", "gain"};
        out << roles[static_cast<size_t>(weight->role)];
        for (const auto &item : weight->items) {
          out << " (" << item.name.text;
          axes(item.axes);
          value(item.initialiser.get());
          out << ')';
        }
      })
      .Case([&](const FunctionStatement *node) { function(*node, indent); })
      .Case([&](const UseStatement *use) {
        out << "use " << joinNames(use->names, " ");
        value(use->call.get());
      })
      .Case([&](const RepeatStatement *repeat) {
        out << "repeat " << repeat->name.text;
        value(repeat->count.get());
        out << '\n';
        dump(repeat->body, indent + 2);
        out.indent(indent) << "end";
      })
      .Case([&](const AssignStatement *assign) {
        out << "assign " << assign->name.text;
        value(assign->value.get());
      })
      .Case([&](const ReturnStatement *node) {
        out << "return";
        value(node->value.get());
      })
      .Case([&](const OutputStatement *output) { out << "output " << joinNames(output->names, " "); })
      .Case([&](const LossStatement *loss) {
        out << "loss";
        value(loss->value.get());
        where(loss->where.get());
      })
      .Case([&](const AuxStatement *aux) {
        out << "aux " << aux->name.text;
        axes(aux->axes);
        value(aux->value.get());
      })
      .Case([&](const MetricStatement *metric) {
        out << "metric " << metric->name.text;
        value(metric->value.get());
        where(metric->where.get());
      });
  out << ")\n";
}

} // namespace

void kinu::syntax::dump(const File &file, llvm::raw_ostream &out) {
  StatementDumper statements(out);
  auto dumpItem = llvm::makeVisitor(
      [&](const ImportDecl &import) {
        out << "(import ";
        import.path ? dumpString(import.path->value, out) : void(out << import.module.text);
        out << ")\n";
      },
      [&](const ModelDecl &model) {
        out << "(model " << model.name.text << '\n';
        statements.dump(model.body, 2);
        out << "end)\n";
      },
      [&](const std::unique_ptr<FunctionStatement> &function) { statements.dump(*function, 0); },
      [&](const TrainDecl &train) {
        out << "(train " << train.model.text << '\n';
        dumpClauses(train, out);
        out << "end)\n";
      },
      [&](const LayoutDecl &layout) {
        out << "(layout " << layout.name.text;
        if (layout.machine)
          out << " for " << layout.machine->text;
        out << '\n';
        dumpClauses(layout, out);
        out << "end)\n";
      });
  for (const Item &item : file.items)
    std::visit(dumpItem, item);
}
