#include "Ranks.h"

#include "dialects/kinu/Kinu.h"

#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

#include <cmath>
#include <thread>

using namespace mlir;
using namespace kinu;
using namespace kinu::test;
using interpret::Tensor;

Ranks::Ranks(const std::string &text) {
  do {
    auto &context = contexts.emplace_back(std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED));
    context->loadDialect<KinuDialect, tofu::TofuDialect>();
    auto &module = modules.emplace_back(parseSourceString<ModuleOp>(text, context.get()));
    if (!module)
      llvm::report_fatal_error("a partitioned module does not parse");
    if (mesh.names.empty()) {
      tofu::MeshOp op = tofu::meshOf(*module);
      for (StringRef name : op.getAxes().getAsValueRange<StringAttr>())
        mesh.names.push_back(name.str());
      mesh.degrees.assign(op.getDegrees().begin(), op.getDegrees().end());
    }
    auto &interpreter = interpreters.emplace_back(std::make_unique<interpret::Interpreter>(*module));
    int64_t rank = count() - 1;
    interpreter->collective = [this, rank](Operation *op, const Tensor &x) { return exchange(rank, op, x); };
    for (const std::string &axis : mesh.names)
      interpreter->setInput("$rank." + axis, coordinate(rank, axis));
  } while (count() < tofu::meshOf(*modules[0]).ranks());
  sent.resize(count());
  barrier = std::make_unique<std::barrier<>>(count());
}

std::vector<int64_t> Ranks::coordinates(int64_t rank) const {
  std::vector<int64_t> result(mesh.names.size());
  for (size_t m = mesh.names.size(); m-- > 0; rank /= mesh.degrees[m])
    result[m] = rank % mesh.degrees[m];
  return result;
}

int64_t Ranks::coordinate(int64_t rank, StringRef axis) const {
  return coordinates(rank)[llvm::find(mesh.names, axis.str()) - mesh.names.begin()];
}

int64_t Ranks::degree(StringRef axis) const {
  return mesh.degrees[llvm::find(mesh.names, axis.str()) - mesh.names.begin()];
}

std::vector<int64_t> Ranks::origins(int64_t rank, NamedTensorType local, DictionaryAttr split) const {
  std::vector<int64_t> result;
  for (const Axis &axis : local.getAxes()) {
    int64_t place = 0;
    if (auto on = split ? split.getAs<ArrayAttr>(axis.name) : ArrayAttr())
      for (StringRef name : on.getAsValueRange<StringAttr>())
        place = place * degree(name) + coordinate(rank, name);
    result.push_back(place * axis.length);
  }
  return result;
}

static void copyPart(Tensor &part, Tensor &whole, ArrayRef<int64_t> origins, bool out) {
  int64_t base = 0;
  for (auto [axis, origin] : llvm::zip(part.type.getAxes(), origins))
    base += origin * interpret::strideOf(whole.type, axis.name.getValue());
  ArrayRef<Axis> space = part.type.getAxes();
  auto strides = {interpret::stridesIn(space, part.type), interpret::stridesIn(space, whole.type)};
  interpret::walk(space, strides, [&](ArrayRef<int64_t> at) {
    if (part.type.isFloat())
      (out ? part.floats[at[0]] : whole.floats[base + at[1]]) = out ? whole.floats[base + at[1]] : part.floats[at[0]];
    else
      (out ? part.ints[at[0]] : whole.ints[base + at[1]]) = out ? whole.ints[base + at[1]] : part.ints[at[0]];
  });
}

/// A type in another context.
static NamedTensorType carriedOver(NamedTensorType type, MLIRContext *context) {
  SmallVector<Axis> axes;
  for (const Axis &axis : type.getAxes())
    axes.push_back({StringAttr::get(context, axis.name.getValue()), axis.length});
  Type element = type.isFloat() ? Type(Float32Type::get(context)) : IntegerType::get(context, type.isBool() ? 1 : 64);
  return NamedTensorType::get(context, axes, element);
}

static Tensor carriedOver(Tensor tensor, MLIRContext *context) {
  tensor.type = carriedOver(tensor.type, context);
  return tensor;
}

Tensor Ranks::part(int64_t rank, const Tensor &whole, NamedTensorType local, DictionaryAttr split) const {
  Tensor all = carriedOver(whole, local.getContext()), result(local);
  copyPart(result, all, origins(rank, local, split), true);
  return result;
}

static VariableOp find(ModuleOp module, StringRef path) { return module.lookupSymbol<VariableOp>(path); }

void Ranks::setVariable(StringRef path, const Tensor &whole) {
  for (int64_t rank = 0; rank < count(); ++rank) {
    VariableOp variable = find(*modules[rank], path);
    interpreters[rank]->setVariable(path, part(rank, whole, cast<NamedTensorType>(variable.getType()),
                                               variable->getAttrOfType<DictionaryAttr>("kinu.split")));
  }
}

Tensor Ranks::variable(StringRef path) {
  VariableOp variable = find(*modules[0], path);
  auto type = cast<NamedTensorType>(variable->getAttrOfType<TypeAttr>("kinu.whole").getValue());
  Tensor result(type);
  std::vector<bool> known(result.size());
  for (int64_t rank = 0; rank < count(); ++rank) {
    VariableOp here = find(*modules[rank], path);
    Tensor local = interpreters[rank]->variable(path), before = result;
    copyPart(local, result, origins(rank, local.type, here->getAttrOfType<DictionaryAttr>("kinu.split")), false);
    Tensor mark(local.type);
    std::fill(mark.floats.begin(), mark.floats.end(), 1.0);
    Tensor marks(type);
    copyPart(mark, marks, origins(rank, local.type, here->getAttrOfType<DictionaryAttr>("kinu.split")), false);
    for (int64_t i = 0; i < result.size(); ++i) {
      if (marks.floats[i] == 0)
        continue;
      if (known[i])
        disagreement = std::max(disagreement, std::abs(result.floats[i] - before.floats[i]));
      known[i] = true;
    }
  }
  return result;
}

/// The ranks that differ from `rank` in the axes that a collective is over, in their order.
std::vector<int64_t> Ranks::group(int64_t rank, Operation *op) const {
  SmallVector<StringRef> on;
  if (auto list = op->getAttrOfType<ArrayAttr>("on"))
    llvm::append_range(on, list.getAsValueRange<StringAttr>());
  else
    on.push_back(op->getAttrOfType<StringAttr>("on").getValue());
  std::vector<int64_t> result;
  for (int64_t other = 0; other < count(); ++other)
    if (llvm::all_of(mesh.names, [&](const std::string &name) {
          return llvm::is_contained(on, name) || coordinate(rank, name) == coordinate(other, name);
        }))
      result.push_back(other);
  return result;
}

static double combine(ReductionKind kind, double x, double y) {
  return kind == ReductionKind::sum ? x + y : kind == ReductionKind::max ? std::max(x, y) : std::min(x, y);
}

/// Rank `rank`'s slice of `tensor` along the mesh axis.
static Tensor sliceOf(const Tensor &tensor, NamedTensorType type, StringRef axis, int64_t index) {
  Tensor whole = tensor, result(type);
  SmallVector<int64_t> none(type.getAxes().size(), 0);
  int64_t base = index * interpret::strideOf(whole.type, axis);
  ArrayRef<Axis> space = type.getAxes();
  interpret::walk(space, {interpret::stridesIn(space, type), interpret::stridesIn(space, whole.type)},
                  [&](ArrayRef<int64_t> at) {
                    if (type.isFloat())
                      result.floats[at[0]] = whole.floats[base + at[1]];
                    else
                      result.ints[at[0]] = whole.ints[base + at[1]];
                  });
  return result;
}

Tensor Ranks::exchange(int64_t rank, Operation *op, const Tensor &operand) {
  sent[rank] = &operand;
  barrier->arrive_and_wait();
  std::vector<int64_t> members = group(rank, op);
  auto type = cast<NamedTensorType>(op->getResult(0).getType());
  Tensor result(type);
  auto received = [&](int64_t member) { return carriedOver(*sent[member], type.getContext()); };
  int64_t self = llvm::find(members, rank) - members.begin();
  if (auto reduce = dyn_cast<tofu::AllReduceOp>(op)) {
    result = received(members[0]).reordered(type);
    for (int64_t member : llvm::drop_begin(members)) {
      Tensor next = received(member).reordered(type);
      for (size_t i = 0; i < result.floats.size(); ++i)
        result.floats[i] = combine(reduce.getKind(), result.floats[i], next.floats[i]);
      for (size_t i = 0; i < result.ints.size(); ++i)
        result.ints[i] = static_cast<int64_t>(combine(reduce.getKind(), result.ints[i], next.ints[i]));
    }
  } else if (auto scatter = dyn_cast<tofu::ReduceScatterOp>(op)) {
    for (int64_t member : members) {
      Tensor next = sliceOf(received(member), type, tofu::rankAxis(scatter.getOnAttr()), self);
      for (size_t i = 0; i < result.floats.size(); ++i)
        result.floats[i] += next.floats[i];
    }
  } else {
    StringRef axis = tofu::rankAxis(op->getAttrOfType<StringAttr>("on"));
    NamedTensorType one = type.without(namesAttr(type.getContext(), {axis}));
    for (auto [i, member] : llvm::enumerate(members)) {
      Tensor piece = isa<tofu::AllGatherOp>(op) ? received(member).reordered(one)
                                                : sliceOf(received(member), one, axis, self);
      int64_t base = static_cast<int64_t>(i) * interpret::strideOf(type, axis);
      ArrayRef<Axis> space = one.getAxes();
      interpret::walk(space, {interpret::stridesIn(space, one), interpret::stridesIn(space, type)},
                      [&](ArrayRef<int64_t> at) {
                        if (type.isFloat())
                          result.floats[base + at[1]] = piece.floats[at[0]];
                        else
                          result.ints[base + at[1]] = piece.ints[at[0]];
                      });
    }
  }
  barrier->arrive_and_wait(); // nobody goes on while others still read what it sent
  return result;
}

void Ranks::run(StringRef program, const std::map<std::string, Tensor> &inputs) {
  for (int64_t rank = 0; rank < count(); ++rank) {
    auto op = modules[rank]->lookupSymbol<ProgramOp>(program);
    for (auto &[name, whole] : inputs)
      interpreters[rank]->setInput(name, carriedOver(whole, contexts[rank].get()));
    for (InputOp input : op.getOps<InputOp>())
      if (auto split = input->getAttrOfType<DictionaryAttr>("kinu.split"); split && inputs.contains(input.getName().str()))
        interpreters[rank]->setInput(input.getName(), part(rank, inputs.at(input.getName().str()), input.getType(), split));
  }
  std::vector<std::string> faults(count());
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < count(); ++rank)
    threads.emplace_back([&, rank] {
      if (llvm::Error error = interpreters[rank]->run(program))
        faults[rank] = llvm::toString(std::move(error));
      if (!faults[rank].empty())
        barrier->arrive_and_drop();
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const std::string &message : faults)
    if (fault.empty() && !message.empty())
      fault = message;
}
