// `precision fp32 | bf16 | fp16`, and the modes of fp16: `fp16(safe)`, `fp16(fast, promote: 64)`.
#include "compiler/check/Runs.h"

using namespace kinu::syntax;

namespace kinu::check {

/// Terms of a product that fast fp16 sums in fp16 where the writer does not say: the error stays below 1.5e-3 and the
/// sums in fp32 cost little (docs/language.md, Train).
static constexpr int64_t kDefaultPromote = 64;

static std::optional<typed::Precision> findPrecision(const Name &name, const RunContext &context) {
  if (name == "fp32")
    return typed::Precision::Fp32;
  if (name == "bf16")
    return typed::Precision::Bf16;
  if (name == "fp16")
    return typed::Precision::Fp16;
  context.diagnostics.error("unknown-precision", name.range, "there is no precision `" + name.text + "`")
      .suggest("there are `fp32`, `bf16` and `fp16`");
  return std::nullopt;
}

/// The mode that an argument names; none, and an error, if it names none.
static std::optional<bool> isFast(const Argument &argument, bool isFp16, const CallExpr &call,
                                  const RunContext &context) {
  auto *name = llvm::dyn_cast<NameExpr>(argument.value.get());
  if (name && isFp16 && (name->name == "safe" || name->name == "fast"))
    return name->name == "fast";
  context.diagnostics
      .error("unknown-precision-mode", argument.range,
             "`" + call.callee.text + "` has no " + (name ? "mode `" + name->name + "`" : "such mode"))
      .suggest(isFp16 ? "there are `safe`, which sums in fp32, and `fast`, which sums in fp16 for `promote:` terms"
                      : "write `precision " + call.callee.text + "`");
  return std::nullopt;
}

std::optional<CheckedPrecision> checkPrecision(const PrecisionClause &clause, const RunContext &context) {
  std::optional<typed::Precision> precision = findPrecision(clause.type, context);
  if (!precision || !clause.call)
    return precision ? std::optional<CheckedPrecision>({*precision, 0}) : std::nullopt;
  bool isFp16 = *precision == typed::Precision::Fp16, fast = false;
  const Argument *promote = nullptr, *mode = nullptr;
  for (const Argument &argument : clause.call->arguments) {
    bool isPromote = argument.kind == Argument::Kind::Labelled && argument.label == "promote" && isFp16;
    const Argument *&said = isPromote ? promote : mode;
    if (said) {
      context.diagnostics.error("unknown-precision-mode", argument.range, "this is said twice")
          .suggest("`precision fp16(safe)`, or `precision fp16(fast, promote: 64)`");
      return std::nullopt;
    }
    said = &argument;
    if (isPromote)
      continue;
    std::optional<bool> isFastMode = isFast(argument, isFp16, *clause.call, context);
    if (!isFastMode)
      return std::nullopt;
    fast = *isFastMode;
  }
  if (promote && !fast) {
    context.diagnostics.error("unknown-label", promote->range, "only fast `fp16` has `promote:`")
        .suggest("`precision fp16(fast, promote: 64)`");
    return std::nullopt;
  }
  int64_t terms = fast ? kDefaultPromote : 0;
  if (promote) {
    std::optional<int64_t> given = context.sizeFrom(*promote->value, 1, "`promote:`");
    if (!given)
      return std::nullopt;
    terms = *given;
  }
  return CheckedPrecision{*precision, terms};
}

} // namespace kinu::check
