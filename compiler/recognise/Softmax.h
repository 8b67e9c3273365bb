// Softmax and logsumexp in the forms that people write.
#pragma once

#include "compiler/recognise/Match.h"

namespace kinu::recognise {

/// What a softmax or logsumexp is taken of, and along which axis.
struct Exponentials {
  mlir::Value score;
  mlir::StringAttr axis;
};

/// `e / sum(e)`, e = exp(score - shift): the shift is the maximum, the maximum guarded against -inf, or absent; the sum
/// may be guarded against 0; the division may be a product with the reciprocal.
std::optional<Exponentials> matchSoftmax(Match &match, mlir::Value value);
/// `log(sum(exp(score - shift))) + shift`, with the same freedom.
std::optional<Exponentials> matchLogSumExp(Match &match, mlir::Value value);

} // namespace kinu::recognise
