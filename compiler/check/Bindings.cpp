// `data ... { tokens = text, target = shift(text, 1) }`: every input of the model gets its values from somewhere.
#include "compiler/check/Runs.h"

#include "llvm/ADT/STLExtras.h"

using namespace kinu::syntax;
using kinu::typed::Element;
using SourceKind = kinu::typed::Source::Kind;

namespace kinu::check {

static std::optional<typed::Source> badSource(const Expr &expr, const RunContext &context) {
  context.diagnostics.error("unknown-source", expr.range, "inputs cannot be bound to this")
      .suggest("there are `text`, `shift(x, n)`, `document`, `position`, `line(k)`, `present(x)`, `piece(\"...\")` and "
               "`random(axis, ...)`");
  return std::nullopt;
}

static std::optional<typed::Source> readSource(const Expr &expr, const RunContext &context);

static std::optional<typed::Source> readCall(const CallExpr &call, const RunContext &context) {
  typed::Source source;
  size_t count = call.arguments.size();
  auto value = [&](size_t i) -> const Expr & { return *call.arguments[i].value; };
  for (const Argument &argument : call.arguments)
    if (argument.kind != Argument::Kind::Positional)
      return badSource(call, context);
  if ((call.callee == "shift" && count == 2) || (call.callee == "present" && count == 1)) {
    source.kind = count == 2 ? SourceKind::Shift : SourceKind::Present;
    auto of = readSource(value(0), context);
    auto by = count == 2 ? context.size(value(1)) : std::optional<int64_t>(0);
    if (!of || !by)
      return std::nullopt;
    source.of.push_back(*of);
    source.number = *by;
    return source;
  }
  if (call.callee == "line" && count == 1) {
    source.kind = SourceKind::Line;
    auto field = context.sizeFrom(value(0), 0, "the number of a field");
    source.number = field.value_or(0);
    return field ? std::optional(source) : std::nullopt;
  }
  if (call.callee == "piece" && count == 1 && llvm::isa<StringExpr>(value(0))) {
    source.kind = SourceKind::Piece;
    source.piece = llvm::cast<StringExpr>(value(0)).value;
    return source;
  }
  if (call.callee == "random" && count > 0) {
    source.kind = SourceKind::Random;
    for (const Argument &argument : call.arguments) {
      auto *name = llvm::dyn_cast<NameExpr>(argument.value.get());
      Entity *entity = name ? context.scope.find(name->name) : nullptr;
      if (!entity || entity->kind != Entity::Kind::Axis) {
        context.diagnostics.error("unknown-axis", argument.range, "`random` takes axes of the model");
        return std::nullopt;
      }
      source.axes.push_back(name->name);
    }
    return source;
  }
  return badSource(call, context);
}

static std::optional<typed::Source> readSource(const Expr &expr, const RunContext &context) {
  typed::Source source;
  if (auto *call = llvm::dyn_cast<CallExpr>(&expr))
    return readCall(*call, context);
  auto *name = llvm::dyn_cast<NameExpr>(&expr);
  if (name && name->name == "text")
    source.kind = SourceKind::Text;
  else if (name && name->name == "document")
    source.kind = SourceKind::Document;
  else if (name && name->name == "position")
    source.kind = SourceKind::Position;
  else
    return badSource(expr, context);
  return source;
}

/// What a source gives has an element and axes; the input must be declared accordingly.
static void checkFits(const typed::Input &input, const typed::Source &source, const DataClause::Binding &binding,
                      const RunContext &context) {
  auto refuse = [&](std::string message, std::string help) {
    context.diagnostics.error("source-mismatch", binding.source->range, "`" + input.name + "` " + message)
        .note(input.range, "declared here")
        .suggest(std::move(help));
  };
  Element element = source.kind == SourceKind::Present  ? Element::Bool
                    : source.kind == SourceKind::Random ? Element::Float
                                                        : Element::Int;
  if (input.type.element != element) {
    const char *marks[] = {"float, with no mark", "int, or an id: `in token`", "`bool`"};
    return refuse("has another type than its source", std::string("declare it ") + marks[int(element)]);
  }
  if (source.kind == SourceKind::Piece) {
    if (!input.type.axes.empty())
      refuse("has axes, a piece is one id", "declare it without axes: `input " + input.name + " in token`");
    return;
  }
  if (source.kind == SourceKind::Random) {
    if (input.type.axes.size() != source.axes.size() ||
        !llvm::all_of(source.axes, [&](const std::string &axis) { return input.type.find(axis); }))
      refuse("has other axes than its source", "declare both alike");
    return;
  }
  if (input.type.axes.size() != 2 || !input.type.find("batch"))
    refuse("needs the axes [batch, one more]: one sequence per element of the batch",
           "declare it `input " + input.name + "[batch, seq]`");
}

/// Whether a source reads fields of lines (true) or running text (false); nothing if it reads neither.
static std::optional<bool> readsLines(const typed::Source &source) {
  if (!source.of.empty())
    return readsLines(source.of.front());
  if (source.kind == SourceKind::Line)
    return true;
  bool window =
      source.kind == SourceKind::Text || source.kind == SourceKind::Document || source.kind == SourceKind::Position;
  return window ? std::optional(false) : std::nullopt;
}

/// A sample is a line or a window of running text, for all inputs alike.
static void checkSamples(const typed::TrainConfig &config, const RunContext &context) {
  const typed::Binding *first[2] = {};
  for (const typed::Binding &binding : config.bindings)
    if (auto lines = readsLines(binding.source); lines && !first[*lines])
      first[*lines] = &binding;
  if (first[0] && first[1])
    context.diagnostics
        .error("mixed-samples", first[0]->range,
               "`" + first[0]->input + "` reads running text, and `" + first[1]->input + "` lines")
        .note(first[1]->range, "here")
        .suggest("bind both to `line(k)`, or neither");
}

void checkBindings(const DataClause &clause, const RunContext &context) {
  typed::TrainConfig &config = *context.model.train;
  for (const StringLiteral &file : clause.files)
    config.files.push_back(file.value);
  if (clause.tokenizer)
    config.tokenizer = clause.tokenizer->value;
  else
    context.diagnostics.error("no-tokenizer", clause.range, "the data has no tokenizer")
        .suggest("write `data \"corpus/*.txt\" tokenizer \"corpus.model\" { ... }`");
  std::vector<std::string> names;
  for (const typed::Input &input : context.model.inputs)
    names.push_back(input.name);
  std::set<std::string> bound;
  for (const DataClause::Binding &binding : clause.bindings) {
    auto input = llvm::find_if(context.model.inputs, [&](const auto &one) { return one.name == binding.input.text; });
    if (!bound.insert(binding.input.text).second) {
      context.diagnostics.error("bound-twice", binding.input.range, "`" + binding.input.text + "` is bound twice");
      continue;
    }
    auto source = readSource(*binding.source, context);
    if (input == context.model.inputs.end()) {
      Entity *entity = context.scope.find(binding.input.text);
      if (entity && entity->kind == Entity::Kind::Value && !entity->operand)
        continue; // an input that was refused
      auto &diagnostic = context.diagnostics.error("unknown-input", binding.input.range,
                                                   "the model has no input `" + binding.input.text + "`");
      std::string closest = closestWord(binding.input.text, names);
      if (!closest.empty())
        diagnostic.suggest("did you mean `" + closest + "`?");
      continue;
    }
    if (!source)
      continue;
    checkFits(*input, *source, binding, context);
    config.bindings.push_back({input->name, *source, binding.input.range});
  }
  checkSamples(config, context);
  for (const typed::Input &input : context.model.inputs)
    if (!bound.count(input.name))
      context.diagnostics
          .error("unbound-input", clause.range, "nothing gives the input `" + input.name + "` its values")
          .note(input.range, "declared here")
          .suggest("add `" + input.name + " = text` to the bindings");
}

} // namespace kinu::check
