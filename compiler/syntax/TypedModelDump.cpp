// The listing of a typed model: variables, inputs, then one value a line.
//   %4 = dot {embed} %2, %3 : float[batch=4, seq=64, head=2]
#include "compiler/syntax/TypedModel.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/raw_ostream.h"

namespace kinu::typed {

namespace {
class Printer {
public:
  explicit Printer(llvm::raw_ostream &out) : out(out) {}

  void model(const Model &model);

private:
  void axes(const std::vector<Axis> &axes);
  void type(const Type &type);
  void initialiser(const Initialiser &initialiser);
  void attributes(const Value &value);
  void value(const Value &value, unsigned indent);
  void loop(const Value &value, unsigned indent);
  void region(const Region &region, unsigned indent);
  llvm::raw_ostream &use(const Value *value);

  llvm::raw_ostream &out;
  llvm::DenseMap<const Value *, unsigned> numbers;
};
} // namespace

void Printer::axes(const std::vector<Axis> &axes) {
  out << '[';
  for (size_t i = 0; i < axes.size(); ++i)
    out << (i ? ", " : "") << axes[i].name << '=' << axes[i].length;
  out << ']';
}

void Printer::type(const Type &type) {
  static const char *const names[] = {"float", "int", "bool"};
  out << names[size_t(type.element)];
  if (!type.axes.empty())
    axes(type.axes);
}

llvm::raw_ostream &Printer::use(const Value *value) {
  if (!value)
    return out << "none";
  auto [place, isNew] = numbers.try_emplace(value, numbers.size());
  return out << '%' << place->second;
}

void Printer::initialiser(const Initialiser &initialiser) {
  static const char *const names[] = {"normal", "truncated_normal", "uniform", "zeros", "ones"};
  out << names[size_t(initialiser.kind)];
  if (initialiser.kind < Initialiser::Kind::Zeros)
    out << '(' << llvm::format("%g", initialiser.a) << ", " << llvm::format("%g", initialiser.b) << ')';
}

void Printer::attributes(const Value &value) {
  if (!value.name.empty())
    out << " @" << value.name;
  if (value.kind == Kind::Constant) {
    if (value.type.element == Element::Float)
      out << ' ' << llvm::format("%.17g", value.number);
    else
      out << ' ' << value.integer;
  }
  if (!value.axes.empty()) {
    out << " {";
    for (size_t i = 0; i < value.axes.size(); ++i)
      out << (i ? ", " : "") << value.axes[i];
    out << '}';
  }
  if (!value.targets.empty()) {
    out << " -> ";
    axes(value.targets);
  }
  if (value.kind == Kind::Slice)
    out << " from " << value.integer;
  if (value.kind == Kind::RepeatResult)
    out << " #" << value.integer;
  if (value.otherwise)
    out << " else " << llvm::format("%g", *value.otherwise);
  if (value.drop)
    out << " else drop";
}

void Printer::loop(const Value &value, unsigned indent) {
  const RepeatLoop &loop = *value.repeat;
  out << ' ' << loop.axis << '=' << loop.count << " round ";
  use(loop.round) << " carries (";
  for (size_t i = 0; i < loop.carried.size(); ++i) {
    out << (i ? ", " : "");
    use(loop.carried[i].argument) << " = ";
    use(loop.carried[i].initial);
  }
  out << ") {\n";
  region(loop.body, indent + 2);
  out.indent(indent + 2) << "next";
  for (const RepeatLoop::CarriedValue &carried : loop.carried) {
    out << ' ';
    use(carried.next);
  }
  out << '\n';
  out.indent(indent) << "}\n";
}

void Printer::value(const Value &value, unsigned indent) {
  out.indent(indent);
  use(&value) << " = " << name(value.kind);
  attributes(value);
  if (value.repeat)
    return loop(value, indent);
  for (size_t i = 0; i < value.operands.size(); ++i) {
    out << (i ? ", " : " ");
    use(value.operands[i]);
  }
  out << " : ";
  type(value.type);
  out << '\n';
}

void Printer::region(const Region &region, unsigned indent) {
  for (const Value *one : region.values)
    value(*one, indent);
}

void Printer::model(const Model &model) {
  static const char *const roles[] = {"weight", "bias", "gain"};
  out << "model " << model.name << (model.training ? " training" : "") << '\n';
  for (const Variable &variable : model.variables) {
    out << "  " << roles[size_t(variable.role)] << ' ' << variable.path;
    axes(variable.axes);
    out << " = ";
    initialiser(variable.initialiser);
    out << '\n';
  }
  for (const Input &input : model.inputs) {
    out << "  input " << input.name << " : ";
    type(input.type);
    if (input.below)
      out << " below " << *input.below;
    out << '\n';
  }
  region(model.body, 2);
  for (const Output &output : model.outputs)
    use((out << "  output " << output.name << ' ', output.value)) << '\n';
  if (model.loss) {
    out << "  loss ";
    use(model.loss->value);
    if (model.loss->mask)
      use((out << " where ", model.loss->mask));
    out << '\n';
  }
  for (const Aux &aux : model.auxes)
    use((out << "  aux " << aux.name << ' ', aux.value)) << '\n';
  for (const Metric &metric : model.metrics) {
    use((out << "  metric " << metric.name << ' ', metric.sum));
    use((out << " / ", metric.count)) << '\n';
  }
}

std::string Model::dump() const {
  std::string text;
  llvm::raw_string_ostream out(text);
  Printer(out).model(*this);
  return text;
}

} // namespace kinu::typed
