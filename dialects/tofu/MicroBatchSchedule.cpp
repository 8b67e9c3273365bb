// See MicroBatchSchedule.h.
#include "dialects/tofu/MicroBatchSchedule.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cassert>

using namespace kinu::tofu;

static constexpr std::pair<const char *, ScheduleKind> kWords[] = {
    {"gpipe", ScheduleKind::GPipe},
    {"1f1b", ScheduleKind::OneForwardOneBackward},
    {"zero_bubble", ScheduleKind::ZeroBubble},
    {"interleaved", ScheduleKind::Interleaved},
};

std::optional<ScheduleKind> kinu::tofu::parseScheduleKind(llvm::StringRef word) {
  for (auto [known, kind] : kWords)
    if (word == known)
      return kind;
  return std::nullopt;
}

std::vector<std::string> kinu::tofu::scheduleWords() {
  std::vector<std::string> words;
  for (auto [known, kind] : kWords)
    words.push_back(known);
  return words;
}

int64_t MicroBatchSchedule::buffers(int64_t stage) const {
  int64_t most = 0;
  for (const Slot &slot : stages[stage])
    most = std::max(most, slot.buffer + 1);
  return most;
}

bool kinu::tofu::splitsBackward(ScheduleKind kind) { return kind == ScheduleKind::ZeroBubble; }

/// Forward passes that a stage does before its first backward pass.
static int64_t warmUp(ScheduleKind kind, int64_t stage, int64_t stages, int64_t microBatches) {
  return kind == ScheduleKind::GPipe ? microBatches : std::min(stages - stage, microBatches);
}

/// The order in which a stage of several chunks does its passes of one direction: as many micro-batches as there are
/// stages through one chunk, then the same through the next one.
static std::vector<Slot> turns(Direction direction, int64_t stages, int64_t microBatches, int64_t chunks) {
  std::vector<Slot> slots;
  for (int64_t first = 0; first < microBatches; first += stages)
    for (int64_t turn = 0; turn < chunks; ++turn)
      for (int64_t micro = first; micro < std::min(first + stages, microBatches); ++micro)
        slots.push_back({direction, micro, 0, direction == Direction::Forward ? turn : chunks - 1 - turn});
  return slots;
}

/// Gives every forward pass the first store that is empty, and the backward pass the same.
static void assignStores(std::vector<Slot> &slots) {
  std::vector<std::optional<std::pair<int64_t, int64_t>>> stores; // micro-batch and chunk
  for (Slot &slot : slots) {
    bool fills = slot.direction == Direction::Forward;
    std::optional<std::pair<int64_t, int64_t>> own({slot.microBatch, slot.chunk});
    auto found = llvm::find(stores, fills ? std::nullopt : own);
    slot.buffer = found - stores.begin();
    if (found == stores.end())
      found = stores.insert(found, std::nullopt);
    *found = fills ? own : std::nullopt;
  }
}

static MicroBatchSchedule interleave(int64_t stages, int64_t microBatches, int64_t chunks) {
  assert(microBatches % stages == 0 && "micro-batches go in groups of as many as there are stages");
  MicroBatchSchedule schedule;
  schedule.chunks = chunks;
  std::vector<Slot> forward = turns(Direction::Forward, stages, microBatches, chunks),
                    backward = turns(Direction::Backward, stages, microBatches, chunks);
  for (int64_t stage = 0; stage < stages; ++stage) {
    std::vector<Slot> &slots = schedule.stages.emplace_back();
    size_t all = forward.size(), first = std::min(all, size_t(2 * (stages - stage - 1) + (chunks - 1) * stages));
    slots.assign(forward.begin(), forward.begin() + ptrdiff_t(first));
    for (size_t next = first; next < all; ++next) {
      slots.push_back(forward[next]);
      slots.push_back(backward[next - first]);
    }
    slots.insert(slots.end(), backward.end() - ptrdiff_t(first), backward.end());
    assignStores(slots);
  }
  return schedule;
}

MicroBatchSchedule kinu::tofu::scheduleMicroBatches(ScheduleKind kind, int64_t stages, int64_t microBatches,
                                                    int64_t chunks) {
  if (kind == ScheduleKind::Interleaved)
    return interleave(stages, microBatches, chunks);
  assert(chunks == 1 && "only the interleaved schedule has chunks");
  MicroBatchSchedule schedule;
  for (int64_t stage = 0; stage < stages; ++stage) {
    std::vector<Slot> &slots = schedule.stages.emplace_back();
    bool splits = splitsBackward(kind);
    int64_t first = warmUp(kind, stage, stages, microBatches), forward = 0, weights = 0;
    // All passes go through the micro-batches in one order, so stores are used in turn.
    int64_t stores = std::min(microBatches, first + (splits ? stage : 0));
    auto push = [&](Direction direction, int64_t micro) { slots.push_back({direction, micro, micro % stores, 0}); };
    while (forward < first)
      push(Direction::Forward, forward++);
    for (int64_t backward = 0; backward < microBatches; ++backward) {
      push(Direction::Backward, backward);
      if (splits && backward - weights >= stage)
        push(Direction::Weights, weights++);
      if (forward < microBatches)
        push(Direction::Forward, forward++);
    }
    while (splits && weights < microBatches)
      push(Direction::Weights, weights++);
  }
  return schedule;
}

double Timeline::busy(int64_t stage) const {
  double seconds = 0;
  for (const Span &span : stages[stage])
    seconds += span.end - span.begin;
  return seconds;
}

double Timeline::bubble() const {
  double most = 0;
  for (size_t stage = 0; stage < stages.size(); ++stage)
    most = std::max(most, busy(int64_t(stage)));
  return most == 0 ? 0 : (length - most) / most;
}

namespace {
/// The passes done so far, and when.
struct Player {
  Player(const MicroBatchSchedule &schedule, llvm::ArrayRef<PassTime> times, double delay)
      : schedule(schedule), times(times), delay(delay), count(int64_t(schedule.stages.size())),
        doneForward(times.size()), doneBackward(times.size()) {
    for (auto &slots : schedule.stages)
      for (const Slot &slot : slots)
        splits |= slot.direction == Direction::Weights;
    timeline.stages.resize(count);
  }

  /// A chunk's place among all, in the order of the layers.
  int64_t placeOf(int64_t stage, const Slot &slot) const { return slot.chunk * count + stage; }

  double duration(int64_t place, Direction direction) const {
    const PassTime &time = times[place];
    switch (direction) {
    case Direction::Forward: return time.forward;
    case Direction::Backward: return time.backward - (splits ? time.weights : 0);
    case Direction::Weights: return time.weights;
    }
    return 0;
  }

  /// When what a pass needs is there; nothing if it has not been done yet.
  std::optional<double> ready(int64_t place, const Slot &slot) const {
    bool forward = slot.direction == Direction::Forward;
    int64_t from = forward ? place - 1 : place + 1;
    if (from < 0 || slot.direction == Direction::Weights) // what these need stands before them
      return 0.0;
    // The last chunk's backward pass needs its own forward pass, which stands before it.
    if (from == int64_t(times.size()))
      return doneForward[place].size() > size_t(slot.microBatch) ? std::optional(doneForward[place][slot.microBatch])
                                                                 : std::nullopt;
    const std::vector<double> &ends = forward ? doneForward[from] : doneBackward[from];
    return ends.size() > size_t(slot.microBatch) ? std::optional(ends[slot.microBatch] + delay) : std::nullopt;
  }

  /// Plays a stage as far as it gets. True if it did anything.
  bool advance(int64_t stage) {
    std::vector<Timeline::Span> &spans = timeline.stages[stage];
    size_t before = spans.size();
    while (spans.size() < schedule.stages[stage].size()) {
      const Slot &slot = schedule.stages[stage][spans.size()];
      int64_t place = placeOf(stage, slot);
      std::optional<double> there = ready(place, slot);
      if (!there)
        break;
      double begin = std::max(spans.empty() ? 0 : spans.back().end, *there);
      double end = begin + duration(place, slot.direction);
      spans.push_back({begin, end});
      if (slot.direction != Direction::Weights)
        (slot.direction == Direction::Forward ? doneForward : doneBackward)[place].push_back(end);
      timeline.length = std::max(timeline.length, end);
    }
    return spans.size() > before;
  }

  const MicroBatchSchedule &schedule;
  llvm::ArrayRef<PassTime> times;
  double delay;
  int64_t count;
  bool splits = false;                                        ///< gradients of weights have passes of their own
  std::vector<std::vector<double>> doneForward, doneBackward; ///< ends, by chunk and micro-batch
  Timeline timeline;
};
} // namespace

Timeline kinu::tofu::play(const MicroBatchSchedule &schedule, llvm::ArrayRef<PassTime> times, double delay) {
  assert(int64_t(times.size()) == schedule.chunks * int64_t(schedule.stages.size()) && "a time for each chunk");
  Player player(schedule, times, delay);
  for (bool any = true; any;) {
    any = false;
    for (int64_t stage = 0; stage < player.count; ++stage)
      any |= player.advance(stage);
  }
  for ([[maybe_unused]] auto [slots, spans] : llvm::zip(schedule.stages, player.timeline.stages))
    assert(slots.size() == spans.size() && "a schedule waits for itself");
  return std::move(player.timeline);
}
