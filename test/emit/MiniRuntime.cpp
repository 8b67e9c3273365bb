// The smallest runtime: fills an arena with 1, 2, 3, ... and does every launch of every program in order, printing its
// label and its last buffer's first number. Stands in for runtime/ in LinkTest.
#include "runtime/Abi.h"

#include <cstdio>
#include <vector>

int main() {
  const KinuExecutable &executable = kinu_executable;
  std::printf("%s arena %ld\n", executable.manifest, long(executable.arenaBytes));
  std::vector<float> arena(size_t(executable.arenaBytes) / sizeof(float));
  for (size_t i = 0; i < arena.size(); ++i)
    arena[i] = float(i + 1);
  for (int64_t p = 0; p < executable.numPrograms; ++p) {
    const KinuProgram &program = executable.programs[p];
    for (int64_t l = 0; l < program.numLaunches; ++l) {
      const KinuLaunch &launch = program.launches[l];
      const KinuKernel &kernel = executable.kernels[launch.kernel];
      std::vector<void *> buffers;
      for (int32_t a = 0; a < launch.numArguments; ++a)
        buffers.push_back(reinterpret_cast<char *>(arena.data()) + program.offsets[launch.firstArgument + a]);
      kernel.run(buffers.data(), nullptr, 0, kernel.tasks);
      std::printf("%s: %s (%s) = %g\n", program.name, launch.label, kernel.name,
                  double(*static_cast<float *>(buffers.back())));
    }
  }
}
