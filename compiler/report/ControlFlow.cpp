#include "compiler/report/ControlFlow.h"

#include "compiler/report/Passages.h"
#include "compiler/report/StepValue.h"

#include <map>

using namespace kinu::report;
using namespace llvm;

namespace {
class Walker {
public:
  /// With `passages` what was seen is not walked again; nobody is then told of accesses.
  Walker(ControlFlowCounts &counts, const Surroundings &in, AccessSink sink, Passages *passages, int64_t mostBlocks)
      : counts(counts), in(in), sink(sink), passages(passages), blocksLeft(mostBlocks) {}

  Error walk(const FunctionCode &function, Frame &frame);

private:
  Expected<Exit> walkFrom(const FunctionCode &function, Frame &frame, std::optional<unsigned> from, unsigned at,
                          const LoopCode *within);
  Expected<Passage> once(Passages::Key key, function_ref<Error(Passage &)> walk);
  Expected<Exit> pass(const FunctionCode &function, const LoopCode &loop, Frame &frame, unsigned from, unsigned header);
  Error call(const FunctionCode &function, Frame &frame);
  Error step(const Step &step, Frame &frame);
  std::optional<int64_t> roundsLeft(const CountedLoop &loop, const BlockCode &block, const Frame &frame) const;
  Error finishLoop(const BlockCode &block, Frame &frame, int64_t rounds);
  static void enter(const BlockCode &block, unsigned from, Frame &frame);
  static unsigned nextOf(const BlockCode &block, const Frame &frame);
  static void collect(const BlockCode &block, const Frame &frame, SmallVectorImpl<MemoryAccess> &accesses);

  ControlFlowCounts &counts;
  const Surroundings &in;
  AccessSink sink;
  Passages *passages;
  int64_t blocksLeft;
};
} // namespace

/// Where the block's instructions found their memory in the round that `frame` is of.
void Walker::collect(const BlockCode &block, const Frame &frame, SmallVectorImpl<MemoryAccess> &accesses) {
  accesses.clear();
  for (const AccessCode &access : block.accesses) {
    int64_t address = frame[size_t(access.pointer)];
    int64_t stride = access.rowStride < 0 ? 0 : frame[size_t(access.rowStride)];
    for (int64_t row = 0; row < access.rows; ++row)
      accesses.push_back({address + row * stride, access.bytes, 0, access.writes, access.streams});
  }
}

Error Walker::step(const Step &step, Frame &frame) {
  if (!step.callee) {
    frame[size_t(step.result)] = valueOf(step, frame, in);
    return Error::success();
  }
  Frame inner = step.callee->frame;
  for (auto [i, operand] : enumerate(step.operands))
    inner[i] = frame[size_t(operand)];
  return call(*step.callee, inner);
}

/// Counts what has this key from memory if it was seen, else walks and remembers it.
Expected<Passage> Walker::once(Passages::Key key, function_ref<Error(Passage &)> walk) {
  if (const Passage *known = passages->find(key)) {
    addCounts(counts, *known);
    return *known;
  }
  ControlFlowCounts before = counts;
  Passage passage;
  if (Error error = walk(passage))
    return std::move(error);
  passage.counts = countsSince(before, counts);
  passages->remember(std::move(key), passage);
  return passage;
}

static int64_t identityOf(const void *of) { return int64_t(reinterpret_cast<intptr_t>(of)); }

Error Walker::call(const FunctionCode &function, Frame &frame) {
  if (!passages)
    return walk(function, frame);
  Passages::Key key{identityOf(&function)};
  for (unsigned i = 0; i < function.arguments; ++i)
    if (function.usedArguments[i])
      key.push_back(frame[i]);
  return once(std::move(key), [&](Passage &) { return walk(function, frame); }).takeError();
}

/// From the entry into a loop until it is left.
Expected<Exit> Walker::pass(const FunctionCode &function, const LoopCode &loop, Frame &frame, unsigned from,
                            unsigned header) {
  Passages::Key key{identityOf(&loop), int64_t(from)};
  for (Slot input : loop.inputs)
    key.push_back(frame[size_t(input)]);
  auto passage = once(std::move(key), [&](Passage &walked) -> Error {
    auto exit = walkFrom(function, frame, from, header, &loop);
    if (!exit)
      return exit.takeError();
    walked.exit = *exit;
    for (Slot output : loop.outputs)
      walked.outputs.push_back(frame[size_t(output)]);
    return Error::success();
  });
  if (!passage)
    return passage.takeError();
  for (auto [slot, value] : zip(loop.outputs, passage->outputs))
    frame[size_t(slot)] = value;
  return passage->exit;
}

unsigned Walker::nextOf(const BlockCode &block, const Frame &frame) {
  if (block.condition < 0)
    return block.successors[0];
  int64_t value = frame[size_t(block.condition)];
  if (!block.isSwitch)
    return block.successors[value ? 0 : 1];
  for (auto [i, number] : enumerate(block.cases))
    if (number == value)
      return block.successors[i + 1];
  return block.successors[0];
}

/// After a round that goes on: how many are still to come. None where counting does not tell.
std::optional<int64_t> Walker::roundsLeft(const CountedLoop &loop, const BlockCode &block, const Frame &frame) const {
  const auto &moves = block.edges[loop.self].second;
  auto stepOf = [&](int phi) -> __int128 {
    if (phi < 0)
      return 0;
    const PhiMove &move = moves[size_t(phi)];
    return __int128(frame[size_t(move.value)]) - frame[size_t(move.result)];
  };
  __int128 dx = stepOf(loop.leftPhi), dy = stepOf(loop.rightPhi);
  __int128 x = widened(loop.goesOn, frame[size_t(loop.left)], loop.width);
  __int128 y = widened(loop.goesOn, frame[size_t(loop.right)], loop.width);
  auto goesOn = [&](int64_t round) { return compares(loop.goesOn, x + round * dx, y + round * dy); };
  if (loop.goesOn == CmpInst::ICMP_NE)
    return dx != dy && (y - x) % (dx - dy) == 0 && (y - x) / (dx - dy) > 0 ? std::optional(int64_t((y - x) / (dx - dy)))
                                                                           : std::nullopt;
  constexpr int64_t kMost = int64_t(1) << 40;
  if (goesOn(kMost))
    return std::nullopt;
  int64_t yes = 0, no = kMost;
  while (no - yes > 1) {
    int64_t middle = yes + (no - yes) / 2;
    (goesOn(middle) ? yes : no) = middle;
  }
  return no;
}

/// Puts the frame where it is at the end of the last round.
Error Walker::finishLoop(const BlockCode &block, Frame &frame, int64_t rounds) {
  counts[block.number].runs += double(rounds);
  for (const PhiMove &move : block.edges[block.loop->self].second) {
    // A step never changes, so after `rounds` of them:
    int64_t &phi = frame[size_t(move.result)];
    phi += (frame[size_t(move.value)] - phi) * rounds;
  }
  for (const Step &each : block.steps)
    if (Error error = step(each, frame))
      return error;
  return Error::success();
}

Error Walker::walk(const FunctionCode &function, Frame &frame) {
  return walkFrom(function, frame, std::nullopt, 0, nullptr).takeError();
}

/// Moves what the block's phis take from the one before, all at once.
void Walker::enter(const BlockCode &block, unsigned from, Frame &frame) {
  auto edge = find_if(block.edges, [&](const auto &other) { return other.first == from; });
  SmallVector<int64_t, 8> moved;
  for (const PhiMove &move : edge->second)
    moved.push_back(frame[size_t(move.value)]);
  for (auto [move, value] : zip(edge->second, moved))
    frame[size_t(move.result)] = value;
}

/// Walks blocks until the function ends or `within`, if it is given, is left.
Expected<Exit> Walker::walkFrom(const FunctionCode &function, Frame &frame, std::optional<unsigned> from, unsigned at,
                                const LoopCode *within) {
  SmallVector<MemoryAccess, 16> accesses, last;
  for (;;) {
    const BlockCode &block = function.blocks[at];
    const LoopCode *entered =
        passages && from && block.headerOf >= 0 ? &function.loops[size_t(block.headerOf)] : nullptr;
    if (entered && entered != within && !entered->blocks[*from]) {
      auto exit = pass(function, *entered, frame, *from, at);
      if (!exit || (within && !within->blocks[exit->to]))
        return exit;
      from = exit->from;
      at = exit->to;
      continue;
    }
    if (--blocksLeft < 0)
      return createStringError("too many blocks to walk");
    if (from)
      enter(block, *from, frame);
    BlockRuns &runs = counts[block.number];
    ++runs.runs;
    if (from != at)
      ++runs.entries;
    for (const Step &each : block.steps)
      if (Error error = step(each, frame))
        return error;
    bool touches = sink && !block.accesses.empty();
    if (touches)
      collect(block, frame, accesses);
    int64_t rounds = 1;
    unsigned next = block.ends ? 0 : nextOf(block, frame);
    if (!block.ends && next == at && block.loop)
      if (auto left = roundsLeft(*block.loop, block, frame)) {
        if (Error error = finishLoop(block, frame, *left))
          return error;
        next = nextOf(block, frame);
        rounds += *left;
        if (touches)
          collect(block, frame, last);
      }
    if (touches) {
      if (rounds > 1)
        for (auto [first, end] : zip(accesses, last))
          first.stride = (end.address - first.address) / (rounds - 1);
      sink(block.number, rounds, accesses);
    }
    if (block.ends)
      return Exit();
    if (within && !within->blocks[next])
      return Exit{at, next};
    from = at;
    at = next;
  }
}

struct ControlFlow::Code {
  Surroundings in;
  std::map<std::pair<Function *, Follow>, std::unique_ptr<FunctionCode>> functions;
  FunctionCode *branches = nullptr, *memory = nullptr; ///< the kernel's
  Passages passages;
  unsigned numbers = 0;

  FunctionCode *codeOf(Function &function, Follow follow) {
    auto [place, isNew] = functions.try_emplace({&function, follow}, nullptr);
    if (isNew) {
      place->second = std::make_unique<FunctionCode>();
      *place->second = makeCode(function, follow, in.vscale, [&](Function &callee) { return codeOf(callee, follow); });
      for (const BlockCode &block : place->second->blocks)
        numbers = std::max(numbers, block.number);
    }
    return place->second.get();
  }
};

ControlFlow::ControlFlow(Function &kernel, int64_t vscale) : code(std::make_unique<Code>()) {
  code->in.vscale = vscale;
  code->branches = code->codeOf(kernel, Follow::Branches);
  code->memory = code->codeOf(kernel, Follow::Memory);
}

ControlFlow::~ControlFlow() = default;

void ControlFlow::share(int64_t buffer, int64_t other) {
  for (int64_t i = int64_t(code->in.buffers.size()); i <= std::max(buffer, other); ++i)
    code->in.buffers.push_back(i);
  code->in.buffers[size_t(buffer)] = code->in.buffers[size_t(other)];
  code->passages.clear();
}

Expected<ControlFlowCounts> ControlFlow::run(int64_t begin, int64_t end, AccessSink sink, int64_t mostBlocks) {
  ControlFlowCounts counts(code->numbers + 1);
  const FunctionCode &kernel = sink ? *code->memory : *code->branches;
  Frame frame = kernel.frame;
  if (kernel.arguments != 4)
    return createStringError("a kernel has four arguments");
  frame[0] = kTable;
  frame[1] = kScratchAddress;
  frame[2] = begin;
  frame[3] = end;
  Passages *passages = sink ? nullptr : &code->passages;
  if (Error error = Walker(counts, code->in, sink, passages, mostBlocks).walk(kernel, frame))
    return std::move(error);
  return counts;
}
