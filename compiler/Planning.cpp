#include "compiler/Planning.h"

#include "compiler/support/WriteFile.h"
#include "compiler/vectorize/Vectorize.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace kinu;

/// Check has seen that the name is known.
static machines::Machine machineOf(const typed::Layout &layout) {
  return llvm::cantFail(machines::find(layout.machine));
}

bool kinu::chooseDegrees(TypedModel &model, const typed::Layout *layout, int64_t nodes, Diagnostics &diagnostics) {
  if (!layout || nodes == 0)
    return true;
  auto degrees = plan::degreesFor(*layout, machineOf(*layout), nodes, diagnostics);
  if (!degrees)
    return false;
  for (typed::Layout &own : model.layouts)
    if (&own == layout)
      for (auto [axis, degree] : llvm::zip(own.mesh, *degrees)) {
        axis.degrees.erase(llvm::find(axis.degrees, degree));
        axis.degrees.insert(axis.degrees.begin(), degree);
      }
  return true;
}

std::optional<plan::Plan> kinu::makePlan(llvm::ArrayRef<mlir::ModuleOp> stages, const TypedModel &model,
                                         const typed::Layout *layout, const machines::Machine &machine,
                                         Diagnostics &diagnostics) {
  if (!model.train) {
    diagnostics.error("nothing-to-plan", SourceRange(), "the spec has no `train` block: there is no step to plan")
        .suggest("write how the model is trained, at least `batch`, `steps` and `optimizer`");
    return std::nullopt;
  }
  typed::Layout alone;
  alone.name = "of one rank";
  alone.range = model.train->range;
  machines::Machine own = layout ? machineOf(*layout) : machine;
  plan::PlanInputs inputs{stages, model, layout ? *layout : alone, own, vectorize::countOperations};
  return plan::makePlan(inputs, diagnostics);
}

llvm::Error kinu::writeLaunchFiles(const plan::Plan &plan, const std::string &output) {
  namespace fs = llvm::sys::fs;
  for (const plan::LaunchFile &file : plan::launchFiles(plan, llvm::sys::path::filename(output))) {
    std::string path = output + file.suffix;
    if (llvm::Error error = replaceFile(path, file.text))
      return error;
    if (file.executable)
      if (std::error_code error = fs::setPermissions(path, fs::all_read | fs::all_exe | fs::owner_write))
        return llvm::createFileError(path, error);
  }
  return llvm::Error::success();
}
