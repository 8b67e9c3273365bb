// Lives of the values of a straight list of launches.
#include "compiler/allocate/Buffers.h"

#include "dialects/tofu/Tofu.h"

using namespace mlir;
using namespace kinu;
using namespace kinu::allocate;

int64_t allocate::bytesOf(NamedTensorType type) {
  return type.getNumElements() * (type.isBool() ? 1 : type.getElement().getIntOrFloatBitWidth() / 8);
}

Peak allocate::peakOf(ArrayRef<Buffer> buffers) {
  std::map<int64_t, Peak> changes; // by position
  for (const Buffer &buffer : buffers) {
    if (buffer.fixed)
      continue;
    int64_t sent = buffer.sent ? buffer.bytes : 0;
    changes[buffer.first].live += buffer.bytes;
    changes[buffer.first].sent += sent;
    if (buffer.last == INT64_MAX)
      continue;
    changes[buffer.last + 1].live -= buffer.bytes;
    changes[buffer.last + 1].sent -= sent;
  }
  Peak now, most;
  for (const auto &[position, change] : changes) {
    now = {now.live + change.live, now.sent + change.sent};
    if (now.live > most.live)
      most = now;
  }
  return most;
}

Buffers::Buffers(ProgramOp program, const llvm::StringMap<int64_t> &variableOffsets)
    : program(program), variableOffsets(variableOffsets) {}

/// What a chain of views is a view of. What was waited for lies where it was begun.
static Value viewed(Value value) {
  while (isa_and_nonnull<step::ViewOp, tofu::WaitOp>(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

unsigned Buffers::make(int64_t bytes, int64_t first, std::optional<int64_t> fixed) {
  buffers.push_back({bytes, first, first, fixed, /*sent=*/false});
  return buffers.size() - 1;
}

/// The place of a variable, or of one round's slice of it.
int64_t Buffers::offsetOf(StringRef variable, ValueRange rounds) {
  auto module = program->getParentOfType<ModuleOp>();
  auto type = cast<NamedTensorType>(module.lookupSymbol<VariableOp>(variable).getType());
  int64_t stride = bytesOf(type), offset = variableOffsets.lookup(variable);
  for (auto [axis, round] : llvm::zip(type.getAxes(), rounds)) {
    stride /= axis.length;
    auto constant = round.getDefiningOp<ConstantOp>();
    offset += stride * cast<IntegerAttr>(constant.getValue()).getInt();
  }
  return offset;
}

LogicalResult Buffers::analyse() {
  int64_t position = 0;
  for (Operation &op : program.getBody().front()) {
    for (Value operand : op.getOperands()) {
      int64_t &last = lastUse[viewed(operand)];
      last = isa<OutputOp>(op) ? INT64_MAX : std::max(last, position);
    }
    if (auto write = dyn_cast<WriteOp>(op)) {
      int64_t place = offsetOf(write.getVariable(), write.getRounds());
      if (!destination.try_emplace(viewed(write.getValue()), Destination{place, position}).second)
        return write.emitOpError("requires a value that is computed in no other place");
      written.push_back({{place, bytesOf(typeOf(write.getValue()))}, position});
    }
    positions[&op] = position++;
  }
  startInVariables();
  position = 0;
  for (Operation &op : program.getBody().front())
    visit(op, position++);
  return checkWrites();
}

/// A sum that ends in a variable starts there: what launches write over on the way to a value that is written needs no
/// memory of its own. From the end backwards, so that whole chains do.
void Buffers::startInVariables() {
  for (Operation &op : llvm::reverse(program.getBody().front())) {
    auto user = dyn_cast<step::LaunchOp>(op);
    if (!user)
      continue;
    auto kernel = SymbolTable::lookupNearestSymbolFrom<step::KernelOp>(user, user.getKernelAttr());
    for (ArrayRef<int64_t> pairs = kernel.getInplace(); !pairs.empty(); pairs = pairs.drop_front(2)) {
      Value operand = viewed(user.getOperands()[pairs[1]]);
      auto place = destination.find(user->getResult(pairs[0]));
      auto producer = operand.getDefiningOp<step::LaunchOp>();
      // What is written elsewhere, too, is computed there.
      if (place == destination.end() || !producer || lastUse.lookup(operand) != positions.lookup(user) ||
          destination.contains(operand))
        continue;
      Destination at = place->second;
      bool isUsedOnce = llvm::count_if(user.getOperands(), [&](Value other) { return viewed(other) == operand; }) == 1;
      // One operand at most starts there: the next one of this kernel is not the variable's only one any more.
      bool isTaken = llvm::any_of(user.getOperands(), [&](Value other) {
        auto known = destination.find(viewed(other));
        return known != destination.end() && known->second.offset == at.offset;
      });
      if (isUsedOnce && !isTaken && isUnusedAfter(producer, {at.offset, bytesOf(typeOf(operand))}, at.written))
        destination[operand] = at;
    }
  }
}

/// Whether nothing reads the variable that has memory at `place` from the launch on until it is written at a position,
/// and nothing else is written there before.
bool Buffers::isUnusedAfter(step::LaunchOp launch, Place place, int64_t position) {
  for (auto read : program.getOps<ReadOp>())
    if (lastUse.lookup(read) >= positions.lookup(launch) && positions.lookup(read) < position &&
        place.overlaps({offsetOf(read.getVariable(), read.getRounds()), bytesOf(read.getType())}))
      return false;
  return llvm::count_if(
             written, [&](const auto &other) { return other.second <= position && place.overlaps(other.first); }) == 1;
}

void Buffers::visit(Operation &op, int64_t position) {
  for (Value operand : op.getOperands())
    if (bufferOf.contains(operand))
      of(operand).last = std::max(of(operand).last, isa<OutputOp>(op) ? INT64_MAX : position);
  if (auto read = dyn_cast<ReadOp>(op))
    bufferOf[read] = make(bytesOf(read.getType()), position, offsetOf(read.getVariable(), read.getRounds()));
  else if (auto input = dyn_cast<InputOp>(op))
    bufferOf[input] = make(bytesOf(input.getType()), -1, std::nullopt);
  else if (isa<step::ViewOp, tofu::WaitOp>(op))
    bufferOf[op.getResult(0)] = bufferOf.lookup(op.getOperand(0));
  else if (auto launch = dyn_cast<step::LaunchOp>(op))
    visitLaunch(launch, position);
  else if (tofu::isCollective(&op)) {
    auto receive = dyn_cast<tofu::ReceiveOp>(op);
    for (Value result : op.getResults())
      bufferOf[result] = make(bytesOf(typeOf(result)), position,
                              receive && receive.getInto() ? offsetOf(*receive.getInto(), {}) : destinationOf(result));
    for (Value operand : op.getOperands())
      of(operand).sent = true;
    for (Value result : op.getResults())
      of(result).sent = true;
  }
}

std::optional<int64_t> Buffers::destinationOf(Value value) const {
  auto place = destination.find(value);
  return place == destination.end() ? std::nullopt : std::optional(place->second.offset);
}

void Buffers::visitLaunch(step::LaunchOp launch, int64_t position) {
  for (OpResult result : launch.getOperation()->getResults()) {
    if (std::optional<int64_t> place = destinationOf(result))
      bufferOf[result] = make(bytesOf(typeOf(result)), position, place);
    else if (!takesPlaceOf(launch, result, position))
      bufferOf[result] = make(bytesOf(typeOf(result)), position, std::nullopt);
  }
}

/// Gives the result the buffer of an operand that the kernel may write over and nobody wants later.
bool Buffers::takesPlaceOf(step::LaunchOp launch, OpResult result, int64_t position) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<step::KernelOp>(launch, launch.getKernelAttr());
  ArrayRef<int64_t> pairs = kernel.getInplace();
  for (unsigned i = 0; i < pairs.size(); i += 2) {
    Value operand = launch.getOperands()[pairs[i + 1]];
    if (pairs[i] != result.getResultNumber() || !viewed(operand).getDefiningOp<step::LaunchOp>())
      continue;
    unsigned buffer = bufferOf.lookup(operand);
    bool ends = lastUse.lookup(viewed(operand)) == position && buffers[buffer].last == position;
    // Another operand, or an earlier result, may lie in the same buffer.
    unsigned users =
        llvm::count_if(launch.getOperands(), [&](Value other) { return bufferOf.lookup(other) == buffer; });
    bool taken = llvm::any_of(launch.getOperation()->getResults().take_front(result.getResultNumber()),
                              [&](Value other) { return bufferOf.lookup(other) == buffer; });
    if (!ends || users != 1 || taken || buffers[buffer].fixed)
      continue;
    bufferOf[result] = buffer;
    ++inplace;
    return true;
  }
  return false;
}

/// A value computed in a variable's memory must not overwrite what somebody still reads there.
LogicalResult Buffers::checkWrites() {
  for (WriteOp write : program.getOps<WriteOp>())
    if (failed(checkWrite(write)))
      return failure();
  return success();
}

/// Whether the maker of a value may write over the operand that this use is: the kernel allows it, or it is a sum that
/// MPI makes in place.
static bool mayReplace(OpOperand &use, OpResult made) {
  Operation *maker = made.getOwner();
  if (auto wait = dyn_cast<tofu::WaitOp>(use.getOwner()))
    return viewed(wait) == made;
  if (use.getOwner() != maker)
    return false;
  auto launch = dyn_cast<step::LaunchOp>(maker);
  if (!launch)
    return isa<tofu::AllReduceOp>(maker);
  auto kernel = SymbolTable::lookupNearestSymbolFrom<step::KernelOp>(launch, launch.getKernelAttr());
  return kernel.mayReplace(made.getResultNumber(), use.getOperandNumber());
}

LogicalResult Buffers::checkWrite(WriteOp write) {
  Value value = viewed(write.getValue());
  Operation *maker = value.getDefiningOp();
  if (!maker || !(isa<step::LaunchOp>(maker) || tofu::isCollective(maker)))
    return write.emitOpError("requires a value that a launch or a collective computes");
  Buffer &target = of(value);
  for (auto read : program.getOps<ReadOp>()) {
    Buffer &source = of(read);
    bool overlap = *source.fixed < *target.fixed + target.bytes && *target.fixed < *source.fixed + source.bytes;
    // What is read behind the write is what was written.
    if (!overlap || read->getBlock() != maker->getBlock() || write->isBeforeInBlock(read))
      continue;
    for (OpOperand &use : read->getUses()) {
      Operation *user = use.getOwner();
      if (user->isBeforeInBlock(maker) || mayReplace(use, cast<OpResult>(value)))
        continue;
      if (isa<step::LaunchOp, step::ViewOp, OutputOp, tofu::WaitOp>(user) || tofu::isCollective(user))
        return write.emitOpError("overwrites what ") << user->getName() << " still reads";
    }
  }
  return success();
}
