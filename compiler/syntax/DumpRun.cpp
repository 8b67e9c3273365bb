// Clauses of train and layout blocks, one a line.
#include "compiler/syntax/DumpParts.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace kinu::syntax;

namespace {

/// Writes the parts of one clause, each after a blank.
struct ClauseDumper {
  llvm::raw_ostream &out;

  ClauseDumper &word(llvm::StringRef text) {
    out << ' ' << text;
    return *this;
  }
  ClauseDumper &value(const ExprPtr &expr) {
    if (expr) {
      out << ' ';
      dumpExpr(*expr, out);
    }
    return *this;
  }
  ClauseDumper &names(llvm::ArrayRef<Name> list) { return word(joinNames(list, " ")); }
  ClauseDumper &strings(llvm::ArrayRef<StringLiteral> list) {
    for (const StringLiteral &string : list) {
      out << ' ';
      dumpString(string.value, out);
    }
    return *this;
  }
  void options(llvm::ArrayRef<Option> list) {
    for (const Option &option : list) {
      word(option.name.text + (option.value ? ":" : ""));
      value(option.value);
    }
  }
  void ranges(const RangeList &list) {
    word(list.kind == RangeList::Kind::Stages ? "stages" : "layers");
    for (const RangeList::Item &item : list.items) {
      out << " (" << joinNames(item.path, ".");
      value(item.begin);
      if (item.end)
        word("..").value(item.end);
      out << ')';
    }
  }

  void operator()(const DataClause &data) {
    out << "data";
    strings(data.files);
    if (data.tokenizer)
      word("tokenizer").strings(*data.tokenizer);
    for (const DataClause::Binding &binding : data.bindings) {
      out << " (" << binding.input.text << " =";
      value(binding.source);
      out << ')';
    }
  }
  void operator()(const ValidationClause &validation) {
    out << "validation";
    value(validation.fraction).strings(validation.files);
  }
  void operator()(const AxisLengthClause &length) {
    out << "length " << length.axis.text;
    value(length.length);
  }
  void operator()(const NumberClause &number) {
    static constexpr llvm::StringLiteral kinds[] = {"accumulate", "steps", "seed", "evaluate every",
                                                    "checkpoint every"};
    out << kinds[static_cast<size_t>(number.kind)];
    value(number.value);
  }
  void operator()(const OptimizerClause &optimizer) {
    out << "optimizer ";
    dumpExpr(*optimizer.call, out);
  }
  void operator()(const PrecisionClause &precision) {
    out << "precision ";
    if (precision.call)
      dumpExpr(*precision.call, out);
    else
      out << precision.type.text;
    if (precision.where)
      ranges(*precision.where);
  }
  void operator()(const NodesClause &nodes) {
    out << "nodes";
    value(nodes.count);
  }
  void operator()(const RanksClause &ranks) {
    out << "ranks";
    value(ranks.count).word(ranks.perGroup ? "per group" : "per node");
  }
  void operator()(const MeshClause &mesh) {
    out << "mesh";
    for (const MeshClause::Axis &axis : mesh.axes) {
      out << " (" << axis.name.text;
      for (const ExprPtr &size : axis.sizes)
        value(size);
      out << ')';
    }
  }
  void operator()(const MicrobatchClause &microbatch) {
    out << "microbatch";
    value(microbatch.count);
  }
  void operator()(const ShardClause &shard) {
    out << "shard";
    names(shard.axes).word("on").names(shard.mesh);
    if (shard.betweenBlocks)
      word("between blocks");
  }
  void operator()(const PipelineClause &pipeline) {
    out << "pipeline";
    for (const std::vector<Name> &path : pipeline.paths)
      word(joinNames(path, "."));
    word("on").word(pipeline.mesh.text).options(pipeline.options);
  }
  void operator()(const ZeroClause &zero) {
    out << "zero";
    value(zero.level).word("on").word(zero.mesh.text);
  }
  void operator()(const RecomputeClause &recompute) {
    out << "recompute";
    ranges(recompute.where);
  }
  void operator()(const PlaceClause &place) {
    out << "place";
    if (place.strict)
      word("strict");
    else
      word(place.mesh.text).word("on").names(place.axes);
  }
  void operator()(const OverlapClause &overlap) {
    out << "overlap";
    options(overlap.options);
  }
};

template <typename Clauses> void dumpAll(const Clauses &clauses, llvm::raw_ostream &out) {
  for (const auto &clause : clauses) {
    out << "  (";
    std::visit(ClauseDumper{out}, clause);
    out << ")\n";
  }
}

} // namespace

void kinu::syntax::dumpClauses(const TrainDecl &train, llvm::raw_ostream &out) { dumpAll(train.clauses, out); }
void kinu::syntax::dumpClauses(const LayoutDecl &layout, llvm::raw_ostream &out) { dumpAll(layout.clauses, out); }
