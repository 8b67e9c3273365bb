// One program for each way of running the model: training, evaluation, generation.
#include "compiler/import/Import.h"
#include "compiler/import/ImportValues.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::import;

namespace {

/// Emits one program.
class ProgramImporter {
public:
  ProgramImporter(OpBuilder &builder, const SourceMap &sources, const TypedModel &model, int64_t globalBatch)
      : builder(builder), values(builder, sources, model, globalBatch), model(model) {}

  void run(StringRef name) {
    Location loc = builder.getUnknownLoc();
    auto program = ProgramOp::create(builder, loc, name);
    OpBuilder::InsertionGuard guard(builder);
    builder.createBlock(&program.getBody());
    values.importRegion(model.body);
    if (name == "generate")
      for (const typed::Output &output : model.outputs)
        OutputOp::create(builder, values[output.value].getLoc(), output.name, values[output.value]);
    else
      importLoss(name == "train");
  }

private:
  void importLoss(bool training) {
    if (model.loss)
      importMean("$loss_sum", "$loss_count", values[model.loss->value],
                 model.loss->mask ? values[model.loss->mask] : Value());
    Value total;
    for (const typed::Aux &aux : model.auxes) {
      Value sum = sumAll(values[aux.value]);
      total = total ? AddOp::create(builder, sum.getLoc(), total, sum) : sum;
    }
    if (training && total)
      OutputOp::create(builder, total.getLoc(), "$aux_sum", total);
    for (const typed::Metric &metric : model.metrics) {
      Value sum = sumAll(values[metric.sum]), count = sumAll(values[metric.count]);
      OutputOp::create(builder, sum.getLoc(), "metric." + metric.name + ".sum", sum);
      OutputOp::create(builder, count.getLoc(), "metric." + metric.name + ".count", count);
    }
  }

  /// The sum of the elements of `value` where `mask` holds, and their number.
  void importMean(StringRef sumName, StringRef countName, Value value, Value mask) {
    Location loc = value.getLoc();
    Value count;
    if (mask) {
      Value zero = ConstantOp::create(builder, loc, 0.0);
      Value chosen = SelectOp::create(builder, loc, typeOf(value), mask, value, zero);
      Value ones = ToFloatOp::create(builder, loc, mask);
      NamedTensorType all = typeOf(value);
      if (typeOf(ones).getAxes().size() != all.getAxes().size())
        ones = BroadcastOp::create(builder, loc, all, ones);
      value = chosen;
      count = sumAll(ones);
    } else {
      count = ConstantOp::create(builder, loc, static_cast<double>(typeOf(value).getNumElements()));
    }
    OutputOp::create(builder, loc, sumName, sumAll(value));
    OutputOp::create(builder, loc, countName, count);
  }

  Value sumAll(Value value) {
    SmallVector<Attribute> over;
    for (const Axis &axis : typeOf(value).getAxes())
      over.push_back(axis.name);
    if (over.empty())
      return value;
    return ReduceOp::create(builder, value.getLoc(), ReductionKind::sum, value, builder.getArrayAttr(over));
  }

  OpBuilder &builder;
  ValueImporter values;
  const TypedModel &model;
};

} // namespace

static StringRef word(typed::Role role) {
  switch (role) {
  case typed::Role::Weight: return "weight";
  case typed::Role::Bias: return "bias";
  case typed::Role::Gain: return "gain";
  }
  llvm_unreachable("a role is one of these");
}

static StringRef word(typed::Initialiser::Kind kind) {
  switch (kind) {
  case typed::Initialiser::Kind::Normal: return "normal";
  case typed::Initialiser::Kind::TruncatedNormal: return "truncated_normal";
  case typed::Initialiser::Kind::Uniform: return "uniform";
  case typed::Initialiser::Kind::Zeros: return "zeros";
  case typed::Initialiser::Kind::Ones: return "ones";
  }
  llvm_unreachable("an initialiser is one of these");
}

OwningOpRef<ModuleOp> import::importModels(MLIRContext &context, const SourceMap &sources, const Models &models) {
  context.loadDialect<KinuDialect>();
  OpBuilder builder(&context);
  OwningOpRef<ModuleOp> module(ModuleOp::create(builder, builder.getUnknownLoc()));
  const TypedModel &any = *(models.train ? models.train : models.eval ? models.eval : models.generate);
  int64_t globalBatch = any.train ? any.train->batch : 1;
  module->getOperation()->setAttr("kinu.global_batch", builder.getI64IntegerAttr(globalBatch));
  module->getOperation()->setAttr("kinu.micro_batches",
                                  builder.getI64IntegerAttr(any.train ? any.train->accumulate : 1));
  builder.setInsertionPointToEnd(module->getBody());
  ValueImporter places(builder, sources, any, globalBatch);
  for (const typed::Variable &variable : any.variables)
    VariableOp::create(builder, places.location(variable.range), variable.path, word(variable.role),
                       word(variable.initialiser.kind), llvm::APFloat(variable.initialiser.a),
                       llvm::APFloat(variable.initialiser.b), places.type({typed::Element::Float, variable.axes}),
                       StringAttr());
  auto importOne = [&](const TypedModel *model, StringRef name) {
    if (!model)
      return;
    builder.setInsertionPointToEnd(module->getBody());
    ProgramImporter(builder, sources, *model, globalBatch).run(name);
  };
  importOne(models.train, "train");
  importOne(models.eval, "eval");
  importOne(models.generate, "generate");
  return module;
}
