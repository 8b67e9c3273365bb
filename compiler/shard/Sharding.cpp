// Shardings and the rules that decide them.
#include "compiler/shard/Sharding.h"

#include "dialects/kinu/KeyBounds.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

bool shard::isPartial(const Sharding &sharding) {
  return llvm::any_of(sharding, [](const OnMeshAxis &on) { return on.state == OnMeshAxis::Partial; });
}

SmallVector<unsigned> shard::splitters(const Sharding &sharding, StringAttr axis) {
  SmallVector<unsigned> found;
  for (auto [m, on] : llvm::enumerate(sharding))
    if (on.state == OnMeshAxis::Split && on.axis == axis)
      found.push_back(m);
  return found;
}

std::string shard::describe(const Sharding &sharding, tofu::MeshOp mesh) {
  std::string text;
  for (auto [on, name] : llvm::zip(sharding, mesh.getAxes().getAsValueRange<StringAttr>())) {
    if (on.state == OnMeshAxis::Whole)
      continue;
    text += text.empty() ? "" : ", ";
    text += on.state == OnMeshAxis::Split ? (on.axis.getValue() + " on " + name).str()
                                          : (stringifyReductionKind(on.kind) + " over " + name).str();
  }
  return text.empty() ? "whole" : text;
}

LogicalResult Rules::read(ArrayAttr from, SmallVectorImpl<Rule> &to) {
  for (auto list : from.getAsRange<ArrayAttr>()) {
    Rule rule{cast<StringAttr>(list[0]), {}};
    for (StringAttr name : llvm::drop_begin(list.getAsRange<StringAttr>())) {
      auto *found = llvm::find(names, name);
      if (found == names.end())
        return mesh.emitError("has no axis ") << name << ", which a rule names";
      rule.on.push_back(found - names.begin());
    }
    to.push_back(rule);
  }
  return success();
}

void Rules::splitKeys(ModuleOp module) {
  llvm::DenseSet<std::pair<StringAttr, StringAttr>> renamed;
  module.walk([&](RenameOp op) { renamed.insert({op.getFromAttr(), op.getToAttr()}); });
  module.walk([&](AttentionOp op) {
    auto ruleOf = [&](StringAttr axis) {
      return llvm::find_if(everywhere, [&](const Rule &rule) { return rule.axis == axis; });
    };
    auto *ofQueries = ruleOf(op.getQueryAttr());
    if (ofQueries == everywhere.end() || ruleOf(op.getKeyAttr()) != everywhere.end() ||
        !renamed.contains({op.getQueryAttr(), op.getKeyAttr()}))
      return;
    Rule ofKeys{op.getKeyAttr(), ofQueries->on};
    everywhere.push_back(ofKeys);
  });
}

/// The axis and all that it is renamed to or from.
static llvm::SmallSetVector<StringAttr, 4> namesOf(StringAttr axis, ModuleOp module) {
  llvm::SmallSetVector<StringAttr, 4> names;
  names.insert(axis);
  for (size_t known = 0; known != names.size();) {
    known = names.size();
    module.walk([&](RenameOp op) {
      if (names.contains(op.getFromAttr()) || names.contains(op.getToAttr())) {
        names.insert(op.getFromAttr());
        names.insert(op.getToAttr());
      }
    });
  }
  return names;
}

/// What weights have, of this stage or another, lies in its order; and so do the sequences of a batch.
static bool keepsOrder(StringAttr axis, ModuleOp module) {
  auto isStored = [](StringRef role) { return role != "stash" && role != "message" && role != "table"; };
  auto elsewhere = module->getAttrOfType<ArrayAttr>("kinu.elsewhere");
  return axis == "batch" ||
         llvm::any_of(module.getOps<VariableOp>(),
                      [&](VariableOp variable) {
                        return isStored(variable.getRole()) && cast<NamedTensorType>(variable.getType()).has(axis);
                      }) ||
         (elsewhere && llvm::any_of(elsewhere.getAsRange<DictionaryAttr>(), [&](DictionaryAttr variable) {
            return cast<NamedTensorType>(variable.getAs<TypeAttr>("type").getValue()).has(axis);
          }));
}

void Rules::balance(ModuleOp module) {
  module.walk([&](AttentionOp op) {
    auto *rule = llvm::find_if(everywhere, [&](const Rule &each) { return each.axis == op.getQueryAttr(); });
    KeyBounds bounds = keyBounds(op.getScore(), op.getQueryAttr(), op.getKeyAttr());
    if (rule == everywhere.end() || rule->on.size() != 1 || !bounds.most || *bounds.most > 0)
      return;
    auto names = namesOf(rule->axis, module);
    names.remove_if([&](StringAttr name) { return !hasRule(name, rule->on[0]); });
    if (names.contains(op.getKeyAttr()) &&
        llvm::none_of(names, [&](StringAttr name) { return keepsOrder(name, module); }))
      for (StringAttr name : names)
        balanced.insert({name, rule->on[0]});
  });
}

FailureOr<Rules> Rules::of(ModuleOp module) {
  Rules rules;
  rules.mesh = tofu::meshOf(module);
  auto layout = module->getAttrOfType<DictionaryAttr>("kinu.layout");
  if (!rules.mesh || !layout)
    return module.emitError("requires a tofu.mesh and the attribute `kinu.layout`");
  rules.names = llvm::to_vector(rules.mesh.getAxes().getAsRange<StringAttr>());
  rules.degrees = llvm::to_vector(rules.mesh.getDegrees());
  auto list = [&](StringRef name) {
    auto found = layout.getAs<ArrayAttr>(name);
    return found ? found : ArrayAttr::get(module.getContext(), {});
  };
  if (failed(rules.read(list("rules"), rules.everywhere)) || failed(rules.read(list("between"), rules.between)))
    return failure();
  if (auto words = layout.getAs<ArrayAttr>("overlap"))
    rules.sumsEarly = llvm::is_contained(words.getAsValueRange<StringAttr>(), "gradients");
  rules.splitKeys(module);
  rules.balance(module);
  if (auto level = layout.getAs<IntegerAttr>("zero")) {
    rules.zeroLevel = level.getInt();
    auto *found = llvm::find(rules.names, layout.getAs<StringAttr>("zero_on"));
    if (found == rules.names.end())
      return rules.mesh.emitError("has no axis ") << layout.get("zero_on") << ", which `zero` names";
    rules.zeroOn = found - rules.names.begin();
  }
  return rules;
}

/// A tensor uses a mesh axis once: a rule one of whose mesh axes is taken does not apply, nor one that leaves unequal
/// parts (one sequence, in generation, is everybody's).
void Rules::apply(ArrayRef<Rule> rules, NamedTensorType type, Sharding &sharding) const {
  for (const Rule &rule : rules) {
    bool free = type.has(rule.axis) && splitters(sharding, rule.axis).empty() &&
                llvm::all_of(rule.on, [&](unsigned m) { return sharding[m].state == OnMeshAxis::Whole; });
    Sharding split = sharding;
    for (unsigned m : rule.on)
      split[m] = OnMeshAxis::splitAlong(rule.axis);
    if (free && divides(type, split))
      sharding = split;
  }
}

Sharding Rules::natural(NamedTensorType type) const {
  Sharding sharding = whole();
  apply(everywhere, type, sharding);
  return sharding;
}

Sharding Rules::betweenBlocks(NamedTensorType type) const {
  Sharding sharding = natural(type);
  apply(between, type, sharding);
  return sharding;
}

Sharding Rules::restrict(Sharding sharding, NamedTensorType type) const {
  for (OnMeshAxis &on : sharding)
    if (on.state == OnMeshAxis::Split && !type.has(on.axis))
      on = {};
  return sharding;
}

NamedTensorType Rules::local(NamedTensorType whole, const Sharding &sharding) const {
  SmallVector<Axis> axes(whole.getAxes());
  for (Axis &axis : axes)
    for (unsigned m : splitters(sharding, axis.name))
      axis.length = llvm::divideCeil(axis.length, degrees[m]);
  return whole.withAxes(axes);
}

bool Rules::divides(NamedTensorType whole, const Sharding &sharding) const {
  return llvm::all_of(whole.getAxes(), [&](const Axis &axis) {
    int64_t length = axis.length;
    for (unsigned m : splitters(sharding, axis.name)) {
      int64_t part = llvm::divideCeil(length, degrees[m]), added = part * degrees[m] - length;
      bool mayPad = llvm::any_of(
          between, [&](const Rule &rule) { return rule.axis == axis.name && llvm::is_contained(rule.on, m); });
      if (added > 0 && !(mayPad && added <= length / 4))
        return false;
      length = part;
    }
    return true;
  });
}

bool Rules::isPadded(Axis whole, const Sharding &sharding) const {
  for (unsigned m : splitters(sharding, whole.name)) {
    if (whole.length % degrees[m] != 0)
      return true;
    whole.length /= degrees[m];
  }
  return false;
}

/// The outermost axis that divides, so that parts are contiguous as far as can be.
Sharding Rules::sharedState(NamedTensorType whole, Sharding sharding, llvm::function_ref<bool(StringAttr)> may) const {
  if (zeroLevel == 0 || sharding[zeroOn].state != OnMeshAxis::Whole)
    return sharding;
  for (const Axis &axis : whole.getAxes()) {
    // ZeRO's part is the innermost of an axis that is split already; mesh axes behind it would have to change places.
    bool innermost = llvm::none_of(splitters(sharding, axis.name), [&](unsigned m) { return m > zeroOn; });
    Sharding shared = sharding;
    shared[zeroOn] = OnMeshAxis::splitAlong(axis.name);
    if (innermost && may(axis.name) && divides(whole, shared))
      return shared;
  }
  return sharding;
}

bool Rules::has(ArrayRef<Rule> rules, StringAttr axis, unsigned meshAxis) {
  return llvm::any_of(rules,
                      [&](const Rule &rule) { return rule.axis == axis && llvm::is_contained(rule.on, meshAxis); });
}

DictionaryAttr Rules::splitAttr(NamedTensorType whole, const Sharding &sharding) const {
  Builder builder(whole.getContext());
  SmallVector<NamedAttribute> split;
  for (const Axis &axis : whole.getAxes()) {
    SmallVector<Attribute> on;
    for (unsigned m : splitters(sharding, axis.name))
      on.push_back(names[m]);
    if (!on.empty())
      split.push_back(builder.getNamedAttr(axis.name, builder.getArrayAttr(on)));
  }
  return builder.getDictionaryAttr(split);
}
