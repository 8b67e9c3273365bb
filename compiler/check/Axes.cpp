// Axes: their declarations, lists of them, and what may stand together in one value.
#include "compiler/check/Elaborator.h"

#include "llvm/ADT/STLExtras.h"

using namespace kinu::syntax;

namespace kinu::check {

typed::Axis typedAxis(const AxisInfo &axis) { return {axis.name, axis.length}; }

void Elaborator::axisStatement(const AxisStatement &statement) {
  for (const AxisStatement::Item &item : statement.items)
    declareAxis(item);
}

AxisInfo *Elaborator::declareAxis(const AxisStatement::Item &item) {
  AxisInfo axis;
  axis.range = item.name.range;
  bool valid = true;
  switch (item.kind) {
  case AxisStatement::Item::Kind::Bound:
  case AxisStatement::Item::Kind::UpTo: valid = boundLength(axis, item); break;
  case AxisStatement::Item::Kind::Like: {
    const AxisInfo *like = this->axis(item.like);
    valid = like && notBatch(*like, item.range, "an axis like");
    if (valid)
      axis = *like;
    axis.factors.clear();
    axis.range = item.name.range;
    break;
  }
  case AxisStatement::Item::Kind::Length: {
    auto length = sizeFrom(*item.length, 1, "the length of an axis");
    valid = length.has_value();
    axis.length = length.value_or(1);
    break;
  }
  case AxisStatement::Item::Kind::Product: valid = productLength(axis, item); break;
  }
  axis.name = uniqueAxisName(item.name.text);
  // An axis whose length was refused still exists, so that its uses do not cascade.
  AxisInfo &kept = axisInfos.emplace_back(std::move(axis));
  if (!kept.root)
    kept.root = &kept;
  Entity entity;
  entity.kind = Entity::Kind::Axis;
  entity.axis = valid ? &kept : nullptr;
  if (!declare(item.name, entity))
    return nullptr;
  frames.back().axisNames.insert(kept.name);
  axesByName[kept.name] = &kept;
  return &kept;
}

/// Who says how long a bound axis is: the options, -D, then the train block. None, too, after an error.
std::optional<int64_t> Elaborator::givenLength(const Name &name, SourceRange &place) {
  if (auto given = options.lengths.find(name.text); given != options.lengths.end())
    return given->second;
  if (auto define = options.defines.find(name.text); define != options.defines.end()) {
    usedDefines.insert(name.text);
    return define->second;
  }
  for (const TrainClause &clause : train ? llvm::ArrayRef(train->clauses) : llvm::ArrayRef<TrainClause>())
    if (auto *given = std::get_if<AxisLengthClause>(&clause); given && given->axis == name.text) {
      place = given->range;
      return sizeFrom(*given->length, 1, "the length of `" + name.text + "`");
    }
  return std::nullopt;
}

/// `axis seq`, `axis seq up to context`; the length of `batch` is that of a micro-batch.
bool Elaborator::boundLength(AxisInfo &axis, const AxisStatement::Item &item) {
  const std::string &name = item.name.text;
  bool isBatch = name == "batch";
  axis.bound = true;
  if (frames.size() > 1) {
    error("bound-axis-inside", item.range, "an axis that the run binds belongs to the model, not into a block")
        .suggest("give it a length: `axis " + name + " = ...`");
    return false;
  }
  axis.most = item.length ? sizeFrom(*item.length, 1, "the length of an axis") : std::nullopt;
  if (item.length && !axis.most)
    return false;
  SourceRange place = item.name.range;
  unsigned errorsBefore = diagnostics.errorCount();
  std::optional<int64_t> length = givenLength(item.name, place);
  if (diagnostics.errorCount() != errorsBefore)
    return false;
  if (!length)
    length = isBatch ? 1 : axis.most;
  else if (options.longest && !isBatch)
    length = axis.most.value_or(kLongest);
  if (!length) {
    error("unbound-axis", item.range, "nothing gives the axis `" + name + "` a length")
        .suggest(train ? "add `" + name + " 128` to the train block"
                       : "write `axis " + name + " up to 128`, or add a train block that binds it");
    return false;
  }
  if (isBatch && !options.lengths.count("batch"))
    // What does not divide is reported at the clause of the train block; a batch of 0 would be a second error.
    length = *length < 1 ? *length : std::max<int64_t>(1, *length / (model.train ? model.train->accumulate : 1));
  axis.length = *length;
  return lengthFits(axis, item, place);
}

bool Elaborator::lengthFits(const AxisInfo &axis, const AxisStatement::Item &item, SourceRange place) {
  std::string is = "`" + item.name.text + "` is " + std::to_string(axis.length);
  if (axis.most && axis.length > *axis.most) {
    error("axis-too-long", place, is + ", but goes up to " + std::to_string(*axis.most))
        .note(item.range, "declared here");
    return false;
  }
  if (axis.length >= 1)
    return true;
  error("size-too-small", place, "the length of " + is + ", it must be at least 1");
  return false;
}

bool Elaborator::productLength(AxisInfo &axis, const AxisStatement::Item &item) {
  for (const Name &name : item.factors) {
    const AxisInfo *factor = this->axis(name);
    if (!factor || !notBatch(*factor, name.range, "a product of"))
      return false;
    if (llvm::is_contained(axis.factors, factor)) {
      error("axis-twice", name.range, "`" + name.text + "` is a factor twice");
      return false;
    }
    if (__builtin_mul_overflow(axis.length, factor->length, &axis.length)) {
      error("size-overflow", item.range, "the length of `" + item.name.text + "` does not fit in 64 bits");
      return false;
    }
    axis.factors.push_back(factor);
  }
  return true;
}

/// The written name, unless an axis of a function around has it: then `half.1`, ... Names of functions that have
/// returned are free again, so equal calls give equal graphs.
std::string Elaborator::uniqueAxisName(llvm::StringRef name) const {
  auto taken = [&](const std::string &candidate) {
    return llvm::any_of(frames, [&](const Frame &frame) { return frame.axisNames.count(candidate) != 0; });
  };
  std::string candidate = name.str();
  for (unsigned i = 1; taken(candidate); ++i)
    candidate = name.str() + "." + std::to_string(i);
  return candidate;
}

const AxisInfo *Elaborator::axis(const Name &name) {
  Entity *entity = scope->find(name.text);
  if (!entity) {
    unknownName(name, "axis", Entity::Kind::Axis);
    return nullptr;
  }
  if (entity->kind == Entity::Kind::Axis)
    return entity->axis;
  error("not-an-axis", name.range, "`" + name.text + "` is not an axis").note(entity->range, "declared here");
  return nullptr;
}

std::optional<std::vector<const AxisInfo *>> Elaborator::axes(const AxisList &list) {
  std::vector<const AxisInfo *> result;
  for (const AxisEntry &entry : list.entries) {
    std::vector<const AxisInfo *> added;
    if (entry.isRest) {
      auto rest = frames.back().rests.find(entry.name.text);
      if (rest == frames.back().rests.end()) {
        error("unknown-rest", entry.range, "nothing says which axes `..." + entry.name.text + "` stands for")
            .suggest("a tensor parameter of the enclosing function must have it");
        return std::nullopt;
      }
      added = rest->second;
    } else if (const AxisInfo *one = axis(entry.name)) {
      added = {one};
    } else {
      return std::nullopt;
    }
    for (const AxisInfo *one : added) {
      if (llvm::is_contained(result, one)) {
        error("axis-twice", entry.range, "the axis `" + one->name + "` is here twice").also(list.range);
        return std::nullopt;
      }
      result.push_back(one);
    }
  }
  return result;
}

const AxisInfo *Elaborator::axisOf(const Expr &expr) {
  if (auto *name = llvm::dyn_cast<NameExpr>(&expr))
    return axis({name->name, name->range});
  error("not-an-axis", expr.range, "an axis is expected here");
  return nullptr;
}

std::optional<std::vector<const AxisInfo *>> Elaborator::axesOf(const Expr &expr) {
  if (auto *set = llvm::dyn_cast<AxisSetExpr>(&expr))
    return axes(set->axes);
  if (const AxisInfo *one = axisOf(expr))
    return std::vector<const AxisInfo *>{one};
  return std::nullopt;
}

const AxisInfo *Elaborator::info(const typed::Axis &axis) const {
  auto found = axesByName.find(axis.name);
  return found == axesByName.end() ? nullptr : found->second;
}

bool Elaborator::soundType(const typed::Type &type, SourceRange range) {
  int64_t bytes = 8;
  for (const typed::Axis &axis : type.axes)
    if (__builtin_mul_overflow(bytes, axis.length, &bytes)) {
      error("tensor-too-large", range, "a value with axes " + show(type.axes) + " has more bytes than 64 bits count");
      return false;
    }
  for (const typed::Axis &axis : type.axes) {
    const AxisInfo *product = info(axis);
    for (const AxisInfo *factor : product ? product->factors : std::vector<const AxisInfo *>())
      if (type.find(factor->name)) {
        error("product-with-factor", range,
              "this value would have the product axis `" + axis.name + "` and its factor `" + factor->name + "`")
            .suggest("split the product first: `x[" + axis.name + " as (...)]`");
        return false;
      }
  }
  return true;
}

bool Elaborator::notBatch(const AxisInfo &axis, SourceRange range, llvm::StringRef doing) {
  if (!axis.isBatch())
    return true;
  error("mixes-batch", range, (doing + " `batch` would make the result depend on the micro-batch").str())
      .suggest("everything before the loss is done for each sequence alone; `loss`, `aux` and `metric` average over "
               "`batch`");
  return false;
}

} // namespace kinu::check
