// A model compiled by hand: next-token logits are a row of a table plus a bias, trained by AdamW. Small enough to check
// by eye, yet it has all that the runtime meets in a real executable: several programs, micro-batches that accumulate
// gradients, kernels of many tasks, an evaluation batch of another size, reserved inputs.
//
// KINU_BIGRAM_WIDTH, KINU_BIGRAM_RATE and KINU_BIGRAM_SPEC make variants of it.
#include "runtime/Abi.h"

#include <algorithm>
#include <cmath>
#include <string>

#ifndef KINU_BIGRAM_WIDTH
#define KINU_BIGRAM_WIDTH 128
#endif
#ifndef KINU_BIGRAM_RATE
#define KINU_BIGRAM_RATE "0.05"
#endif
#ifndef KINU_BIGRAM_SPEC
#define KINU_BIGRAM_SPEC "0123456789abcdef"
#endif

static constexpr int64_t width = KINU_BIGRAM_WIDTH, seq = 8, microBatch = 2, evalBatch = 3;

// The arena, laid out by hand: offsets in bytes, each a multiple of 64.
static constexpr int64_t tableBytes = width * width * 4, biasBytes = width * 4;
static constexpr int64_t idBytes = microBatch * seq * 8, evalIdBytes = (evalBatch * seq * 8 + 63) / 64 * 64;
static constexpr int64_t table = 0, bias = table + tableBytes, moment1Table = bias + biasBytes,
                         moment1Bias = moment1Table + tableBytes, moment2Table = moment1Bias + biasBytes,
                         moment2Bias = moment2Table + tableBytes, gradTable = moment2Bias + biasBytes,
                         gradBias = gradTable + tableBytes, tokens = gradBias + biasBytes, target = tokens + idBytes,
                         evalTokens = target + idBytes, evalTarget = evalTokens + evalIdBytes,
                         first = evalTarget + evalIdBytes, lossCount = first + 64, lossSum = lossCount + 64,
                         rate = lossSum + 64, correction1 = rate + 64, correction2 = correction1 + 64,
                         norm = correction2 + 64, generateTokens = norm + 64, position = generateTokens + seq * 8,
                         logits = position + 64, arenaBytes = logits + width * 4;

template <class T> static T *as(void *buffer) { return static_cast<T *>(buffer); }

/// Loss of one token; adds (softmax - one-hot) * scale to the gradient rows if there are any.
static double tokenLoss(const float *row, const float *biases, int64_t target, float *gradRow, float *gradBiases,
                        double scale) {
  double highest = -INFINITY, sum = 0;
  for (int64_t v = 0; v < width; ++v)
    highest = std::max(highest, double(row[v]) + biases[v]);
  for (int64_t v = 0; v < width; ++v)
    sum += std::exp(row[v] + biases[v] - highest);
  for (int64_t v = 0; gradRow && v < width; ++v) {
    float gradient = float((std::exp(row[v] + biases[v] - highest) / sum - (v == target)) * scale);
    gradRow[v] += gradient;
    gradBiases[v] += gradient;
  }
  return highest + std::log(sum) - row[target] - biases[target];
}

/// buffers: $first, gradient. Task = row of the table (or the bias): cleared for the first micro-batch.
static void clear(void *const *buffers, void *, int64_t begin, int64_t end) {
  if (*as<char>(buffers[0]))
    std::fill(as<float>(buffers[1]) + begin * width, as<float>(buffers[1]) + end * width, 0.0f);
}

/// buffers: tokens, target, table, bias, $loss_count, gradient of table, of bias, $loss_sum.
static void lossAndGradients(void *const *buffers, void *, int64_t, int64_t) {
  double sum = 0;
  for (int64_t i = 0; i < microBatch * seq; ++i) {
    int64_t token = as<int64_t>(buffers[0])[i];
    sum += tokenLoss(as<float>(buffers[2]) + token * width, as<float>(buffers[3]), as<int64_t>(buffers[1])[i],
                     as<float>(buffers[5]) + token * width, as<float>(buffers[6]), 1.0 / *as<float>(buffers[4]));
  }
  *as<float>(buffers[7]) = float(sum);
}

/// buffers: tokens, target, table, bias, $loss_sum.
static void loss(void *const *buffers, void *, int64_t, int64_t) {
  double sum = 0;
  for (int64_t i = 0; i < evalBatch * seq; ++i)
    sum += tokenLoss(as<float>(buffers[2]) + as<int64_t>(buffers[0])[i] * width, as<float>(buffers[3]),
                     as<int64_t>(buffers[1])[i], nullptr, nullptr, 0);
  *as<float>(buffers[4]) = float(sum);
}

/// buffers: gradient of table, of bias, $gradient_norm.
static void gradientNorm(void *const *buffers, void *, int64_t, int64_t) {
  double sum = 0;
  for (int64_t i = 0; i < width * width; ++i)
    sum += double(as<float>(buffers[0])[i]) * as<float>(buffers[0])[i];
  *as<float>(buffers[2]) = float(std::sqrt(sum));
}

/// buffers: gradient, $learning_rate, corrections, weight, moments. Task = row.
static void adam(void *const *buffers, void *, int64_t begin, int64_t end) {
  float rate = *as<float>(buffers[1]), correction1 = *as<float>(buffers[2]), correction2 = *as<float>(buffers[3]);
  for (int64_t i = begin * width; i < end * width; ++i) {
    float gradient = as<float>(buffers[0])[i], &m = as<float>(buffers[5])[i], &v = as<float>(buffers[6])[i];
    m = 0.9f * m + 0.1f * gradient;
    v = 0.99f * v + 0.01f * gradient * gradient;
    as<float>(buffers[4])[i] -= rate * (m / correction1) / (std::sqrt(v / correction2) + 1e-8f);
  }
}

/// buffers: tokens, $position, table, bias, logits. Task = piece.
static void computeLogits(void *const *buffers, void *, int64_t begin, int64_t end) {
  const float *row = as<float>(buffers[2]) + as<int64_t>(buffers[0])[*as<int64_t>(buffers[1])] * width;
  for (int64_t v = begin; v < end; ++v)
    as<float>(buffers[4])[v] = row[v] + as<float>(buffers[3])[v];
}

static const KinuKernel kernels[] = {
    {"clear_table", clear, width, 0, 0, double(tableBytes)},
    {"clear_bias", clear, 1, 0, 0, double(biasBytes)},
    {"loss_and_gradients", lossAndGradients, 1, 100, 5.0 * microBatch * seq * width, double(tableBytes)},
    {"loss", loss, 1, 0, 3.0 * evalBatch * seq * width, double(tableBytes)},
    {"gradient_norm", gradientNorm, 1, 0, 2.0 * width * width, double(tableBytes)},
    {"adam_table", adam, width, 0, 10.0 * width * width, 7.0 * tableBytes},
    {"adam_bias", adam, 1, 0, 10.0 * width, 7.0 * biasBytes},
    {"logits", computeLogits, width, 0, double(width), double(3 * width * 4)},
};

static const int64_t microOffsets[] = {first, gradTable, first,     gradBias,  tokens,   target,
                                       table, bias,      lossCount, gradTable, gradBias, lossSum};
static const KinuLaunch microLaunches[] = {{0, 0, 2, "table"}, {1, 2, 2, "bias"}, {2, 4, 8, "cross_entropy"}};

static const int64_t updateOffsets[] = {gradTable,   gradBias,    norm,         gradTable,    rate,       correction1,
                                        correction2, table,       moment1Table, moment2Table, gradBias,   rate,
                                        correction1, correction2, bias,         moment1Bias,  moment2Bias};
static const KinuLaunch updateLaunches[] = {{4, 0, 3, "clip"}, {5, 3, 7, "table"}, {6, 10, 7, "bias"}};

static const int64_t evalOffsets[] = {evalTokens, evalTarget, table, bias, lossSum};
static const KinuLaunch evalLaunches[] = {{3, 0, 5, "cross_entropy"}};

static const int64_t generateOffsets[] = {generateTokens, position, table, bias, logits};
static const KinuLaunch generateLaunches[] = {{7, 0, 5, "logits"}};

static const KinuProgram programs[] = {{"micro", microLaunches, 3, microOffsets},
                                       {"update", updateLaunches, 3, updateOffsets},
                                       {"eval", evalLaunches, 1, evalOffsets},
                                       {"generate", generateLaunches, 1, generateOffsets}};

static std::string axis(const char *name, int64_t length) {
  return std::string("[\"") + name + "\"," + std::to_string(length) + "]";
}

static std::string buffer(const char *name, const char *dtype, const std::string &axes, int64_t offset,
                          const std::string &more = "") {
  return std::string("{\"name\":\"") + name + "\",\"dtype\":\"" + dtype + "\",\"axes\":[" + axes +
         "],\"offset\":" + std::to_string(offset) + more + "}";
}

static std::string variable(const char *of, const char *role, const std::string &axes, int64_t offset) {
  std::string name = std::string(role) == "weight" || std::string(role) == "bias" ? of : std::string(role) + "/" + of;
  return buffer(name.c_str(), "f32", axes, offset,
                std::string(",\"role\":\"") + role + "\",\"of\":\"" + of +
                    "\",\"init\":{\"kind\":\"normal\",\"a\":0,\"b\":0.02}");
}

static std::string ids(const char *name, int64_t batch, int64_t offset) {
  return buffer(name, "i64", axis("batch", batch) + "," + axis("seq", seq), offset,
                ",\"below\":" + std::to_string(width));
}

static std::string makeManifest() {
  std::string matrix = axis("token", width) + "," + axis("next", width), row = axis("next", width);
  std::string variables =
      variable("table", "weight", matrix, table) + "," + variable("bias", "bias", row, bias) + "," +
      variable("table", "moment1", matrix, moment1Table) + "," + variable("bias", "moment1", row, moment1Bias) + "," +
      variable("table", "moment2", matrix, moment2Table) + "," + variable("bias", "moment2", row, moment2Bias) + "," +
      variable("table", "gradient", matrix, gradTable) + "," + variable("bias", "gradient", row, gradBias);
  std::string sum = buffer("$loss_sum", "f32", "", lossSum);
  std::string micro = "{\"inputs\":[" + ids("tokens", microBatch, tokens) + "," + ids("target", microBatch, target) +
                      "," + buffer("$first", "i1", "", first) + "," + buffer("$loss_count", "f32", "", lossCount) +
                      "],\"outputs\":[" + sum + "]}";
  std::string update = "{\"inputs\":[" + buffer("$learning_rate", "f32", "", rate) + "," +
                       buffer("$bias_correction1", "f32", "", correction1) + "," +
                       buffer("$bias_correction2", "f32", "", correction2) + "],\"outputs\":[" +
                       buffer("$gradient_norm", "f32", "", norm) + "]}";
  std::string eval = "{\"inputs\":[" + ids("tokens", evalBatch, evalTokens) + "," +
                     ids("target", evalBatch, evalTarget) + "],\"outputs\":[" + sum + "]}";
  std::string generate = "{\"inputs\":[" + ids("tokens", 1, generateTokens) + "," +
                         buffer("$position", "i64", "", position) + "],\"outputs\":[" +
                         buffer("$logits", "f32", axis("batch", 1) + "," + axis("next", width), logits) + "]}";
  return "{\"model\":\"bigram\",\"spec_hash\":\"" KINU_BIGRAM_SPEC "\",\"arena_bytes\":" + std::to_string(arenaBytes) +
         ",\"peak_flops_per_core\":1e11,\"cores\":2,\"variables\":[" + variables +
         "],\"programs\":{\"micro\":" + micro + ",\"update\":" + update + ",\"eval\":" + eval +
         ",\"generate\":" + generate + "},\"loss_count\":" + std::to_string(2 * microBatch * seq) +
         ",\"train\":{\"batch\":4,\"micro_batches\":2,\"seq\":8,\"steps\":200,\"seed\":1,\"optimizer\":{\"kind\":"
         "\"adamw\",\"lr\":{\"kind\":\"cosine\",\"peak\":" KINU_BIGRAM_RATE ",\"warmup\":10,\"floor\":0.001},"
         "\"beta1\":0.9,\"beta2\":0.99},\"data\":{\"files\":[\"corpus.txt\"],\"tokenizer\":\"corpus.model\","
         "\"validation\":0.1,\"bindings\":[{\"input\":\"tokens\",\"source\":{\"kind\":\"text\"}},{\"input\":"
         "\"target\",\"source\":{\"kind\":\"shift\",\"by\":1,\"of\":{\"kind\":\"text\"}}}]}}}";
}

static const std::string manifest = makeManifest();
extern "C" const KinuExecutable kinu_executable = {
    kKinuAbiVersion, arenaBytes, kernels, std::size(kernels), programs, std::size(programs), manifest.c_str()};
