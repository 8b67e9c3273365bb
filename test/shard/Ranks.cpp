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

Ranks::Ranks(const std::vector<std::string> &texts) {
  int64_t stage = 0, ranks = 1;
  std::string stages;
  do {
    auto &context = contexts.emplace_back(std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED));
    context->loadDialect<KinuDialect, tofu::TofuDialect>();
    if (!stages.empty())
      stage = coordinate(count(), stages);
    auto &module = modules.emplace_back(parseSourceString<ModuleOp>(texts[stage], context.get()));
    if (!module)
      llvm::report_fatal_error("a partitioned module does not parse");
    if (tofu::MeshOp op = tofu::meshOf(*module); op && mesh.names.empty()) {
      for (StringRef name : op.getAxes().getAsValueRange<StringAttr>())
        mesh.names.push_back(name.str());
      mesh.degrees.assign(op.getDegrees().begin(), op.getDegrees().end());
      ranks = op.ranks();
      if (auto pipeline = (*module)->getAttrOfType<DictionaryAttr>("kinu.pipeline"))
        stages = pipeline.getAs<StringAttr>("on").str();
    }
    auto &interpreter = interpreters.emplace_back(std::make_unique<interpret::Interpreter>(*module));
    int64_t rank = count() - 1;
    interpreter->collective = [this, rank](Operation *op, const Tensor *x) { return exchange(rank, op, x); };
    for (const std::string &axis : mesh.names)
      interpreter->setInput("$rank." + axis, coordinate(rank, axis));
  } while (count() < ranks);
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

/// The whole of a variable of which a rank has a part: over the mesh, and over the stages of a pipeline.
static NamedTensorType wholeType(VariableOp variable) {
  auto whole = variable->getAttrOfType<TypeAttr>("kinu.whole");
  auto type = cast<NamedTensorType>(whole ? whole.getValue() : variable.getType());
  SmallVector<Axis> axes(type.getAxes());
  if (auto cut = variable->getAttrOfType<DenseI64ArrayAttr>("kinu.cut"))
    axes[0].length = cut[1];
  return type.withAxes(axes);
}

/// The same without padding.
static NamedTensorType realType(VariableOp variable) {
  NamedTensorType type = wholeType(variable);
  SmallVector<Axis> axes(type.getAxes());
  if (auto real = variable->getAttrOfType<DictionaryAttr>("kinu.real"))
    for (Axis &axis : axes)
      if (auto length = real.getAs<IntegerAttr>(axis.name))
        axis.length = length.getInt();
  return type.withAxes(axes);
}

/// The beginning of a longer tensor, or a longer tensor with `fill` behind the end.
static Tensor resized(const Tensor &from, NamedTensorType type, double fill) {
  Tensor result(type);
  std::fill(result.floats.begin(), result.floats.end(), fill);
  SmallVector<Axis> common(type.getAxes());
  for (Axis &axis : common)
    axis.length = std::min(axis.length, from.type.length(axis.name));
  interpret::walk(common, {interpret::stridesIn(common, type), interpret::stridesIn(common, from.type)},
                  [&](ArrayRef<int64_t> at) { result.floats[at[0]] = from.floats[at[1]]; });
  return result;
}

static bool isParameter(VariableOp variable) {
  return llvm::is_contained({"weight", "bias", "gain"}, variable.getRole());
}

static void copyDense(Tensor &part, Tensor &whole, ArrayRef<int64_t> origins, bool out) {
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

/// Where rounds of a part lie that are not side by side in the whole: `chunks` has of each chunk the first round and
/// the number of rounds; those of a part lie one chunk behind the other.
static int64_t roundInWhole(ArrayRef<int64_t> chunks, int64_t round) {
  for (; round >= chunks[1]; chunks = chunks.drop_front(2))
    round -= chunks[1];
  return chunks[0] + round;
}

/// Between a rank's part of a variable and the whole. Origins are those of the part among the stage's rounds.
static void copyPart(Tensor &part, Tensor &whole, std::vector<int64_t> origins, bool out, VariableOp variable = {}) {
  auto chunks = variable ? variable->getAttrOfType<DenseI64ArrayAttr>("kinu.chunks") : DenseI64ArrayAttr();
  auto cut = variable ? variable->getAttrOfType<DenseI64ArrayAttr>("kinu.cut") : DenseI64ArrayAttr();
  if (!chunks) {
    if (cut)
      origins[0] += cut[0];
    return copyDense(part, whole, origins, out);
  }
  SmallVector<Axis> axes(part.type.getAxes());
  int64_t begin = origins[0], rounds = axes[0].length, size = part.size() / rounds;
  axes[0].length = 1;
  for (int64_t round = 0; round < rounds; ++round) {
    Tensor slice(part.type.withAxes(axes));
    std::copy_n(part.floats.begin() + round * size, size, slice.floats.begin());
    origins[0] = roundInWhole(chunks.asArrayRef(), begin + round);
    copyDense(slice, whole, origins, out);
    std::copy_n(slice.floats.begin(), size, part.floats.begin() + round * size);
  }
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
    if (!variable)
      continue; // another stage's
    auto type = cast<NamedTensorType>(variable.getType());
    Tensor all = carriedOver(whole, contexts[rank].get()), own(type);
    if (variable->hasAttr("kinu.real")) // nobody may see the padding of what is no weight
      all = resized(all, wholeType(variable), isParameter(variable) ? 0 : std::nan(""));
    copyPart(own, all, origins(rank, type, variable->getAttrOfType<DictionaryAttr>("kinu.split")), true, variable);
    interpreters[rank]->setVariable(path, own);
  }
}

Tensor Ranks::variable(StringRef path) {
  std::optional<Tensor> result;
  std::vector<bool> known;
  NamedTensorType real;
  bool isWeight = false;
  for (int64_t rank = 0; rank < count(); ++rank) {
    VariableOp here = find(*modules[rank], path);
    if (!here)
      continue;
    if (!result) {
      real = realType(here);
      isWeight = isParameter(here);
      result.emplace(wholeType(here));
      known.resize(result->size());
    }
    std::vector<int64_t> origin =
        origins(rank, cast<NamedTensorType>(here.getType()), here->getAttrOfType<DictionaryAttr>("kinu.split"));
    Tensor local = interpreters[rank]->variable(path), before = *result;
    copyPart(local, *result, origin, false, here);
    Tensor mark(local.type);
    std::fill(mark.floats.begin(), mark.floats.end(), 1.0);
    Tensor marks(result->type);
    copyPart(mark, marks, origin, false, here);
    for (int64_t i = 0; i < result->size(); ++i) {
      if (marks.floats[i] == 0)
        continue;
      if (known[i] && !(std::isnan(before.floats[i]) && std::isnan(result->floats[i])))
        disagreement = std::max(disagreement, std::abs(result->floats[i] - before.floats[i]));
      known[i] = true;
    }
  }
  if (!result || llvm::is_contained(known, false))
    fault = path.str() + " is not whole on all ranks together";
  if (result->type == real)
    return *result;
  Tensor cut = resized(*result, real, 0);
  // Weights have zeros behind the end: nothing is lost by cutting them.
  auto size = [](const Tensor &tensor) {
    double sum = 0;
    for (double x : tensor.floats)
      sum += std::abs(x);
    return sum;
  };
  if (isWeight && !(size(*result) == size(cut)))
    fault = path.str() + " has something in its padding";
  return cut;
}

/// The ranks that differ from `rank` in the axes that a collective is over, in their order.
std::vector<int64_t> Ranks::group(int64_t rank, Operation *op) const {
  SmallVector<StringRef> on;
  if (auto list = op->getAttrOfType<ArrayAttr>("on"))
    llvm::append_range(on, list.getAsValueRange<StringAttr>());
  else
    on.push_back(op->getAttrOfType<StringAttr>("on").getValue());
  auto among = op->getAttrOfType<DenseI64ArrayAttr>("among");
  std::vector<int64_t> result;
  for (int64_t other = 0; other < count(); ++other)
    if (llvm::all_of(mesh.names, [&](const std::string &name) {
          return llvm::is_contained(on, name)
                     ? !among || llvm::is_contained(among.asArrayRef(), coordinate(other, name))
                     : coordinate(rank, name) == coordinate(other, name);
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

std::vector<Tensor> Ranks::meet(int64_t rank, const std::vector<int64_t> &members, const Tensor &operand) {
  std::unique_lock lock(mutex);
  std::pair key{members, met[{members, rank}]++};
  Meeting &meeting = meetings[key];
  meeting.brought.emplace(rank, operand);
  changed.notify_all();
  changed.wait(lock, [&] { return stopped || meeting.brought.size() == members.size(); });
  std::vector<Tensor> all;
  for (int64_t member : members)
    all.push_back(stopped ? operand : meeting.brought.at(member));
  if (++meeting.left == members.size())
    meetings.erase(key);
  return all;
}

Tensor Ranks::receive(int64_t from, int64_t to, int64_t tag, NamedTensorType type) {
  std::unique_lock lock(mutex);
  std::deque<Tensor> &letters = mail[{from, to, tag}];
  changed.wait(lock, [&] { return stopped || !letters.empty(); });
  if (letters.empty())
    return Tensor(type);
  Tensor result = carriedOver(letters.front(), type.getContext());
  letters.pop_front();
  return result.reordered(type);
}

int64_t Ranks::neighbour(int64_t rank, StringRef axis, int64_t place) const {
  for (int64_t other = 0; other < count(); ++other)
    if (llvm::all_of(mesh.names, [&](const std::string &name) {
          return coordinate(other, name) == (name == axis ? place : coordinate(rank, name));
        }))
      return other;
  llvm_unreachable("the mesh has all places");
}

Tensor Ranks::exchange(int64_t rank, Operation *op, const Tensor *operand) {
  if (auto send = dyn_cast<tofu::SendOp>(op)) {
    std::unique_lock lock(mutex);
    mail[{rank, neighbour(rank, send.getOn(), send.getPeer()), send.getTag()}].push_back(*operand);
    changed.notify_all();
    return *operand;
  }
  if (auto receives = dyn_cast<tofu::ReceiveOp>(op))
    return receive(neighbour(rank, receives.getOn(), receives.getPeer()), rank, receives.getTag(), receives.getType());
  return reduced(rank, op, *operand);
}

Tensor Ranks::reduced(int64_t rank, Operation *op, const Tensor &operand) {
  std::vector<int64_t> members = group(rank, op);
  auto type = cast<NamedTensorType>(op->getResult(0).getType());
  Tensor result(type);
  std::vector<Tensor> all = meet(rank, members, operand);
  auto received = [&](int64_t member) {
    return carriedOver(all[llvm::find(members, member) - members.begin()], type.getContext());
  };
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
  } else if (isa<tofu::ShiftOp>(op)) {
    int64_t ranks = static_cast<int64_t>(members.size());
    result = received(members[(self + ranks - 1) % ranks]).reordered(type);
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
      Tensor piece =
          isa<tofu::AllGatherOp>(op) ? received(member).reordered(one) : sliceOf(received(member), one, axis, self);
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
  return result;
}

void Ranks::setInputs(int64_t rank, StringRef program, const Inputs &inputs) {
  auto op = modules[rank]->lookupSymbol<ProgramOp>(program);
  for (auto &[name, whole] : inputs)
    interpreters[rank]->setInput(name, carriedOver(whole, contexts[rank].get()));
  for (InputOp input : op.getOps<InputOp>())
    if (auto split = input->getAttrOfType<DictionaryAttr>("kinu.split");
        split && inputs.contains(input.getName().str()))
      interpreters[rank]->setInput(input.getName(),
                                   part(rank, inputs.at(input.getName().str()), input.getType(), split));
}

void Ranks::runRank(int64_t rank, StringRef program) {
  llvm::Error error = interpreters[rank]->run(program);
  if (!error)
    return;
  std::unique_lock lock(mutex);
  std::string message = llvm::toString(std::move(error));
  fault = fault.empty() ? message : fault;
  stopped = true;
  changed.notify_all();
}

void Ranks::onAllRanks(llvm::function_ref<void(int64_t)> work) {
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < count(); ++rank)
    threads.emplace_back([&, rank] { work(rank); });
  for (std::thread &thread : threads)
    thread.join();
}

double Ranks::share(int64_t rank, StringRef program, StringRef name) {
  SmallVector<StringRef> over;
  auto op = modules[rank]->lookupSymbol<ProgramOp>(program);
  for (OutputOp output : op.getOps<OutputOp>())
    if (auto sum = output->getAttrOfType<ArrayAttr>(tofu::kSumOver); sum && output.getName() == name)
      llvm::append_range(over, sum.getAsValueRange<StringAttr>());
  if (program.starts_with("forward"))
    over.push_back((*modules[rank])->getAttrOfType<DictionaryAttr>("kinu.pipeline").getAs<StringAttr>("on").getValue());
  for (const std::string &axis : mesh.names)
    if (!llvm::is_contained(over, axis) && coordinate(rank, axis) > 0)
      return 0;
  return interpreters[rank]->output(name)[0];
}

double Ranks::output(StringRef name) {
  double sum = 0;
  for (int64_t rank = 0; rank < count(); ++rank)
    sum += share(rank, lastProgram, name);
  return sum;
}

void Ranks::run(StringRef program, const Inputs &inputs) {
  lastProgram = program.str();
  for (int64_t rank = 0; rank < count(); ++rank)
    setInputs(rank, program, inputs);
  onAllRanks([&](int64_t rank) { runRank(rank, program); });
}

std::map<std::string, double> Ranks::runStep(const std::vector<Inputs> &microBatches) {
  std::vector<std::map<std::string, double>> sums(count());
  onAllRanks([&](int64_t rank) {
    ModuleOp module = *modules[rank];
    interpret::Interpreter &interpreter = *interpreters[rank];
    std::map<int64_t, std::map<std::string, Tensor>> stores; // what forward passes left, by store
    ArrayRef<int64_t> slots = module->getAttrOfType<DenseI64ArrayAttr>("kinu.schedule").asArrayRef();
    for (; !slots.empty() && fault.empty(); slots = slots.drop_front(4)) {
      std::string program = slots[0] == 2 ? "weights" : slots[0] ? "backward" : "forward";
      if (slots[3])
        program += "." + std::to_string(slots[3]);
      if (slots[0])
        for (auto &[name, value] : stores[slots[2]])
          interpreter.setVariable(name, value);
      setInputs(rank, program, microBatches[slots[1]]);
      runRank(rank, program);
      for (VariableOp variable : module.getOps<VariableOp>())
        if (variable.getRole() == "stash")
          stores[slots[2]].insert_or_assign(variable.getSymName().str(), interpreter.variable(variable.getSymName()));
      for (auto &[name, value] : interpreter.allOutputs())
        if (value.size() == 1 && !slots[0])
          sums[rank][name] += share(rank, program, name);
    }
  });
  std::map<std::string, double> result;
  for (const std::map<std::string, double> &ofRank : sums)
    for (auto &[name, sum] : ofRank)
      result[name] += sum;
  return result;
}
