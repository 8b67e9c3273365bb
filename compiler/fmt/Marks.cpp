// Walks the tree once and notes the places that matter for layout.
#include "compiler/fmt/Marks.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace kinu;
using namespace kinu::fmt;
using namespace kinu::syntax;

namespace {

class Collector {
public:
  Marks marks;

  void item(const ImportDecl &import) { marks.starts.insert(import.range.begin); }
  void item(const ModelDecl &model) {
    marks.starts.insert(model.range.begin);
    body(model.body);
  }
  void item(const std::unique_ptr<FunctionStatement> &function) { statement(*function); }
  void item(const TrainDecl &train) { clauses(train); }
  void item(const LayoutDecl &layout) { clauses(layout); }

private:
  void body(const Body &body);
  void braces(SourceRange range) { marks.bodies[range.begin] = range.end - 1; }
  void statement(const Statement &statement);
  void expr(const ExprPtr &node) {
    if (node)
      expr(*node);
  }
  void expr(const Expr &node);
  void call(const CallExpr &node);

  template <typename Decl> void clauses(const Decl &decl) {
    marks.starts.insert(decl.range.begin);
    braces(decl.bodyRange);
    for (const auto &any : decl.clauses)
      std::visit(
          [&](const auto &typed) {
            marks.starts.insert(typed.range.begin);
            clause(typed);
          },
          any);
  }
  void clause(const DataClause &data);
  void clause(const ValidationClause &validation) { expr(validation.fraction); }
  void clause(const AxisLengthClause &length) { expr(length.length); }
  void clause(const NumberClause &number) { expr(number.value); }
  void clause(const OptimizerClause &optimizer) { expr(*optimizer.call); }
  void clause(const PrecisionClause &precision) {
    if (precision.call)
      expr(*precision.call);
    if (precision.where)
      ranges(*precision.where);
  }
  void clause(const NodesClause &nodes) { expr(nodes.count); }
  void clause(const RanksClause &ranks) { expr(ranks.count); }
  void clause(const MeshClause &mesh) {
    for (const MeshClause::Axis &axis : mesh.axes)
      for (const ExprPtr &size : axis.sizes)
        expr(size);
  }
  void clause(const MicrobatchClause &microbatch) { expr(microbatch.count); }
  void clause(const ShardClause &) {}
  void clause(const PipelineClause &pipeline) { options(pipeline.options); }
  void clause(const ZeroClause &zero) { expr(zero.level); }
  void clause(const RecomputeClause &recompute) { ranges(recompute.where); }
  void clause(const PlaceClause &) {}
  void clause(const OverlapClause &overlap) { options(overlap.options); }
  void options(llvm::ArrayRef<Option> list) {
    for (const Option &option : list)
      expr(option.value);
  }
  void ranges(const RangeList &list) {
    for (const RangeList::Item &range : list.items) {
      expr(range.begin);
      expr(range.end);
    }
  }
};

void Collector::body(const Body &body) {
  braces(body.range);
  for (const StatementPtr &node : body.statements)
    statement(*node);
}

void Collector::clause(const DataClause &data) {
  if (!data.bindingsRange.empty()) {
    marks.bindings.insert(data.bindingsRange.begin);
    marks.bindingsEnds.insert(data.bindingsRange.end - 1);
  }
  for (const DataClause::Binding &binding : data.bindings)
    expr(binding.source);
}

void Collector::statement(const Statement &node) {
  marks.starts.insert(node.range.begin);
  llvm::TypeSwitch<const Statement *>(&node)
      .Case([&](const SizeStatement *size) {
        for (const auto &entry : size->items)
          expr(entry.value);
      })
      .Case([&](const AxisStatement *axis) {
        for (const auto &entry : axis->items)
          expr(entry.length);
      })
      .Case([&](const WeightStatement *weight) {
        for (const auto &entry : weight->items)
          expr(entry.initialiser);
      })
      .Case([&](const FunctionStatement *function) {
        marks.callees.insert(function->name.range.begin);
        for (const Parameter &parameter : function->parameters)
          expr(parameter.defaultValue);
        body(function->body);
      })
      .Case([&](const RepeatStatement *repeat) {
        expr(repeat->count);
        body(repeat->body);
      })
      .Case([&](const UseStatement *use) { expr(*use->call); })
      .Case<LetStatement, AssignStatement, ReturnStatement, AuxStatement>([&](auto node) { expr(node->value); })
      .Case<LossStatement, MetricStatement>([&](auto node) {
        expr(node->value);
        expr(node->where);
      })
      .Case<InputStatement, OutputStatement>([](auto) {});
}

void Collector::call(const CallExpr &node) {
  marks.callees.insert(node.callee.range.begin);
  for (const Argument &argument : node.arguments)
    expr(argument.value);
  if (node.otherwise)
    expr(node.otherwise->value);
}

void Collector::expr(const Expr &node) {
  llvm::TypeSwitch<const Expr *>(&node)
      .Case([&](const TupleExpr *tuple) {
        for (const ExprPtr &element : tuple->elements)
          expr(element);
      })
      .Case([&](const UnaryExpr *unary) {
        if (unary->op == UnaryOp::Negate)
          marks.unary.insert(unary->opRange.begin);
        expr(unary->operand);
      })
      .Case([&](const BinaryExpr *binary) {
        // The order of BinaryOp is from loose to tight but for ties, which do no harm. ^ is never broken at.
        if (binary->op != BinaryOp::Power)
          marks.breakAfter[binary->opRange.end] = binary->op < BinaryOp::Equal      ? 1
                                                  : binary->op < BinaryOp::Add      ? 2
                                                  : binary->op < BinaryOp::Multiply ? 3
                                                                                    : 4;
        expr(binary->left);
        expr(binary->right);
      })
      .Case([&](const ContractExpr *contract) {
        marks.breakAfter[contract->opRange.end] = 4;
        expr(contract->left);
        expr(contract->right);
      })
      .Case([&](const CallExpr *node) { call(*node); })
      .Case([&](const SelectExpr *select) {
        expr(select->base);
        for (const SelectItem &item : select->items)
          for (const ExprPtr *child : {&item.index, &item.begin, &item.end})
            expr(*child);
        if (select->otherwise)
          expr(select->otherwise->value);
      })
      .Case<NumberExpr, BoolExpr, InfinityExpr, StringExpr, NameExpr, AxisSetExpr>([](auto) {});
}

} // namespace

Marks kinu::fmt::collectMarks(const File &file) {
  Collector collector;
  for (const Item &item : file.items)
    std::visit([&](const auto &decl) { collector.item(decl); }, item);
  return std::move(collector.marks);
}
