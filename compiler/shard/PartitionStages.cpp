// What stages of a pipeline send one another: each rank its part, to the rank of the neighbour that has the same part.
#include "compiler/shard/Partition.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::shard;

/// Stages add up what lies alike on all of them: gradients as the optimizer wants them, all else whole but for its
/// sequences.
void Partition::allReduce(tofu::AllReduceOp op) {
  NamedTensorType type = op.getType();
  Sharding wanted = rules.natural(type);
  if (op.getOperand().getDefiningOp<ReadOp>()) {
    wanted = rules.sharedState(type, wanted);
  } else {
    for (OnMeshAxis &on : wanted)
      if (on.state == OnMeshAxis::Split && on.axis != "batch")
        on = {};
  }
  copy(op, local(op.getOperand(), wanted), wanted);
}

void Partition::send(tofu::SendOp op) {
  tofu::SendOp::create(b, op.getLoc(), local(op.getOperand(), handedOn(rules, typeOf(op.getOperand()))), op.getPeer(),
                       op.getOn(), op.getTag());
}

void Partition::receive(tofu::ReceiveOp op) { copy(op, {}, handedOn(rules, op.getType())); }
