// What starts the executable on its machine: job scripts, and the file that says where each rank stands.
#include "compiler/plan/Plan.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace kinu;
using namespace kinu::plan;

static int64_t coresOfRank(const Plan &plan) { return std::max<int64_t>(1, plan.machine.cores / plan.ranksPerNode); }

/// One line `(x,y,z) core=N` for each rank, in their order: `mpiexec --vcoordfile` (Fujitsu, MPI User's Guide).
static std::string rankFile(const Plan &plan) {
  std::vector<int64_t> degrees;
  for (const MeshAxis &axis : plan.mesh)
    degrees.push_back(axis.degree);
  std::string text, cores = " core=" + std::to_string(coresOfRank(plan)) + "\n";
  for (int64_t rank = 0; rank < plan.ranks; ++rank) {
    auto at = coordinates(*plan.placement, degrees, rank);
    text += "(" + std::to_string(at[kX]);
    if (plan.placement->torus)
      text += "," + std::to_string(at[kY]) + "," + std::to_string(at[kZ]);
    text += ")" + cores;
  }
  return text;
}

/// `48x6x48:torus`, or the nodes of a line.
static std::string jobShape(const Placement &placement) {
  if (!placement.torus)
    return std::to_string(placement.lengths[kX]);
  return llvm::formatv("{0}x{1}x{2}", placement.lengths[kX], placement.lengths[kY], placement.lengths[kZ]);
}

/// The end of every job script: what an executable's exit code asks for.
static std::string resubmit(const std::string &command) {
  return "code=$?\n"
         "# 100: stopped by the time limit, with a checkpoint; the next job goes on there. Anything else is for "
         "people.\n"
         "if [ \"$code\" -eq 100 ]; then\n"
         "  " +
         command +
         "\n"
         "fi\n"
         "exit \"$code\"\n";
}

static std::string pjsub(const Plan &plan, const std::string &name) {
  const Placement &placement = *plan.placement;
  std::string shape = jobShape(placement);
  return "#!/bin/bash\n"
         "# " +
         plan.model + ", layout " + plan.layout + ". Submit it with: pjsub " + name +
         ".pjsub\n"
         "# The group, the resource group and the time limit are the site's and yours: set them here.\n"
         "#PJM -L \"node=" +
         shape + (placement.torus ? ":torus" : "") +
         "\"\n"
         "#PJM -L \"elapse=24:00:00\"\n"
         "# Without eco_state=0 half of the floating-point units sleep.\n"
         "#PJM -L \"freq=2000,eco_state=0\"\n"
         "#PJM --mpi \"shape=" +
         shape + ",proc=" + std::to_string(plan.ranks) + ",max-proc-per-node=" + std::to_string(plan.ranksPerNode) +
         "\"\n"
         "#PJM -S -j\n\n"
         "cd \"${PJM_O_WORKDIR:-$(dirname \"$0\")}\" || exit 106\n"
         "export OMP_NUM_THREADS=" +
         std::to_string(coresOfRank(plan)) +
         "\n"
         "export FLIB_BARRIER=HARD PLE_MPI_STD_EMPTYFILE=off\n"
         "# Sums keep their order from run to run.\n"
         "export OMPI_MCA_coll_base_reduce_commute_safe=1\n"
         "mpiexec --vcoordfile " +
         name + ".ranks ./" + name + " \"$@\"\n" + resubmit("pjsub " + name + ".pjsub");
}

static std::string slurm(const Plan &plan, const std::string &name) {
  return "#!/bin/bash\n"
         "# " +
         plan.model + ", layout " + plan.layout + ". Submit it with: sbatch " + name +
         ".slurm\n"
         "#SBATCH --job-name=" +
         name +
         "\n"
         "#SBATCH --nodes=" +
         std::to_string(plan.nodes) +
         "\n"
         "#SBATCH --ntasks=" +
         std::to_string(plan.ranks) +
         "\n"
         "#SBATCH --ntasks-per-node=" +
         std::to_string(plan.ranksPerNode) +
         "\n"
         "#SBATCH --cpus-per-task=" +
         std::to_string(coresOfRank(plan)) +
         "\n"
         "#SBATCH --time=24:00:00\n"
         "# Time for a checkpoint before the limit.\n"
         "#SBATCH --signal=TERM@300\n\n"
         "export OMP_NUM_THREADS=" +
         std::to_string(coresOfRank(plan)) +
         "\n"
         "srun --distribution=block --kill-on-bad-exit=1 ./" +
         name + " \"$@\"\n" + resubmit("sbatch " + name + ".slurm");
}

static std::string mpirun(const Plan &plan, const std::string &name) {
  return "#!/bin/bash\n"
         "# " +
         plan.model + ", layout " + plan.layout +
         ": all ranks on the machine at hand, or on what --hostfile names.\n"
         "cd \"$(dirname \"$0\")\" || exit 106\n"
         "exec mpirun -n " +
         std::to_string(plan.ranks) + " \"${MPIRUN_OPTIONS[@]}\" ./" + name + " \"$@\"\n";
}

std::vector<LaunchFile> plan::launchFiles(const Plan &plan, llvm::StringRef executable) {
  std::string name = executable.str();
  std::vector<LaunchFile> files = {{".mpirun", mpirun(plan, name), true}, {".slurm", slurm(plan, name), true}};
  if (plan.placement && plan.problem.network.launcher == "pjsub") {
    files.push_back({".pjsub", pjsub(plan, name), true});
    files.push_back({".ranks", rankFile(plan), false});
  }
  return files;
}
