// What a run would put into the inputs of a model, drawn at random: ids in range, documents, padded lines.
#pragma once

#include "compiler/interpret/Tensor.h"
#include "compiler/syntax/TypedModel.h"

#include <map>

namespace kinu::test {

/// Values for every input of `program` that is not reserved. Sequence `b` of the batch depends on `firstRow + b` only,
/// so a batch may be cut into micro-batches. Inputs agree with each other as their bindings say: a shifted input is the
/// other one moved, a document's number goes up where its position starts again.
std::map<std::string, interpret::Tensor> drawBatch(ProgramOp program, const typed::TrainConfig &train,
                                                   int64_t firstRow);

} // namespace kinu::test
