// `x[...]`: lookup, slice, rename, split and join.
#include "compiler/check/Elaborator.h"

#include "llvm/ADT/STLExtras.h"

using namespace kinu::syntax;
using kinu::typed::Element;
using kinu::typed::Kind;

namespace kinu::check {

/// Items work one after the other; neighbouring lookups are one lookup over several axes.
Operand Elaborator::selectExpression(const SelectExpr &expr) {
  Operand base = expression(*expr.base);
  std::vector<const SelectItem *> lookups;
  for (const SelectItem &item : expr.items) {
    if (!base)
      return {};
    if (item.kind == SelectItem::Kind::Lookup) {
      lookups.push_back(&item);
      if (&item != &expr.items.back() && (&item)[1].kind == SelectItem::Kind::Lookup)
        continue;
      base = lookup(base, expr, lookups);
      lookups.clear();
      continue;
    }
    switch (item.kind) {
    case SelectItem::Kind::Slice: base = slice(base, item); break;
    case SelectItem::Kind::Rename: base = rename(base, item); break;
    case SelectItem::Kind::Split: base = split(base, item); break;
    default: base = join(base, item);
    }
  }
  return base;
}

/// Rule 4: an index is known to be in range, or the spec says what happens.
bool Elaborator::inRange(const Operand &index, const AxisInfo &axis, SourceRange range, llvm::StringRef fix) {
  bool known = index.interval && index.interval->low >= 0 && index.interval->high < axis.length;
  // An axis that the run binds may be as long as its `up to` in another run.
  const AxisInfo *of = index.indexOf;
  bool outgrows = of && of->bound && !axis.bound && of->most.value_or(0) > axis.length;
  if (known && !outgrows)
    return true;
  std::string extent = "`" + axis.name + "` has " + std::to_string(axis.length);
  std::string message = "this index into `" + axis.name + "` is not known to be in range";
  if (outgrows)
    message += ": `" + of->name + "` goes up to " + std::to_string(*of->most) + ", " + extent;
  else if (index.interval)
    message += ": it can be " + std::to_string(index.interval->low) + " to " + std::to_string(index.interval->high) +
               ", " + extent;
  error("index-range", range, message).suggest(fix.str());
  return false;
}

Operand Elaborator::lookup(Operand base, const SelectExpr &expr, llvm::ArrayRef<const SelectItem *> items) {
  std::vector<typed::Value *> operands{base.value};
  std::vector<const AxisInfo *> replaced;
  typed::Type type{base.element(), {}};
  bool isIndex = base.isIndex;
  for (const SelectItem *item : items) {
    const AxisInfo *axis = this->axis(item->from.front());
    Operand index = expression(*item->index);
    if (!axis || !isInt(index, item->index->range, "a lookup"))
      return {};
    if (!notBatch(*axis, item->range, "a lookup along") ||
        !present(base, *axis, item->from.front().range, "this looks up along"))
      return {};
    if (llvm::is_contained(replaced, axis)) {
      error("axis-twice", item->range, "`" + axis->name + "` is looked up twice");
      return {};
    }
    std::string name = item->from.front().text;
    if (!expr.otherwise &&
        !inRange(index, *axis, item->index->range,
                 "write `[" + name + " = ... else 0]` for what is read outside, or `clamp(..., " + name + ")`"))
      return {};
    replaced.push_back(axis);
    operands.push_back(index.value);
    isIndex &= index.isIndex;
    for (const typed::Axis &of : index.type().axes)
      if (!type.find(of.name))
        type.axes.push_back(of);
  }
  for (const typed::Axis &axis : base.type().axes)
    if (!type.find(axis.name) && llvm::none_of(replaced, [&](auto *gone) { return gone->name == axis.name; }))
      type.axes.push_back(axis);
  Operand result{nullptr, isIndex, expr.otherwise ? std::nullopt : base.interval, nullptr};
  std::optional<double> otherwise;
  if (expr.otherwise) {
    if (!expr.otherwise->value) {
      error("else-drop", expr.otherwise->range, "`else drop` belongs to `scatter`")
          .suggest("say what is read outside: `else 0`");
      return {};
    }
    otherwise = number(*expr.otherwise->value, "what is read outside");
    if (!otherwise)
      return {};
    if (base.interval && *otherwise >= double(base.interval->low) && *otherwise <= double(base.interval->high))
      result.interval = base.interval;
  }
  if (!soundType(type, expr.range))
    return {};
  result.value = emit(Kind::Lookup, std::move(type), operands, expr.range);
  if (!result)
    return {};
  result.value->otherwise = otherwise;
  for (const AxisInfo *axis : replaced)
    result.value->axes.push_back(axis->name);
  return result;
}

Operand Elaborator::replaceAxes(Kind kind, Operand base, llvm::ArrayRef<const AxisInfo *> from,
                                llvm::ArrayRef<const AxisInfo *> to, SourceRange range) {
  typed::Type type{base.element(), {}};
  bool placed = false;
  for (const typed::Axis &axis : base.type().axes) {
    if (llvm::none_of(from, [&](const AxisInfo *gone) { return gone->name == axis.name; })) {
      type.axes.push_back(axis);
    } else if (!placed) {
      for (const AxisInfo *added : to)
        type.axes.push_back(typedAxis(*added));
      placed = true;
    }
  }
  for (const AxisInfo *added : to)
    if (llvm::count_if(type.axes, [&](const typed::Axis &axis) { return axis.name == added->name; }) > 1) {
      error("axis-twice", range, "the value has an axis `" + added->name + "` already: " + show(base.type().axes));
      return {};
    }
  if (!soundType(type, range))
    return {};
  Operand result{nullptr, base.isIndex, base.interval, nullptr};
  result.value = emit(kind, std::move(type), {base.value}, range);
  if (!result)
    return {};
  for (const AxisInfo *axis : from)
    result.value->axes.push_back(axis->name);
  for (const AxisInfo *axis : to)
    result.value->targets.push_back(typedAxis(*axis));
  return result;
}

Operand Elaborator::slice(Operand base, const SelectItem &item) {
  const AxisInfo *from = axis(item.from.front()), *to = axis(item.to.front());
  auto begin = sizeFrom(*item.begin, 0, "the start of a slice"), end = size(*item.end);
  if (!from || !to || !begin || !end || !notBatch(*from, item.range, "a slice of") ||
      !notBatch(*to, item.range, "a slice as") || !present(base, *from, item.from.front().range, "this slices"))
    return {};
  if (*end > from->length || *begin >= *end) {
    error("slice-bounds", item.range,
          "the slice " + std::to_string(*begin) + ".." + std::to_string(*end) + " does not lie in `" + from->name +
              "`, which has " + std::to_string(from->length))
        .suggest("`0..size(" + item.from.front().text + ")` is all of it");
    return {};
  }
  if (*end - *begin != to->length) {
    error("slice-length", item.range,
          "the slice has " + std::to_string(*end - *begin) + ", but `" + to->name + "` has " +
              std::to_string(to->length));
    return {};
  }
  Operand result = replaceAxes(Kind::Slice, base, {from}, {to}, item.range);
  if (result)
    result.value->integer = *begin;
  return result;
}

Operand Elaborator::rename(Operand base, const SelectItem &item) {
  const AxisInfo *from = axis(item.from.front()), *to = axis(item.to.front());
  if (!from || !to || !notBatch(*from, item.range, "renaming") || !notBatch(*to, item.range, "renaming to") ||
      !present(base, *from, item.from.front().range, "this renames"))
    return {};
  if (from->root != to->root) {
    error("rename-unlike", item.range,
          "`" + to->name + "` is not an axis like `" + from->name + "` (" + std::to_string(to->length) + " and " +
              std::to_string(from->length) + ")")
        .note(to->range, "declared here")
        .suggest("declare it `axis " + item.to.front().text + " like " + item.from.front().text + "`");
    return {};
  }
  if (from == to)
    return base;
  return replaceAxes(Kind::Rename, base, {from}, {to}, item.range);
}

/// The factors named in a split or join must be those of the product, in its order.
static bool isProductOf(const AxisInfo &product, llvm::ArrayRef<const AxisInfo *> factors) {
  return !product.factors.empty() && llvm::ArrayRef(product.factors) == factors;
}

static std::string productHint(llvm::ArrayRef<Name> factors, const Name &product) {
  std::string list;
  for (const Name &factor : factors)
    list += (list.empty() ? "" : ", ") + factor.text;
  return "declare it `axis " + product.text + " = (" + list + ")`";
}

Operand Elaborator::split(Operand base, const SelectItem &item) {
  const AxisInfo *from = axis(item.from.front());
  std::vector<const AxisInfo *> factors;
  for (const Name &name : item.to) {
    factors.push_back(axis(name));
    if (!factors.back())
      return {};
  }
  if (!from || !present(base, *from, item.from.front().range, "this splits"))
    return {};
  if (!isProductOf(*from, factors)) {
    error("not-the-product", item.range, "`" + from->name + "` is not declared as the product of these axes")
        .note(from->range, "declared here")
        .suggest(productHint(item.to, item.from.front()));
    return {};
  }
  return replaceAxes(Kind::Split, base, {from}, factors, item.range);
}

Operand Elaborator::join(Operand base, const SelectItem &item) {
  const AxisInfo *to = axis(item.to.front());
  std::vector<const AxisInfo *> factors;
  for (const Name &name : item.from) {
    factors.push_back(axis(name));
    if (!factors.back() || !present(base, *factors.back(), name.range, "this joins"))
      return {};
  }
  if (!to)
    return {};
  if (!isProductOf(*to, factors)) {
    error("not-the-product", item.range, "`" + to->name + "` is not declared as the product of these axes")
        .note(to->range, "declared here")
        .suggest(productHint(item.from, item.to.front()));
    return {};
  }
  return replaceAxes(Kind::Join, base, factors, {to}, item.range);
}

} // namespace kinu::check
