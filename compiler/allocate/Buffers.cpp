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

/// What a chain of views is a view of.
static Value viewed(Value value) {
  while (auto view = value.getDefiningOp<step::ViewOp>())
    value = view.getOperand();
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
      if (!destination.try_emplace(viewed(write.getValue()), place).second)
        return write.emitOpError("requires a value that is computed in no other place");
      written.push_back({place, bytesOf(typeOf(write.getValue()))});
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
      if (place == destination.end() || !producer || lastUse.lookup(operand) != positions.lookup(user))
        continue;
      int64_t at = place->second;
      bool isUsedOnce = llvm::count_if(user.getOperands(), [&](Value other) { return viewed(other) == operand; }) == 1;
      // One operand at most starts there: the next one of this kernel is not the variable's only one any more.
      bool isTaken = llvm::any_of(user.getOperands(), [&](Value other) {
        auto known = destination.find(viewed(other));
        return known != destination.end() && known->second == at;
      });
      if (isUsedOnce && !isTaken && isUnusedAfter(producer, {at, bytesOf(typeOf(operand))}))
        destination[operand] = at;
    }
  }
}

/// Whether nothing reads the variable that has memory at `place` from the launch on, and one value at most is written
/// there.
bool Buffers::isUnusedAfter(step::LaunchOp launch, Place place) {
  for (auto read : program.getOps<ReadOp>())
    if (lastUse.lookup(read) >= positions.lookup(launch) &&
        place.overlaps({offsetOf(read.getVariable(), read.getRounds()), bytesOf(read.getType())}))
      return false;
  return llvm::count_if(written, [&](Place other) { return place.overlaps(other); }) == 1;
}

void Buffers::visit(Operation &op, int64_t position) {
  for (Value operand : op.getOperands())
    if (bufferOf.contains(operand))
      of(operand).last = std::max(of(operand).last, isa<OutputOp>(op) ? INT64_MAX : position);
  if (auto read = dyn_cast<ReadOp>(op))
    bufferOf[read] = make(bytesOf(read.getType()), position, offsetOf(read.getVariable(), read.getRounds()));
  else if (auto input = dyn_cast<InputOp>(op))
    bufferOf[input] = make(bytesOf(input.getType()), -1, std::nullopt);
  else if (auto view = dyn_cast<step::ViewOp>(op))
    bufferOf[view] = bufferOf.lookup(view.getOperand());
  else if (auto launch = dyn_cast<step::LaunchOp>(op))
    visitLaunch(launch, position);
  else if (tofu::isCollective(&op)) {
    for (Value result : op.getResults())
      bufferOf[result] = make(bytesOf(typeOf(result)), position, std::nullopt);
    for (Value operand : op.getOperands())
      of(operand).sent = true;
    for (Value result : op.getResults())
      of(result).sent = true;
  }
}

void Buffers::visitLaunch(step::LaunchOp launch, int64_t position) {
  for (OpResult result : launch.getOperation()->getResults()) {
    if (auto place = destination.find(result); place != destination.end())
      bufferOf[result] = make(bytesOf(typeOf(result)), position, place->second);
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
  for (Operation &op : program.getBody().front()) {
    auto write = dyn_cast<WriteOp>(op);
    if (!write)
      continue;
    Value value = viewed(write.getValue());
    auto launch = value.getDefiningOp<step::LaunchOp>();
    if (!launch)
      return write.emitOpError("requires a value that a launch computes");
    auto kernel = SymbolTable::lookupNearestSymbolFrom<step::KernelOp>(launch, launch.getKernelAttr());
    Buffer &target = of(value);
    for (auto read : program.getOps<ReadOp>()) {
      Buffer &source = of(read);
      bool overlap = *source.fixed < *target.fixed + target.bytes && *target.fixed < *source.fixed + source.bytes;
      if (!overlap || read->getBlock() != launch->getBlock())
        continue;
      for (OpOperand &use : read->getUses()) {
        if (use.getOwner()->isBeforeInBlock(launch))
          continue;
        bool pair = false;
        for (unsigned i = 0; i < kernel.getInplace().size(); i += 2)
          pair |= use.getOwner() == launch && launch->getResult(kernel.getInplace()[i]) == value &&
                  kernel.getInplace()[i + 1] == use.getOperandNumber();
        if (!pair && isa<step::LaunchOp, step::ViewOp, OutputOp>(use.getOwner()))
          return write.emitOpError("overwrites what ") << use.getOwner()->getName() << " still reads";
      }
    }
  }
  return success();
}
