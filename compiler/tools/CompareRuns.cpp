// See CompareRuns.h.
#include "compiler/tools/CompareRuns.h"

#include "runtime/CheckpointFolder.h"
#include "runtime/Failure.h"
#include "runtime/Safetensors.h"

#include "llvm/Support/MemoryBuffer.h"

#include <cmath>
#include <cstring>
#include <limits>

using namespace kinu;
using namespace kinu::tools;

Tensors tools::readCheckpoint(const std::string &folder, const std::string &part) {
  std::vector<rt::CommittedCheckpoint> all = rt::listCommitted(folder);
  if (all.empty())
    return {};
  std::string path = (all.front().path / (part + ".safetensors")).string();
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    rt::fail(rt::Exit::Io, "cannot read `", path, "`");
  Tensors tensors;
  std::string_view bytes((*file)->getBufferStart(), (*file)->getBufferSize());
  for (const auto &[name, entry] : rt::readSafetensors(bytes, path, rt::Exit::Io)) {
    if (entry.dtype != "F32")
      continue;
    std::vector<float> &values = tensors[name];
    values.resize(entry.bytes.size() / sizeof(float));
    std::memcpy(values.data(), entry.bytes.data(), entry.bytes.size());
  }
  return tensors;
}

static double normOf(const std::vector<float> &values) {
  double sum = 0;
  for (float value : values)
    sum += double(value) * double(value);
  return std::sqrt(sum);
}

/// The norm of x - y; infinite if they are not alike.
static double distanceOf(const std::vector<float> &x, const std::vector<float> &y) {
  if (x.size() != y.size())
    return std::numeric_limits<double>::infinity();
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i)
    sum += (double(x[i]) - double(y[i])) * (double(x[i]) - double(y[i]));
  return std::isfinite(sum) ? std::sqrt(sum) : std::numeric_limits<double>::infinity();
}

static const std::vector<float> &find(const Tensors &tensors, const std::string &name) {
  static const std::vector<float> none;
  auto found = tensors.find(name);
  return found == tensors.end() ? none : found->second;
}

static void note(Distance &worst, double distance, const std::string &name) {
  if (!(distance <= worst.largest)) {
    worst.largest = distance;
    worst.name = name;
  }
}

static bool isFirstMoment(const std::string &name) { return name.starts_with("moment1/"); }

/// The norm of all first moments together.
static double normOfAll(const Tensors &moments) {
  double sum = 0;
  for (const auto &[name, values] : moments)
    if (isFirstMoment(name))
      sum += normOf(values) * normOf(values);
  return std::sqrt(sum);
}

Distance tools::compareGradients(const Tensors &reference, const Tensors &other) {
  Distance worst;
  double all = normOfAll(reference);
  for (const auto &[name, values] : reference)
    if (isFirstMoment(name))
      note(worst, distanceOf(values, find(other, name)) / std::max({normOf(values), 1e-6 * all, 1e-300}),
           name.substr(8));
  return worst;
}

static std::vector<float> difference(const std::vector<float> &x, const std::vector<float> &y) {
  std::vector<float> result(x.size() == y.size() ? x.size() : 0);
  for (size_t i = 0; i < result.size(); ++i)
    result[i] = x[i] - y[i];
  return result;
}

Distance tools::compareUpdates(const Tensors &referenceBefore, const Tensors &referenceAfter,
                               const Tensors &otherBefore, const Tensors &otherAfter, const Tensors &referenceMoments) {
  Distance worst;
  double all = normOfAll(referenceMoments);
  for (const auto &[name, after] : referenceAfter) {
    const std::vector<float> &moment = find(referenceMoments, "moment1/" + name);
    if (!moment.empty() && normOf(moment) <= 1e-6 * all)
      continue;
    std::vector<float> here = difference(after, find(referenceBefore, name));
    std::vector<float> there = difference(find(otherAfter, name), find(otherBefore, name));
    note(worst, distanceOf(here, there) / std::max(normOf(here), 1e-30), name);
  }
  return worst;
}
