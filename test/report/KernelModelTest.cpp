// A kernel written by hand, its cycles by hand, and how its tasks are shared out.
#include "compiler/report/KernelModel.h"

#include <gtest/gtest.h>

using namespace kinu;
using namespace kinu::report;

/// For each task a loop of 100 rounds of 8 multiply-adds: 4 cycles a round on two pipes.
static const char *const kIr = R"(
define void @kernel(ptr %buffers, ptr %scratch, i64 %begin, i64 %end) !dbg !10 {
entry:
  br label %tasks, !dbg !11
tasks:
  %task = phi i64 [ %begin, %entry ], [ %next, %done ]
  br label %body, !dbg !12
body:
  %i = phi i64 [ 0, %tasks ], [ %i.next, %body ]
  %i.next = add nuw nsw i64 %i, 1
  %more = icmp ne i64 %i.next, 100
  br i1 %more, label %body, label %done, !dbg !13
done:
  %next = add i64 %task, 1
  %again = icmp ne i64 %next, %end
  br i1 %again, label %tasks, label %exit, !dbg !12
exit:
  ret void, !dbg !11
}
!llvm.module.flags = !{!0}
!llvm.dbg.cu = !{!1}
!0 = !{i32 2, !"Debug Info Version", i32 3}
!1 = distinct !DICompileUnit(language: DW_LANG_C, file: !2, emissionKind: LineTablesOnly)
!2 = !DIFile(filename: "kernel", directory: "/")
!3 = !DISubroutineType(types: !4)
!4 = !{}
!10 = distinct !DISubprogram(name: "kernel", file: !2, line: 1, type: !3, spFlags: DISPFlagDefinition, unit: !1)
!11 = !DILocation(line: 1, scope: !10)
!12 = !DILocation(line: 2, scope: !10)
!13 = !DILocation(line: 3, scope: !10)
)";

static const char *const kAssembly = R"(
kernel:
	.file 1 "/" "kernel"
	.loc 1 3 1
	vxorps %xmm2, %xmm2, %xmm2
.LBB0_2:
	.loc 1 3 1
	vfmadd231ps %zmm0, %zmm1, %zmm2
	vfmadd231ps %zmm0, %zmm1, %zmm3
	vfmadd231ps %zmm0, %zmm1, %zmm4
	vfmadd231ps %zmm0, %zmm1, %zmm5
	vfmadd231ps %zmm0, %zmm1, %zmm6
	vfmadd231ps %zmm0, %zmm1, %zmm7
	vfmadd231ps %zmm0, %zmm1, %zmm8
	vfmadd231ps %zmm0, %zmm1, %zmm9
	addq $1, %rax
	jne .LBB0_2
)";

static KernelModel model(int64_t tasks, double operations, int64_t threads, llvm::StringRef ir = kIr) {
  KernelCode code{"kernel", ir, kAssembly, tasks, operations, 0};
  return llvm::cantFail(modelKernel(code, threads, llvm::cantFail(machines::find("x86-64-v4")),
                                    llvm::cantFail(machines::findTiming("x86-64-v4"))));
}

/// Cycles lost where the loop of a task ends, as LLVM has them for the processor.
static double missed() { return model(1, 0, 1).cycles - 400; }

TEST(KernelModel, cyclesAreRoundsTimesCyclesOfARound) {
  KernelModel one = model(1, 0, 1);
  EXPECT_GE(missed(), 0);
  EXPECT_LT(missed(), 40);
  EXPECT_EQ(one.instructions, 1001) << "what stands before the loop runs once";
  EXPECT_EQ(one.loopCycles, 4);
  EXPECT_EQ(one.loopInstructions, 10);
  EXPECT_EQ(one.vectorRegisters, 10);
  EXPECT_EQ(one.spills, 0);
  EXPECT_NEAR(one.loopShare, 1, 0.01);
  EXPECT_EQ(model(50, 0, 1).cycles, 50 * one.cycles);
}

TEST(KernelModel, tasksAreSharedOutAsTheRuntimeDoes) {
  double task = 400 + missed();
  EXPECT_EQ(model(12, 1e6, 4).longest, 3 * task);
  EXPECT_EQ(model(13, 1e6, 4).longest, 4 * task) << "one thread has one more";
  EXPECT_EQ(model(13, 1e6, 4).cycles, 13 * task);
  EXPECT_EQ(model(12, 1e3, 4).longest, 12 * task) << "too small to be split";
  EXPECT_EQ(model(3, 1e6, 4).longest, task);
}

/// The kernel with tasks of n / 16384 + 2 rounds, n being the task's number, which read 64 bytes each.
static std::string irOfUnevenTasks() {
  std::string ir = kIr;
  auto replace = [&](llvm::StringRef from, llvm::StringRef to) { ir.replace(ir.find(from), from.size(), to); };
  replace("  br label %tasks, !dbg !11", "  %buffer = load ptr, ptr %buffers\n  br label %tasks, !dbg !11");
  replace("  br label %body, !dbg !12", "  %step = lshr i64 %task, 14\n  %rounds = add i64 %step, 2\n"
                                        "  %first = shl i64 %task, 11\n  br label %body, !dbg !12");
  replace("  %i.next =", "  %offset = shl i64 %i, 6\n  %place = add i64 %first, %offset\n"
                         "  %address = getelementptr i8, ptr %buffer, i64 %place\n"
                         "  %data = load <16 x float>, ptr %address, !dbg !13\n  %i.next =");
  replace("%i.next, 100", "%i.next, %rounds");
  return ir;
}

TEST(KernelModel, everyTaskCountsWhereTasksDiffer) {
  // So many blocks that caches are not simulated for all of them.
  constexpr int64_t kTasks = 400000;
  double rounds = 0;
  for (int64_t task = 0; task < kTasks; ++task)
    rounds += double(task / 16384 + 2);
  KernelModel found = model(kTasks, 1e9, 4, irOfUnevenTasks());
  double expected = 4 * rounds + double(kTasks) * missed();
  EXPECT_NEAR(found.cycles / expected, 1, 0.01);
  CacheTraffic traffic;
  for (const BlockModel &block : found.blocks)
    traffic += block.traffic;
  EXPECT_NEAR(traffic.fresh / (64 * rounds), 1, 1e-2) << "every line once";
  // The last thread has the most, and leaves some of it to others.
  EXPECT_GT(found.longest, found.cycles / 4);
  EXPECT_LT(found.longest, 1.2 * found.cycles / 4);
}
