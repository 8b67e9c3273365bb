#include "Batch.h"

using namespace mlir;
using namespace kinu;
using interpret::Tensor;

static uint64_t mix(uint64_t a, uint64_t b) {
  a = (a ^ (b + 0x9E3779B97F4A7C15)) * 0xBF58476D1CE4E5B9;
  return (a ^ (a >> 29)) * 0x94D049BB133111EB >> 11;
}

namespace {
/// One row of one source.
struct Row {
  uint64_t number;
  int64_t below; ///< of ids

  std::vector<double> draw(const typed::Source &source, int64_t length) const {
    using Kind = typed::Source::Kind;
    std::vector<double> values(length);
    switch (source.kind) {
    case Kind::Shift: {
      values = draw(source.of[0], length + source.number);
      values.erase(values.begin(), values.begin() + source.number);
      return values;
    }
    case Kind::Text:
    case Kind::Line:
      for (int64_t i = 0; i < length; ++i)
        values[i] = mix(mix(number, i), source.number + 1) % below;
      return values;
    case Kind::Document:
    case Kind::Position:
      for (int64_t i = 1; i < length; ++i) {
        bool starts = mix(mix(number, i), 7) % 5 == 0;
        values[i] = source.kind == Kind::Document ? values[i - 1] + starts : starts ? 0 : values[i - 1] + 1;
      }
      return values;
    case Kind::Present: {
      int64_t present = length - mix(mix(number, 9), source.of[0].number) % ((length + 1) / 2);
      for (int64_t i = 0; i < present; ++i)
        values[i] = 1;
      return values;
    }
    case Kind::Piece: values.assign(length, 3); return values;
    case Kind::Random:
      for (int64_t i = 0; i < length; ++i)
        values[i] = static_cast<double>(mix(mix(number, i), 11) % 1024) / 1024;
      return values;
    }
    return values;
  }
};
} // namespace

static Tensor drawInput(InputOp input, const typed::Source &source, int64_t firstRow) {
  Tensor tensor(input.getType());
  ArrayRef<Axis> axes = tensor.type.getAxes();
  int64_t rows = 1, length = 1, rowStride = 0, stride = 0;
  for (const Axis &axis : axes) {
    bool batch = axis.name == "batch";
    (batch ? rows : length) = axis.length;
    (batch ? rowStride : stride) = interpret::strideOf(tensor.type, axis.name);
  }
  int64_t below = input.getBelow() ? static_cast<int64_t>(*input.getBelow()) : 1000;
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<double> values = Row{static_cast<uint64_t>(firstRow + row), below}.draw(source, length);
    for (int64_t i = 0; i < length; ++i) {
      int64_t at = row * rowStride + i * stride;
      if (tensor.type.isFloat())
        tensor.floats[at] = values[i];
      else
        tensor.ints[at] = static_cast<int64_t>(values[i]);
    }
  }
  return tensor;
}

std::map<std::string, Tensor> test::drawBatch(ProgramOp program, const typed::TrainConfig &train, int64_t firstRow) {
  std::map<std::string, Tensor> inputs;
  program.walk([&](InputOp input) {
    for (const typed::Binding &binding : train.bindings)
      if (input.getName() == binding.input)
        inputs[binding.input] = drawInput(input, binding.source, firstRow);
  });
  return inputs;
}
