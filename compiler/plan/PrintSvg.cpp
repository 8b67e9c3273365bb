// The plan as a drawing: where the time of a step goes, what each stage of a pipeline does when, and which mesh axis
// runs along which axis of the job.
#include "compiler/plan/Plan.h"
#include "compiler/plan/SvgCanvas.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace kinu;
using namespace kinu::plan;
using Anchor = SvgCanvas::Anchor;

static constexpr double kWidth = 1080, kLeft = 124, kRight = 24, kInner = kWidth - kLeft - kRight;
/// Pixels that a letter of the words on shapes takes, at most.
static constexpr double kLetter = 7;

static std::string seconds(double time) {
  const char *unit = time == 0 || time >= 1 ? "s" : time >= 1e-3 ? "ms" : "us";
  double number = time == 0 || time >= 1 ? time : time >= 1e-3 ? time * 1e3 : time * 1e6;
  return llvm::formatv(number == 0 || number >= 100 ? "{0:f0} {1}"
                       : number >= 10               ? "{0:f1} {1}"
                                                    : "{0:f2} {1}",
                       number, unit);
}

static bool fits(const std::string &words, double width) { return double(words.size()) * kLetter <= width; }

static void drawKey(SvgCanvas &canvas, double y, llvm::ArrayRef<std::pair<const char *, std::string>> entries) {
  double x = kLeft;
  for (const auto &[style, words] : entries) {
    canvas.rect(x, y - 10, 12, 12, style);
    canvas.text(x + 17, y, words);
    x += 17 + double(words.size()) * kLetter + 16;
  }
}

/// One bar: what a step's time is made of.
static double drawTime(SvgCanvas &canvas, double y, const StepTime &time) {
  canvas.text(24, y, "Modelled time of a step: " + seconds(time.total), "part");
  std::tuple<const char *, const char *, double> parts[] = {{"kernels", "kernels", time.kernels},
                                                            {"messages", "messages", time.messages},
                                                            {"idle", "waiting for other stages", time.idle}};
  double x = kLeft, scale = kInner / time.total;
  std::vector<std::pair<const char *, std::string>> key;
  for (auto [style, name, part] : parts) {
    if (part <= 0)
      continue;
    canvas.rect(x, y + 12, part * scale, 22, style);
    x += part * scale;
    key.push_back({style, llvm::formatv("{0} {1}, {2:f0}%", name, seconds(part), 100 * part / time.total)});
  }
  drawKey(canvas, y + 54, key);
  return y + 92;
}

static const char *styleOf(tofu::Direction direction) {
  switch (direction) {
  case tofu::Direction::Forward: return "forward";
  case tofu::Direction::Backward: return "backward";
  case tofu::Direction::Weights: return "weights";
  }
  return "";
}

namespace {
/// The passes of every stage over time.
struct ScheduleDrawing {
  double end() const { return plan.time ? plan.time->total : plan.timeline.length; }
  double at(double time) const { return kLeft + time * kInner / end(); }

  void stage(size_t number, double y, double height) {
    const std::vector<tofu::Timeline::Span> &spans = plan.timeline.stages[number];
    canvas.rect(at(0), y, at(plan.timeline.length) - at(0), height, "idle");
    for (size_t i = 0; i < spans.size();) {
      size_t last = i;
      // Passes too narrow to tell apart become one shape, up to where the stage waits.
      while (last + 1 < spans.size() && isNarrow(spans[i]) && isNarrow(spans[last + 1]) &&
             at(spans[last + 1].begin) - at(spans[last].end) < 1)
        ++last;
      pass(number, i, last, y, height);
      i = last + 1;
    }
  }

  void pass(size_t number, size_t first, size_t last, double y, double height) {
    const tofu::Timeline::Span &begin = plan.timeline.stages[number][first], &end = plan.timeline.stages[number][last];
    double x = at(begin.begin), width = at(end.end) - x;
    const tofu::Slot &slot = plan.schedule.stages[number][first];
    used[first == last ? size_t(slot.direction) : 3] = true;
    if (first != last)
      return canvas.rect(x, y, width, height, "turns");
    std::string micro = std::to_string(slot.microBatch);
    canvas.rect(x, y, std::max(width - 0.6, 0.3), height, styleOf(slot.direction),
                llvm::formatv("stage {0}{1}, {2} of micro-batch {3}: {4} to {5}", number,
                              plan.schedule.chunks > 1 ? ", chunk " + std::to_string(slot.chunk) : "",
                              styleOf(slot.direction), micro, seconds(begin.begin), seconds(begin.end))
                    .str());
    if (fits(std::to_string(plan.microBatches - 1), width) && height >= 12)
      canvas.text(x + width / 2, y + height / 2 + 4, micro, "on", Anchor::Middle);
  }

  /// Lines at round times.
  void axis(double top, double bottom) {
    double step = std::pow(10, std::floor(std::log10(end() / 5)));
    for (double factor : {5.0, 2.0})
      if (end() / (step * factor) >= 4) {
        step *= factor;
        break;
      }
    for (double time = 0; time <= end() * 1.0001; time += step) {
      canvas.line(at(time), top, at(time), bottom + 4, "grid");
      canvas.text(at(time), bottom + 18, seconds(time), "", Anchor::Middle);
    }
  }

  double draw(double y) {
    size_t count = plan.timeline.stages.size();
    canvas.text(
        24, y,
        llvm::formatv("Pipeline: {0} stages, {1} micro-batches, {2}; idle {3:f1}% of the work of the busiest stage",
                      count, plan.microBatches, plan.scheduleWord, 100 * plan.timeline.bubble())
            .str(),
        "part");
    double row = std::max(5.0, std::min(26.0, 480.0 / double(count))), gap = row >= 12 ? 3 : 1, top = y + 14;
    axis(top, top + row * double(count));
    for (size_t i = 0; i < count; ++i) {
      stage(i, top + row * double(i), row - gap);
      if (row >= 12 || i % 8 == 0 || i + 1 == count)
        canvas.text(kLeft - 8, top + row * (double(i) + 0.5) + 3, "stage " + std::to_string(i), "", Anchor::End);
    }
    double bottom = top + row * double(count);
    if (end() > plan.timeline.length)
      canvas.rect(at(plan.timeline.length), top, at(end()) - at(plan.timeline.length), row * double(count) - gap,
                  "update", "update of the weights, with its messages");
    std::vector<std::pair<const char *, std::string>> key;
    const char *words[] = {"forward pass", "backward pass", "gradients of weights", "passes in turn"};
    const char *styles[] = {"forward", "backward", "weights", "turns"};
    for (size_t i = 0; i < 4; ++i)
      if (used[i])
        key.push_back({styles[i], words[i]});
    if (end() > plan.timeline.length)
      key.push_back({"update", "update, with its messages"});
    key.push_back({"idle", "idle"});
    drawKey(canvas, bottom + 40, key);
    return bottom + 78;
  }

  SvgCanvas &canvas;
  const Plan &plan;
  std::array<bool, 4> used = {};

private:
  bool isNarrow(const tofu::Timeline::Span &span) const { return at(span.end) - at(span.begin) < 2; }
};

/// One ruler for each axis of the job: the positions along it, and the ranks of which mesh axis stand there.
struct PlacementDrawing {
  /// A box for each value of the digit, as long as the positions that share it.
  void digit(const Digit &digit, double y) {
    int64_t length = plan.placement->lengths[digit.slot];
    double cell = kInner / double(length), width = cell * double(digit.stride);
    const std::string &name = plan.mesh[digit.mesh].name;
    std::string style = "axis" + std::to_string(digit.mesh % 6);
    bool each = width >= 3;
    if (!each)
      width *= double(digit.factor);
    for (int64_t i = 0; double(i) * width < kInner - 0.01; ++i) {
      int64_t value = each ? i % digit.factor : 0;
      canvas.rect(kLeft + double(i) * width, y, width - 0.6, 18, style + (i % 2 ? " odd" : ""));
      std::string number = std::to_string(value), last = std::to_string(digit.factor - 1);
      std::string words = each ? name + " " + number : name + " 0 to " + last;
      bool all = fits(each ? name + " " + last : words, width);
      if (all || (each && fits(last, width)))
        canvas.text(kLeft + (double(i) + 0.5) * width, y + 13, all ? words : number, "on", Anchor::Middle);
    }
    std::string label = name + " " + std::to_string(digit.factor);
    if (digit.factor != plan.mesh[digit.mesh].degree)
      label += " of " + std::to_string(plan.mesh[digit.mesh].degree);
    canvas.text(kLeft - 8, y + 13, label, "", Anchor::End);
  }

  double ruler(unsigned slot, double y) {
    int64_t length = plan.placement->lengths[slot];
    std::string title = slot == kWithinNode ? llvm::formatv("ranks of a node: {0}", length).str()
                                            : llvm::formatv("{0}: {1} nodes", nameOf(slot), length).str();
    if (slot != kWithinNode && plan.placement->torus)
      title += ", closed to a ring";
    if (slot != kWithinNode)
      title += llvm::formatv("; busiest link {0:f2} GB a step", plan.distances.busiest[slot] * 1e-9).str();
    canvas.text(kLeft, y + 10, title);
    y += 18;
    std::vector<Digit> digits;
    for (const Digit &one : plan.placement->digits)
      if (one.slot == slot)
        digits.push_back(one);
    llvm::sort(digits, [](const Digit &a, const Digit &b) { return a.stride > b.stride; });
    for (const Digit &one : digits) {
      digit(one, y);
      y += 21;
    }
    return y + 12;
  }

  double draw(double y) {
    const auto &lengths = plan.placement->lengths;
    std::string shape =
        plan.placement->torus
            ? llvm::formatv("a torus of {0} x {1} x {2} nodes", lengths[kX], lengths[kY], lengths[kZ]).str()
            : llvm::formatv("a line of {0} nodes", lengths[kX]).str();
    canvas.text(24, y, "Placement on " + plan.problem.network.name + ": " + shape, "part");
    y += 16;
    if (plan.placement->inOrder) {
      canvas.text(kLeft, y + 10, "ranks in their order, one node after another");
      return y + 20;
    }
    for (unsigned slot : {kX, kY, kZ, kWithinNode})
      if (lengths[slot] > 1)
        y = ruler(slot, y);
    return y;
  }

  SvgCanvas &canvas;
  const Plan &plan;
};
} // namespace

void plan::printSvg(const Plan &plan, llvm::raw_ostream &os) {
  SvgCanvas canvas(kWidth);
  std::string shape;
  for (const MeshAxis &axis : plan.mesh)
    shape += (shape.empty() ? "" : " x ") + axis.name + " " + std::to_string(axis.degree);
  canvas.text(24, 32, plan.model + ", layout " + plan.layout, "head");
  canvas.text(24, 52,
              llvm::formatv("{0}: {1} ranks on {2} nodes, {3}; {4} sequences a step",
                            shape.empty() ? "one rank" : shape, plan.ranks, plan.nodes,
                            plan.machine.title.empty() ? plan.machine.name : plan.machine.title, plan.batch)
                  .str());
  double y = 88;
  if (plan.time)
    y = drawTime(canvas, y, *plan.time);
  if (!plan.timeline.stages.empty())
    y = ScheduleDrawing{canvas, plan}.draw(y);
  if (plan.placement)
    PlacementDrawing{canvas, plan}.draw(y);
  os << canvas.finish(plan.model + ", layout " + plan.layout);
}
