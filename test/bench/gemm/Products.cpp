// Linear layers and the three products of each.
#include "test/bench/gemm/Products.h"

using namespace kinu::bench;

int64_t kinu::bench::count(const Lengths &axes) {
  int64_t count = 1;
  for (const Length &axis : axes)
    count *= axis.length;
  return count;
}

namespace {
struct Layer {
  std::string model, name;
  int64_t batch, seq;
  Lengths in, out;
  bool outFirst = false; ///< the weight lies as [out, in], as a tied embedding does
};
} // namespace

static Lengths operator+(Lengths left, const Lengths &right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

static std::vector<Layer> layers() {
  Lengths embed{{"embed", 768}}, heads{{"head", 12}, {"dim", 64}}, ffn{{"ffn", 3072}};
  Lengths width{{"embed", 4096}}, manyHeads{{"head", 32}, {"dim", 128}}, hidden{{"ffn", 11008}};
  Lengths wide{{"embed", 5184}}, sixHeads{{"head", 6}, {"dim", 144}}, share{{"ffn", 3456}};
  return {
      {"gpt2", "q", 4, 1024, embed, heads},
      {"gpt2", "o", 4, 1024, heads, embed},
      {"gpt2", "up", 4, 1024, embed, ffn},
      {"gpt2", "down", 4, 1024, ffn, embed},
      {"gpt2", "head", 1, 512, embed, {{"token", 50257}}, true},
      {"llama", "q", 1, 1024, width, manyHeads},
      {"llama", "up", 1, 512, width, hidden},
      {"llama", "down", 1, 512, hidden, width},
      {"llama", "head", 1, 256, width, {{"token", 32000}}},
      {"13b/6", "q", 1, 2048, wide, sixHeads},
      {"13b/6", "o", 1, 2048, sixHeads, wide},
      {"13b/6", "up", 1, 1024, wide, share},
      {"13b/6", "down", 1, 1024, share, wide},
  };
}

static Product product(const Layer &layer, const char *form) {
  Product product;
  product.name = layer.model + " " + layer.name + " " + form;
  product.model = layer.model;
  product.leftIsLhs = true;
  return product;
}

static void addProducts(const Layer &layer, std::vector<Product> &products) {
  Lengths tokens{{"batch", layer.batch}, {"seq", layer.seq}};
  Lengths weight = layer.outFirst ? layer.out + layer.in : layer.in + layer.out;
  int64_t t = count(tokens), in = count(layer.in), out = count(layer.out);

  Product forward = product(layer, "forward");
  forward.lhs = tokens + layer.in;
  forward.rhs = weight;
  forward.result = tokens + layer.out;
  forward.rows = t, forward.columns = out, forward.sums = in;
  forward.leftTransposed = false, forward.rightTransposed = layer.outFirst;
  products.push_back(forward);

  Product input = product(layer, "input");
  input.lhs = tokens + layer.out;
  input.rhs = weight;
  input.result = tokens + layer.in;
  input.rows = t, input.columns = in, input.sums = out;
  input.leftTransposed = false, input.rightTransposed = !layer.outFirst;
  products.push_back(input);

  // The gradient of a weight lies as the weight does: its rows are the weight's first axes.
  Product gradient = product(layer, "weight");
  gradient.lhs = tokens + layer.out;
  gradient.rhs = tokens + layer.in;
  gradient.result = weight;
  gradient.rows = layer.outFirst ? out : in, gradient.columns = layer.outFirst ? in : out, gradient.sums = t;
  gradient.leftTransposed = true, gradient.rightTransposed = false;
  gradient.leftIsLhs = layer.outFirst;
  gradient.sumsTokens = true;
  products.push_back(gradient);
}

std::vector<Product> kinu::bench::trainingProducts() {
  std::vector<Product> products;
  for (const Layer &layer : layers())
    addProducts(layer, products);
  return products;
}
