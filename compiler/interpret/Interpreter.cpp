// Runs a program: reads and writes of variables, inputs, outputs and rounds; the ops themselves are in Evaluate.h.
#include "compiler/interpret/Interpreter.h"

#include "dialects/kinu/Composites.h"
#include "dialects/kinu/FirstRound.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::interpret;

namespace kinu::interpret {
/// Numbers of 16 bits are rounded where they are made.
static TensorRef rounded(TensorRef tensor, Value value) {
  Type element = typeOf(value).getElement();
  if (!element.isBF16() && !element.isF16())
    return tensor;
  auto result = std::make_shared<Tensor>(*tensor);
  for (double &x : result->floats)
    x = roundTo(cast<FloatType>(element), x);
  return result;
}

/// One run of a program: the values computed so far.
class Evaluation {
public:
  explicit Evaluation(Interpreter &state) : state(state) {}
  void block(Block &block);
  std::string fault;

private:
  void operation(Operation *op);
  void input(InputOp op);
  void constant(ConstantOp op);
  void read(ReadOp op);
  /// Write, and accumulate where `adds`.
  void update(Operation *op, StringRef path, ValueRange rounds, Value value, bool adds);
  void repeat(RepeatOp op);
  void set(Value value, Tensor tensor) { values[value] = std::make_shared<const Tensor>(std::move(tensor)); }
  /// Where one round's slice of a variable begins, in elements; `first` is the slice of round 0.
  int64_t sliceOffset(NamedTensorType variable, ValueRange rounds, int64_t first);

  Interpreter &state;
  DenseMap<Value, TensorRef> values;
};
} // namespace kinu::interpret

void Evaluation::block(Block &block) {
  for (Operation &op : block)
    if (fault.empty() && !isa<YieldOp>(op))
      operation(&op);
}

void Evaluation::operation(Operation *op) {
  if (auto inputOp = dyn_cast<InputOp>(op))
    return input(inputOp);
  if (auto constantOp = dyn_cast<ConstantOp>(op))
    return constant(constantOp);
  if (auto readOp = dyn_cast<ReadOp>(op))
    return read(readOp);
  if (auto write = dyn_cast<WriteOp>(op))
    return update(op, write.getVariable(), write.getRounds(), write.getValue(), false);
  if (auto accumulate = dyn_cast<AccumulateOp>(op)) {
    auto first = state.inputs.find("$first");
    bool replaces = first == state.inputs.end() || first->second.ints[0];
    return update(op, accumulate.getVariable(), accumulate.getRounds(), accumulate.getValue(), !replaces);
  }
  if (auto output = dyn_cast<OutputOp>(op)) {
    state.outputs[output.getName().str()] = *values[output.getValue()];
    return;
  }
  if (auto repeatOp = dyn_cast<RepeatOp>(op))
    return repeat(repeatOp);
  if (auto index = dyn_cast<IndexOp>(op)) {
    Tensor tensor(index.getType());
    for (int64_t i = 0; i < tensor.size(); ++i)
      tensor.ints[i] = i;
    return set(index, std::move(tensor));
  }
  SmallVector<TensorRef> operands;
  for (Value operand : op->getOperands())
    operands.push_back(values[operand]);
  if (state.collective && op->getDialect() && op->getDialect()->getNamespace() == "tofu") {
    Tensor received = state.collective(op, operands.empty() ? nullptr : operands[0].get());
    if (op->getNumResults())
      set(op->getResult(0), std::move(received));
    return;
  }
  TensorRef result = evaluateElementwise(op, operands);
  if (!result)
    result = evaluateAxes(op, operands);
  if (!result)
    result = evaluateLookup(op, operands, fault);
  if (!result)
    result = evaluateRandom(op, operands);
  if (result)
    values[op->getResult(0)] = state.roundCasts ? rounded(result, op->getResult(0)) : result;
  else
    fault = ("no rule to evaluate " + op->getName().getStringRef()).str();
}

void Evaluation::input(InputOp op) {
  auto found = state.inputs.find(op.getName().str());
  if (found == state.inputs.end()) {
    fault = ("input " + op.getName() + " is not set").str();
    return;
  }
  const Tensor &given = found->second;
  bool fits = given.type.getElement() == op.getType().getElement() && given.size() == op.getType().getNumElements();
  for (const Axis &axis : op.getType().getAxes())
    fits = fits && given.type.has(axis.name) && given.type.length(axis.name) == axis.length;
  if (fits)
    set(op, given);
  else
    fault = ("input " + op.getName() + " has other axes or elements than the program reads").str();
}

void Evaluation::constant(ConstantOp op) {
  Tensor tensor(op.getType());
  if (auto real = dyn_cast<FloatAttr>(op.getValue()))
    tensor.floats[0] = real.getValueAsDouble();
  else if (auto truth = dyn_cast<BoolAttr>(op.getValue()))
    tensor.ints[0] = truth.getValue();
  else
    tensor.ints[0] = cast<IntegerAttr>(op.getValue()).getInt();
  set(op, std::move(tensor));
}

int64_t Evaluation::sliceOffset(NamedTensorType variable, ValueRange rounds, int64_t first) {
  int64_t offset = first == 0 ? 0 : first * strideOf(variable, variable.getAxes()[0].name);
  for (auto [axis, round] : llvm::zip(variable.getAxes(), rounds))
    offset += values[round]->ints[0] * strideOf(variable, axis.name);
  return offset;
}

void Evaluation::read(ReadOp op) {
  const Tensor &variable = state.variables.at(op.getVariable().str());
  // The slice of leading axes is contiguous, in the variable's own order of axes.
  NamedTensorType slice = variable.type.withAxes(variable.type.getAxes().drop_front(op.getRounds().size()));
  int64_t offset = sliceOffset(variable.type, op.getRounds(), firstRound(op));
  Tensor tensor(slice);
  if (slice.isFloat())
    std::copy_n(variable.floats.begin() + offset, tensor.size(), tensor.floats.begin());
  else
    std::copy_n(variable.ints.begin() + offset, tensor.size(), tensor.ints.begin());
  set(op, std::move(tensor));
}

void Evaluation::update(Operation *op, StringRef path, ValueRange rounds, Value value, bool adds) {
  Tensor &variable = state.variables.at(path.str());
  NamedTensorType slice = variable.type.withAxes(variable.type.getAxes().drop_front(rounds.size()));
  Tensor tensor = values[value]->reordered(slice);
  int64_t offset = sliceOffset(variable.type, rounds, firstRound(op));
  for (int64_t i = 0; i < tensor.size(); ++i)
    if (slice.isFloat())
      variable.floats[offset + i] = tensor.floats[i] + (adds ? variable.floats[offset + i] : 0.0);
    else
      variable.ints[offset + i] = tensor.ints[i] + (adds ? variable.ints[offset + i] : 0);
}

/// Copies `slice` into round `round` of `stacked`, or back.
static void moveSlice(Tensor &stacked, Tensor &slice, StringRef axis, int64_t round, bool out) {
  int64_t offset = round * strideOf(stacked.type, axis);
  ArrayRef<Axis> space = slice.type.getAxes();
  walk(space, {stridesIn(space, slice.type), stridesIn(space, stacked.type)}, [&](ArrayRef<int64_t> at) {
    if (slice.type.isFloat())
      (out ? slice.floats[at[0]] : stacked.floats[at[1] + offset]) =
          out ? stacked.floats[at[1] + offset] : slice.floats[at[0]];
    else
      (out ? slice.ints[at[0]] : stacked.ints[at[1] + offset]) = out ? stacked.ints[at[1] + offset] : slice.ints[at[0]];
  });
}

void Evaluation::repeat(RepeatOp op) {
  SmallVector<TensorRef> carried;
  for (Value value : op.getCarried())
    carried.push_back(values[value]);
  SmallVector<Tensor> sums, saved, stacked;
  for (Type type : op.getSums().getTypes())
    sums.emplace_back(cast<NamedTensorType>(type));
  for (Type type : op.getSaved().getTypes())
    saved.emplace_back(cast<NamedTensorType>(type));
  for (Value value : op.getStacked())
    stacked.push_back(*values[value]);

  for (int64_t i = 0, count = op.getCount(); i < count && fault.empty(); ++i) {
    int64_t round = op.getReverse() ? count - 1 - i : i;
    set(op.getRound(), Tensor(typeOf(op.getRound()), std::vector<int64_t>{round}));
    for (auto [argument, value] : llvm::zip(op.getCarriedArguments(), carried))
      values[argument] = value;
    for (auto [argument, whole] : llvm::zip(op.getStackedArguments(), stacked)) {
      Tensor slice(typeOf(argument));
      moveSlice(whole, slice, op.getAxis(), round, true);
      set(argument, std::move(slice));
    }
    block(op.getBody().front());
    if (!fault.empty())
      return;
    ValueRange yielded = op.getYield().getValues();
    for (auto [value, next] : llvm::zip(carried, yielded))
      value = values[next];
    for (auto [sum, value] : llvm::zip(sums, yielded.drop_front(carried.size()))) {
      Tensor term = values[value]->reordered(sum.type);
      for (size_t k = 0; k < sum.floats.size(); ++k)
        sum.floats[k] += term.floats[k];
      for (size_t k = 0; k < sum.ints.size(); ++k)
        sum.ints[k] += term.ints[k];
    }
    for (auto [whole, value] : llvm::zip(saved, yielded.drop_front(carried.size() + sums.size()))) {
      Tensor slice = *values[value];
      moveSlice(whole, slice, op.getAxis(), round, false);
    }
  }
  for (auto [result, value] : llvm::zip(op.getResults(), carried))
    values[result] = value;
  for (auto [result, sum] : llvm::zip(op.getSums(), sums))
    set(result, std::move(sum));
  for (auto [result, whole] : llvm::zip(op.getSaved(), saved))
    set(result, std::move(whole));
}

Interpreter::Interpreter(ModuleOp module) : module(module) {
  for (auto variable : module.getOps<VariableOp>())
    variables.emplace(variable.getSymName().str(), Tensor(cast<NamedTensorType>(variable.getType())));
}

void Interpreter::initializeVariables(uint64_t seed) {
  for (auto variable : module.getOps<VariableOp>())
    variables[variable.getSymName().str()] = initialValue(variable, seed);
}

void Interpreter::setVariable(StringRef path, Tensor value) {
  Tensor &variable = variables.at(path.str());
  variable = value.reordered(variable.type);
}

void Interpreter::setInput(StringRef name, Tensor value) { inputs[name.str()] = std::move(value); }

void Interpreter::setInput(StringRef name, double value) {
  auto type = NamedTensorType::get(module.getContext(), {}, Float32Type::get(module.getContext()));
  setInput(name, Tensor(type, std::vector<double>{value}));
}

void Interpreter::setInput(StringRef name, int64_t value) {
  auto type = NamedTensorType::get(module.getContext(), {}, IntegerType::get(module.getContext(), 64));
  setInput(name, Tensor(type, std::vector<int64_t>{value}));
}

llvm::Error Interpreter::run(StringRef name) {
  auto program = module.lookupSymbol<ProgramOp>(name);
  if (!program)
    return llvm::createStringError("no program " + name);
  OwningOpRef<ProgramOp> copy(program.clone());
  expandComposites(copy->getOperation(), [](Operation *) { return true; });
  outputs.clear();
  Evaluation evaluation(*this);
  evaluation.block(copy->getBody().front());
  if (!evaluation.fault.empty())
    return llvm::createStringError(evaluation.fault);
  return llvm::Error::success();
}

const Tensor &Interpreter::output(StringRef name) const { return outputs.at(name.str()); }
