// Modules with norms, attention and losses in the forms that models give them, for numeric tests.
#pragma once

#include <string>

namespace kinu::test {

// clang-format off
#define X "!kinu.tensor<n=2, t=3, d=4 : f32>"
#define ROW "!kinu.tensor<n=2, t=3 : f32>"
#define D "!kinu.tensor<d=4 : f32>"
#define F "!kinu.tensor<f32>"
#define C "!kinu.tensor<n=2, h=2, t=3, k=3 : f32>"
#define CROW "!kinu.tensor<n=2, h=2, t=3 : f32>"
#define QKV "!kinu.tensor<n=2, h=2, t=3, d=4 : f32>"
#define KV "!kinu.tensor<n=2, h=2, k=3, d=4 : f32>"
#define MASK "!kinu.tensor<t=3, k=3 : i1>"
#define Z "!kinu.tensor<n=2, t=3, v=5 : f32>"

inline std::string declare(const std::string &name, const std::string &axes) {
  return "kinu.variable @" + name + " weight zeros(0.0, 0.0) : !kinu.tensor<" + axes + " : f32>\n";
}

/// The loss: `%r`, of axes n, t and d, times random numbers.
inline const std::string weigh =
    "%weights = kinu.input \"weights\" : " X "\n%l = kinu.dot %r, %weights over [\"n\", \"t\", \"d\"] : (" X ", " X ") -> " F
    "\nkinu.output \"$loss_sum\", %l : " F "\n}\n";

inline const std::string layerNorm = declare("x", "n=2, t=3, d=4") + declare("gain", "d=4") + declare("shift", "d=4") +
    "kinu.program @train {\n%x = kinu.read @x : " X "\n%gain = kinu.read @gain : " D "\n%shift = kinu.read @shift : " D
    "\n%size = kinu.constant(4.0) : " F "\n%eps = kinu.constant(1.0e-5) : " F
    "\n%sum = kinu.reduce sum %x over [\"d\"] : (" X ") -> " ROW "\n%mean = kinu.div %sum, %size : (" ROW ", " F ") -> " ROW
    "\n%c = kinu.sub %x, %mean : (" X ", " ROW ") -> " X "\n%cc = kinu.mul %c, %c : (" X ", " X ") -> " X
    "\n%sq = kinu.reduce sum %cc over [\"d\"] : (" X ") -> " ROW "\n%var = kinu.div %sq, %size : (" ROW ", " F ") -> " ROW
    "\n%ve = kinu.add %var, %eps : (" ROW ", " F ") -> " ROW "\n%root = kinu.sqrt %ve : " ROW
    "\n%n = kinu.div %c, %root : (" X ", " ROW ") -> " X "\n%s = kinu.mul %n, %gain : (" X ", " D ") -> " X
    "\n%r = kinu.add %s, %shift : (" X ", " D ") -> " X "\n" + weigh;

inline const std::string rmsNorm = declare("x", "n=2, t=3, d=4") + declare("gain", "d=4") +
    "kinu.program @train {\n%x = kinu.read @x : " X "\n%gain = kinu.read @gain : " D
    "\n%size = kinu.constant(0.25) : " F "\n%eps = kinu.constant(1.0e-5) : " F "\n%one = kinu.constant(1.0) : " F
    "\n%xx = kinu.mul %x, %x : (" X ", " X ") -> " X "\n%sq = kinu.reduce sum %xx over [\"d\"] : (" X ") -> " ROW
    "\n%var = kinu.mul %sq, %size : (" ROW ", " F ") -> " ROW "\n%ve = kinu.add %var, %eps : (" ROW ", " F ") -> " ROW
    "\n%root = kinu.sqrt %ve : " ROW "\n%rs = kinu.div %one, %root : (" F ", " ROW ") -> " ROW
    "\n%n = kinu.mul %x, %rs : (" X ", " ROW ") -> " X "\n%g = kinu.add %one, %gain : (" F ", " D ") -> " D
    "\n%r = kinu.mul %n, %g : (" X ", " D ") -> " X "\n" + weigh;

/// %t1 from the raw scores %s.
inline const std::string indices = "%i = kinu.index : !kinu.tensor<t=3 : i64>\n%j = kinu.index : !kinu.tensor<k=3 : i64>\n"
    "%low = kinu.constant(0xFFF0000000000000 : f64) : " F "\n"
    "%before = kinu.compare le %j, %i : (!kinu.tensor<k=3 : i64>, !kinu.tensor<t=3 : i64>) -> " MASK "\n";
inline const std::string causal = indices + "%t1 = kinu.select %before, %s, %low : (" MASK ", " C ", " F ") -> " C "\n";
inline const std::string softCapAlternating = indices +
    "%cap = kinu.constant(2.0) : " F "\n%s1 = kinu.div %s, %cap : (" C ", " F ") -> " C "\n%s2 = kinu.tanh %s1 : " C
    "\n%s3 = kinu.mul %s2, %cap : (" C ", " F ") -> " C "\n%layer = kinu.input \"layer\" : !kinu.tensor<i64>\n"
    "%two = kinu.constant(2 : i64) : !kinu.tensor<i64>\n%odd = kinu.mod %layer, %two : (!kinu.tensor<i64>, !kinu.tensor<i64>) -> !kinu.tensor<i64>\n"
    "%nil = kinu.constant(0 : i64) : !kinu.tensor<i64>\n%local = kinu.compare ne %odd, %nil : (!kinu.tensor<i64>, !kinu.tensor<i64>) -> !kinu.tensor<i1>\n"
    "%far = kinu.add %j, %two : (!kinu.tensor<k=3 : i64>, !kinu.tensor<i64>) -> !kinu.tensor<k=3 : i64>\n"
    "%near = kinu.compare gt %far, %i : (!kinu.tensor<k=3 : i64>, !kinu.tensor<t=3 : i64>) -> " MASK
    "\n%both = kinu.and %before, %near : (" MASK ", " MASK ") -> " MASK
    "\n%mask = kinu.select %local, %both, %before : (!kinu.tensor<i1>, " MASK ", " MASK ") -> " MASK
    "\n%t1 = kinu.select %mask, %s3, %low : (" MASK ", " C ", " F ") -> " C "\n";
/// The first row sees nothing.
inline const std::string maskedRows = indices +
    "%back = kinu.constant(1 : i64) : !kinu.tensor<i64>\n%shifted = kinu.add %j, %back : (!kinu.tensor<k=3 : i64>, !kinu.tensor<i64>) -> !kinu.tensor<k=3 : i64>\n"
    "%some = kinu.compare le %shifted, %i : (!kinu.tensor<k=3 : i64>, !kinu.tensor<t=3 : i64>) -> " MASK
    "\n%t1 = kinu.select %some, %s, %low : (" MASK ", " C ", " F ") -> " C "\n";

/// Softmax of %t1 over k as std has it, then the values; n, h, t and d are left.
inline const std::string guardedSoftmax =
    "%nought = kinu.constant(0.0) : " F "\n%unit = kinu.constant(1.0) : " F "\n%inf = kinu.constant(0xFFF0000000000000 : f64) : " F
    "\n%m = kinu.reduce max %t1 over [\"k\"] : (" C ") -> " CROW
    "\n%alive = kinu.compare gt %m, %inf : (" CROW ", " F ") -> !kinu.tensor<n=2, h=2, t=3 : i1>"
    "\n%shift = kinu.select %alive, %m, %nought : (!kinu.tensor<n=2, h=2, t=3 : i1>, " CROW ", " F ") -> " CROW
    "\n%d1 = kinu.sub %t1, %shift : (" C ", " CROW ") -> " C "\n%e = kinu.exp %d1 : " C
    "\n%total = kinu.reduce sum %e over [\"k\"] : (" C ") -> " CROW
    "\n%any = kinu.compare gt %total, %nought : (" CROW ", " F ") -> !kinu.tensor<n=2, h=2, t=3 : i1>"
    "\n%safe = kinu.select %any, %total, %unit : (!kinu.tensor<n=2, h=2, t=3 : i1>, " CROW ", " F ") -> " CROW
    "\n%p = kinu.div %e, %safe : (" C ", " CROW ") -> " C "\n";

inline std::string attention(const std::string &score, const std::string &softmax = guardedSoftmax) {
  return declare("q", "n=2, h=2, t=3, d=4") + declare("k", "n=2, h=2, k=3, d=4") + declare("v", "n=2, h=2, k=3, d=4") +
    "kinu.program @train {\n%q = kinu.read @q : " QKV "\n%k = kinu.read @k : " KV "\n%v = kinu.read @v : " KV
    "\n%s = kinu.dot %q, %k over [\"d\"] : (" QKV ", " KV ") -> " C "\n" + score + softmax +
    "%o = kinu.dot %p, %v over [\"k\"] : (" C ", " KV ") -> " QKV "\n%weights = kinu.input \"weights\" : " QKV
    "\n%l = kinu.dot %o, %weights over [\"n\", \"h\", \"t\", \"d\"] : (" QKV ", " QKV ") -> " F
    "\nkinu.output \"$loss_sum\", %l : " F "\n}\n";
}

/// A bias of every key, scaled scores.
inline const std::string keyBias = [] {
  std::string text = attention(causal), raw = "%s = kinu.dot %q, %k over";
  text.replace(text.find(raw), raw.size(),
               "%bias = kinu.read @bias : !kinu.tensor<h=2, d=4 : f32>\n%kb = kinu.add %k, %bias : (" KV
               ", !kinu.tensor<h=2, d=4 : f32>) -> " KV "\n%s = kinu.dot %q, %kb over");
  return declare("bias", "h=2, d=4") + text;
}();

/// Two query heads (axis r) for each key head (axis h), textbook softmax without guards, by the reciprocal.
#define G "!kinu.tensor<n=2, h=2, r=2, t=3, d=4 : f32>"
#define GC "!kinu.tensor<n=2, h=2, r=2, t=3, k=3 : f32>"
#define GROW "!kinu.tensor<n=2, h=2, r=2, t=3 : f32>"
inline const std::string groupedAttention = declare("q", "n=2, h=2, r=2, t=3, d=4") + declare("k", "n=2, h=2, k=3, d=4") +
    declare("v", "n=2, h=2, k=3, d=4") + "kinu.program @train {\n%q = kinu.read @q : " G "\n%k = kinu.read @k : " KV
    "\n%v = kinu.read @v : " KV "\n%s0 = kinu.dot %k, %q over [\"d\"] : (" KV ", " G ") -> " GC
    "\n%scale = kinu.constant(0.5) : " F "\n%s = kinu.mul %s0, %scale : (" GC ", " F ") -> " GC "\n" + indices +
    "%t1 = kinu.select %before, %s, %low : (" MASK ", " GC ", " F ") -> " GC
    "\n%m = kinu.reduce max %t1 over [\"k\"] : (" GC ") -> " GROW "\n%d1 = kinu.sub %t1, %m : (" GC ", " GROW ") -> " GC
    "\n%e = kinu.exp %d1 : " GC "\n%total = kinu.reduce sum %e over [\"k\"] : (" GC ") -> " GROW
    "\n%unit = kinu.constant(1.0) : " F "\n%inverse = kinu.div %unit, %total : (" F ", " GROW ") -> " GROW
    "\n%p = kinu.mul %e, %inverse : (" GC ", " GROW ") -> " GC
    "\n%o = kinu.dot %v, %p over [\"k\"] : (" KV ", " GC ") -> " G "\n%weights = kinu.input \"weights\" : " G
    "\n%l = kinu.dot %o, %weights over [\"n\", \"h\", \"r\", \"t\", \"d\"] : (" G ", " G ") -> " F
    "\nkinu.output \"$loss_sum\", %l : " F "\n}\n";

inline const std::string logitCap = "%cap = kinu.constant(3.0) : " F "\n%z1 = kinu.div %z, %cap : (" Z ", " F ") -> " Z
    "\n%z2 = kinu.tanh %z1 : " Z "\n%capped = kinu.mul %z2, %cap : (" Z ", " F ") -> " Z "\n";

/// The loss of logits `t`, made from %z by `chain`; rows whose target is 0 do not count.
inline std::string crossEntropy(const std::string &chain, const std::string &t) {
  return declare("x", "n=2, t=3, d=4") + declare("w", "v=5, d=4") + "kinu.program @train {\n%x = kinu.read @x : " X
    "\n%w = kinu.read @w : !kinu.tensor<v=5, d=4 : f32>\n%target = kinu.input \"target\" : !kinu.tensor<n=2, t=3 : i64>"
    "\n%z = kinu.dot %x, %w over [\"d\"] : (" X ", !kinu.tensor<v=5, d=4 : f32>) -> " Z "\n" + chain +
    "%nought = kinu.constant(0.0) : " F "\n%inf = kinu.constant(0xFFF0000000000000 : f64) : " F
    "\n%m = kinu.reduce max " + t + " over [\"v\"] : (" Z ") -> " ROW
    "\n%alive = kinu.compare gt %m, %inf : (" ROW ", " F ") -> !kinu.tensor<n=2, t=3 : i1>"
    "\n%shift = kinu.select %alive, %m, %nought : (!kinu.tensor<n=2, t=3 : i1>, " ROW ", " F ") -> " ROW
    "\n%d1 = kinu.sub " + t + ", %shift : (" Z ", " ROW ") -> " Z "\n%e = kinu.exp %d1 : " Z
    "\n%total = kinu.reduce sum %e over [\"v\"] : (" Z ") -> " ROW "\n%log = kinu.log %total : " ROW
    "\n%lse = kinu.add %log, %shift : (" ROW ", " ROW ") -> " ROW
    "\n%chosen = kinu.lookup " + t + "[\"v\"] at %target : (" Z ", !kinu.tensor<n=2, t=3 : i64>) -> " ROW
    "\n%each = kinu.sub %lse, %chosen : (" ROW ", " ROW ") -> " ROW
    "\n%nil = kinu.constant(0 : i64) : !kinu.tensor<i64>\n%counts = kinu.compare ne %target, %nil : (!kinu.tensor<n=2, t=3 : i64>, !kinu.tensor<i64>) -> !kinu.tensor<n=2, t=3 : i1>"
    "\n%kept = kinu.select %counts, %each, %nought : (!kinu.tensor<n=2, t=3 : i1>, " ROW ", " F ") -> " ROW
    "\n%l = kinu.reduce sum %kept over [\"n\", \"t\"] : (" ROW ") -> " F "\nkinu.output \"$loss_sum\", %l : " F "\n}\n";
}

#undef X
#undef ROW
#undef D
#undef F
#undef C
#undef CROW
#undef QKV
#undef KV
#undef MASK
#undef Z
#undef G
#undef GC
#undef GROW
// clang-format on

} // namespace kinu::test
