// The program @update: the norm of the whole gradient, clipping, and the optimizer's rule for every variable. It is
// written with elementwise ops on whole variables, which `fuse` turns into one pass over each.
#include "compiler/differentiate/Differentiate.h"

#include <limits>

using namespace mlir;
using namespace kinu;
using namespace kinu::differentiate;

namespace {
/// Emits the program's body.
class Update {
public:
  Update(OpBuilder &builder, const Optimizer &optimizer) : b(builder), loc(b.getUnknownLoc()), optimizer(optimizer) {}

  /// The factor that gradients are multiplied by, null for none; also the outputs `$gradient_norm` and `$overflow`.
  Value gradientFactor(ArrayRef<VariableOp> variables);
  void inputs();
  void adamw(VariableOp variable, Value scale);
  void sgd(VariableOp variable, Value scale);

private:
  Value number(double value) { return ConstantOp::create(b, loc, value); }
  Value scalarInput(StringRef name) {
    return InputOp::create(b, loc, NamedTensorType::get(b.getContext(), {}, b.getF32Type()), name, IntegerAttr());
  }
  Value read(VariableOp variable, StringRef suffix) {
    return ReadOp::create(b, loc, variable.getType(), (variable.getSymName() + suffix).str(), ValueRange());
  }
  /// Replaces `old`, what the variable holds, unless gradients overflowed. Returns what it holds now: what is computed
  /// from that need not read `old`, which the new value overwrites.
  Value write(VariableOp variable, StringRef suffix, Value value, Value old) {
    if (finite)
      value = SelectOp::create(b, loc, finite, value, old);
    WriteOp::create(b, loc, (variable.getSymName() + suffix).str(), ValueRange(), value);
    return value;
  }
  Value add(Value x, Value y) { return AddOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return MulOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return DivOp::create(b, loc, x, y); }
  Value gradient(VariableOp variable, Value scale) {
    Value gradient = read(variable, ".gradient");
    return scale ? mul(gradient, scale) : gradient;
  }
  /// mean = decay * mean + (1 - decay) * x, written back.
  Value movingMean(VariableOp variable, StringRef suffix, double decay, Value x) {
    Value old = read(variable, suffix);
    Value mean = add(mul(old, number(decay)), mul(x, number(1.0 - decay)));
    return write(variable, suffix, mean, old);
  }
  /// w = w - rate * (step + decay * w), the decay for weights only (Loshchilov and Hutter, 2019).
  void descend(VariableOp variable, Value step) {
    Value weight = read(variable, "");
    if (optimizer.decay != 0 && variable.getRole() == "weight")
      step = add(step, mul(weight, number(optimizer.decay)));
    write(variable, "", SubOp::create(b, loc, weight, mul(step, learningRate)), weight);
  }

  OpBuilder &b;
  Location loc;
  const Optimizer &optimizer;
  Value learningRate, bias1, bias2;
  Value finite; ///< whether gradients did not overflow; null where the loss is not scaled
};
} // namespace

Value Update::gradientFactor(ArrayRef<VariableOp> variables) {
  Value squares;
  for (VariableOp variable : variables) {
    Value gradient = read(variable, ".gradient");
    SmallVector<Attribute> over;
    for (const Axis &axis : typeOf(gradient).getAxes())
      over.push_back(axis.name);
    Value square = ReduceOp::create(b, loc, ReductionKind::sum, mul(gradient, gradient), b.getArrayAttr(over));
    squares = squares ? add(squares, square) : square;
  }
  if (!squares)
    squares = number(0.0);
  Value norm = SqrtOp::create(b, loc, squares.getType(), squares), unscale;
  if (optimizer.scaleLoss) {
    // One element that is infinite or NaN makes the norm so. The flag is an int, because a maximum of floats over ranks
    // may lose a NaN.
    unscale = div(number(1.0), scalarInput("$loss_scale"));
    norm = mul(norm, unscale);
    finite = CompareOp::create(b, loc, ComparePredicate::lt, norm, number(std::numeric_limits<double>::infinity()));
    Value overflow = NotOp::create(b, loc, finite.getType(), finite);
    OutputOp::create(b, loc, "$overflow", ToIntOp::create(b, loc, overflow));
  }
  OutputOp::create(b, loc, "$gradient_norm", norm);
  if (optimizer.clip <= 0)
    return unscale;
  Value clip = MinOp::create(b, loc, number(1.0), div(number(optimizer.clip), add(norm, number(1e-6))));
  return unscale ? mul(clip, unscale) : clip;
}

void Update::inputs() {
  learningRate = scalarInput("$learning_rate");
  if (!optimizer.adamw)
    return;
  bias1 = scalarInput("$bias_correction1");
  bias2 = scalarInput("$bias_correction2");
}

void Update::adamw(VariableOp variable, Value scale) {
  Value g = gradient(variable, scale);
  Value mean = movingMean(variable, ".moment1", optimizer.beta1, g);
  Value square = movingMean(variable, ".moment2", optimizer.beta2, mul(g, g));
  Value root = div(square, bias2);
  root = SqrtOp::create(b, loc, root.getType(), root);
  descend(variable, div(div(mean, bias1), add(root, number(optimizer.epsilon))));
}

void Update::sgd(VariableOp variable, Value scale) {
  Value step = gradient(variable, scale);
  if (optimizer.momentum != 0) {
    Value old = read(variable, ".moment1");
    step = write(variable, ".moment1", add(mul(old, number(optimizer.momentum)), step), old);
  }
  descend(variable, step);
}

static void emitMoments(OpBuilder &builder, ArrayRef<VariableOp> variables, StringRef role) {
  for (VariableOp variable : variables)
    VariableOp::create(builder, variable.getLoc(), (variable.getSymName() + "." + role).str(), role, "zeros",
                       llvm::APFloat(0.0), llvm::APFloat(0.0), variable.getType(), variable.getSymNameAttr());
}

void differentiate::emitUpdate(ModuleOp module, const Optimizer &optimizer) {
  SmallVector<VariableOp> variables(module.getOps<VariableOp>()), trained;
  llvm::copy_if(variables, std::back_inserter(trained), isTrained);
  OpBuilder builder(module.getContext());
  if (variables.empty())
    builder.setInsertionPointToStart(module.getBody());
  else
    builder.setInsertionPointAfter(variables.back());
  if (optimizer.adamw || optimizer.momentum != 0)
    emitMoments(builder, trained, "moment1");
  if (optimizer.adamw)
    emitMoments(builder, trained, "moment2");

  builder.setInsertionPointToEnd(module.getBody());
  auto program = ProgramOp::create(builder, module.getLoc(), "update");
  builder.createBlock(&program.getBody());
  Update update(builder, optimizer);
  update.inputs();
  Value scale = update.gradientFactor(trained);
  for (VariableOp variable : trained)
    optimizer.adamw ? update.adamw(variable, scale) : update.sgd(variable, scale);
}
