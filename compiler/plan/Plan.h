// What a layout will cost, known before anything runs: memory, work and messages of a rank, and where ranks stand.
//
// Everything is read off the allocated module of one rank, so that the report is of the program that will run, and no
// number takes longer to find for more nodes.
#pragma once

#include "compiler/machines/Machine.h"
#include "compiler/plan/Placement.h"
#include "compiler/plan/StepTime.h"
#include "compiler/support/Diagnostics.h"
#include "compiler/syntax/TypedModel.h"
#include "dialects/step/Step.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <optional>
#include <string>
#include <vector>

namespace kinu::plan {

/// The arena of a rank by what it holds, in bytes. All but `arena` and `kept` add up to it.
struct Memory {
  int64_t weights = 0, copies = 0, gradients = 0, optimizer = 0;
  int64_t tables = 0;        ///< constants
  int64_t activations = 0;   ///< when most is alive in the program that needs most, without what ranks send, ...
  int64_t kept = 0;          ///< ... of it in a pipeline: of all micro-batches under way, for their backward passes
  int64_t communication = 0; ///< at the same moment: what ranks send or receive
  int64_t unused = 0;        ///< between buffers
  int64_t arena = 0;
};

/// One kind of message of a step, as a rank sees it.
struct Traffic {
  std::string program;           ///< `step` for what the runtime itself sends
  std::string kind;              ///< all_reduce, ...
  std::vector<std::string> axes; ///< of the mesh
  int64_t ranks = 1;             ///< in a group
  int64_t calls = 0;             ///< of a step
  int64_t payload = 0;           ///< bytes of a step: of the longer of what goes in and what comes out
  double seconds = 0;            ///< of a step, modelled; 0 without a placement
  double hidden = 0;             ///< of these, while kernels run
  /// Bytes that a rank sends if the group is a ring: 2 (n - 1) / n of the payload for an all-reduce, (n - 1) / n for
  /// the other collectives.
  double sent() const;
};

/// A variable that ranks of some mesh axes all have.
struct Replicated {
  std::string name;
  std::vector<std::string> over; ///< mesh axes
  int64_t bytes = 0;
};

/// An axis that is longer than the model's, so that ranks share it out evenly.
struct Padded {
  std::string axis;
  int64_t length = 0, padded = 0;     ///< of the model, and with padding
  std::vector<std::string> variables; ///< that have it
  int64_t bytes = 0;                  ///< of padding in them, on a rank that has most of it: the last
};

/// A launch or a message of a program, in its order.
struct WorkEvent {
  Event::Kind kind = Event::Kernel;
  double operations = 0; ///< of a kernel
  size_t traffic = 0;    ///< of a message: where in its stage's list it is counted
  int64_t payload = 0;   ///< bytes of a message
  unsigned message = 0;  ///< of a start and its wait
};

struct Work {
  std::string program;
  int64_t runs = 1, launches = 0; ///< of a step; of a run
  double operations = 0;          ///< of a run
  std::vector<WorkEvent> events;  ///< of a run
};

/// One stage of a pipeline; without one, all of the model.
struct Stage {
  Memory memory;
  std::vector<Work> work;
  std::vector<Traffic> traffic;
  std::vector<Replicated> replicated;
  std::vector<Padded> padded;
};

struct MeshAxis {
  std::string name;
  int64_t degree = 1;
  std::vector<int64_t> alternatives;
  std::string does; ///< what the layout does along it, in its words
};

/// What the layout could be built for instead: `mesh data = 288 | 252`.
struct Alternative {
  std::vector<int64_t> degrees;
  int64_t ranks = 1, nodes = 1, microBatches = 1;
};

struct Plan {
  std::string model, layout, precision;
  machines::Machine machine;
  std::vector<MeshAxis> mesh;
  int64_t ranks = 1, nodes = 1, ranksPerNode = 1;
  int64_t batch = 1, microBatches = 1, sequencesOfRank = 1; ///< of a step; of a step; of a micro-batch
  int64_t parameters = 0;
  std::vector<Stage> stages;
  std::vector<Alternative> alternatives;
  tofu::MicroBatchSchedule schedule;  ///< of a pipeline; else empty
  std::string scheduleWord;           ///< what the language calls it
  tofu::Timeline timeline;            ///< the schedule played with modelled times, without messages if not placed
  std::optional<Placement> placement; ///< on a machine with a network
  PlacementProblem problem;           ///< what the placement answers
  Distances distances;
  std::optional<StepTime> time; ///< modelled, of a step, where there is a placement

  /// Bytes that a rank may have: its share of the node, or of the memory groups that it has for itself.
  int64_t memoryOfRank() const;
};

/// What is padded in the variables of one stage.
std::vector<Padded> paddedIn(mlir::ModuleOp module);

/// Degrees of the mesh such that the ranks fill so many nodes; reports and gives none if no alternative does.
std::optional<std::vector<int64_t>> degreesFor(const typed::Layout &layout, const machines::Machine &machine,
                                               int64_t nodes, Diagnostics &diagnostics);

/// The nodes and ranks per node of a layout whose mesh has so many ranks: `nodes` and `ranks n per node`, or else one
/// node without a network, one rank per node with one.
struct Job {
  int64_t nodes = 1, ranksPerNode = 1;
};
Job jobOf(const typed::Layout &layout, const machines::Machine &machine, int64_t ranks);

struct PlanInputs {
  llvm::ArrayRef<mlir::ModuleOp> stages; ///< allocated; one without a pipeline
  const TypedModel &model;
  const typed::Layout &layout;
  const machines::Machine &machine;                      ///< of the layout
  llvm::function_ref<double(step::KernelOp)> operations; ///< of a launch
};

/// The plan, and what is wrong with it: a placement that cannot be (`place-...`), memory that is not there
/// (`does-not-fit`). Writes the placement to the modules.
Plan makePlan(const PlanInputs &inputs, Diagnostics &diagnostics);

/// `place` clauses that no placement can grant are reported; without a network there is nothing to place.
void addPlacement(Plan &plan, const PlanInputs &inputs, Diagnostics &diagnostics);
/// The modelled time of a step on the plan's placement.
void addTime(Plan &plan);
/// An error at the layout if a rank has less memory than its arena.
void checkMemory(const Plan &plan, const PlanInputs &inputs, Diagnostics &diagnostics);

void printText(const Plan &plan, llvm::raw_ostream &os);
void printJson(const Plan &plan, llvm::raw_ostream &os);
void printSvg(const Plan &plan, llvm::raw_ostream &os);

/// A file to lie beside the executable: what to add to its name, and the text.
struct LaunchFile {
  std::string suffix, text;
  bool executable = false;
};
/// Job scripts and the rank file for an executable of this name.
std::vector<LaunchFile> launchFiles(const Plan &plan, llvm::StringRef executable);

} // namespace kinu::plan
