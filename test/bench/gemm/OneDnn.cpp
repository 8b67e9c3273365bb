// See OneDnn.h.
#include "test/bench/gemm/OneDnn.h"

#include <oneapi/dnnl/dnnl.hpp>

using namespace kinu::bench;
using dnnl::memory;

static memory::data_type typeOf(Precision precision) {
  return precision == Precision::fp32 ? memory::data_type::f32 : memory::data_type::bf16;
}

static memory::desc matrix(int64_t rows, int64_t columns, bool transposed, Precision precision) {
  memory::dims strides = transposed ? memory::dims{1, rows} : memory::dims{columns, 1};
  return memory::desc({rows, columns}, typeOf(precision), strides);
}

std::function<void()> kinu::bench::oneDnnProduct(const Product &product, const Operands &operands, Precision precision,
                                                 Precision resultPrecision, bool preferredLayout) {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  static dnnl::stream stream(engine);
  memory::desc left = matrix(product.rows, product.sums, product.leftTransposed, precision);
  memory::desc plain = matrix(product.sums, product.columns, product.rightTransposed, precision);
  memory::desc any({product.sums, product.columns}, typeOf(precision), memory::format_tag::any);
  memory::desc result = matrix(product.rows, product.columns, false, resultPrecision);
  dnnl::matmul::desc what(left, preferredLayout ? any : plain, result);
  dnnl::matmul::primitive_desc chosen(what, engine);

  memory right(plain, engine, operands.right);
  if (preferredLayout && chosen.weights_desc() != plain) {
    memory packed(chosen.weights_desc(), engine);
    dnnl::reorder(right, packed).execute(stream, right, packed);
    stream.wait();
    right = packed;
  }
  std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, memory(left, engine, operands.left)},
                                            {DNNL_ARG_WEIGHTS, right},
                                            {DNNL_ARG_DST, memory(result, engine, operands.result)}};
  return [primitive = dnnl::matmul(chosen), arguments] {
    primitive.execute(stream, arguments);
    stream.wait();
  };
}
