// Counting blocks by following integers: loops of all forms, calls, branches, and what cannot be followed.
#include "compiler/report/ControlFlow.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"

#include <gtest/gtest.h>

using namespace kinu::report;

namespace {
/// Numbers the blocks of a module as emit::listKernel does, by giving their terminators a line each.
struct Counted {
  explicit Counted(const std::string &text) {
    std::string numbered = text;
    llvm::SMDiagnostic diagnostic;
    module = llvm::parseAssemblyString(numbered, diagnostic, context);
    EXPECT_TRUE(module) << diagnostic.getMessage().str();
  }
  /// Counts, and expects the same of a walk through every block, and of the memory of having counted.
  ControlFlowCounts run(int64_t begin, int64_t end) {
    ControlFlow flow(*module->getFunction("kernel"), 4);
    ControlFlowCounts counts = llvm::cantFail(flow.run(begin, end));
    auto ignore = [](unsigned, int64_t, llvm::ArrayRef<MemoryAccess>) {};
    for (const ControlFlowCounts &other :
         {llvm::cantFail(flow.run(begin, end, ignore)), llvm::cantFail(flow.run(begin, end))})
      for (size_t i = 0; i < counts.size(); ++i) {
        EXPECT_EQ(other[i].runs, counts[i].runs);
        EXPECT_EQ(other[i].entries, counts[i].entries);
      }
    return counts;
  }
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
};
} // namespace

/// Lines 1 to 9 of a function's debug information, as !11 to !19.
static const std::string kLines = R"(
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
!14 = !DILocation(line: 4, scope: !10)
!20 = distinct !DISubprogram(name: "inner", file: !2, line: 5, type: !3, spFlags: DISPFlagDefinition, unit: !1)
!25 = !DILocation(line: 5, scope: !20)
!26 = !DILocation(line: 6, scope: !20)
!27 = !DILocation(line: 7, scope: !20)
)";

// for task in [begin, end): for (i = 0; i < 1000; i += 16)
TEST(ControlFlow, nestedLoopsRunAsOftenAsTheyCount) {
  Counted counted(R"(
define void @kernel(ptr %buffers, ptr %scratch, i64 %begin, i64 %end) !dbg !10 {
entry:
  br label %tasks, !dbg !11
tasks:
  %task = phi i64 [ %begin, %entry ], [ %next, %done ]
  br label %body, !dbg !12
body:
  %i = phi i64 [ 0, %tasks ], [ %i.next, %body ]
  %i.next = add nuw nsw i64 %i, 16
  %more = icmp slt i64 %i.next, 1000
  br i1 %more, label %body, label %done, !dbg !13
done:
  %next = add i64 %task, 1
  %again = icmp ne i64 %next, %end
  br i1 %again, label %tasks, label %exit, !dbg !14
exit:
  ret void, !dbg !11
})" + kLines);
  ControlFlowCounts counts = counted.run(3, 7);
  EXPECT_EQ(counts[2].runs, 4);
  EXPECT_EQ(counts[3].runs, 4 * 63);
  EXPECT_EQ(counts[3].entries, 4);
  EXPECT_EQ(counts[4].runs, 4);
}

// Rows of 16 floats, of which the odd ones are written back; 10 rows at once in a loop that is counted, not walked.
TEST(ControlFlow, accessesAreThoseOfAllRounds) {
  Counted counted(R"(
define void @kernel(ptr %buffers, ptr %scratch, i64 %begin, i64 %end) !dbg !10 {
entry:
  %a = load ptr, ptr %buffers
  %entry1 = getelementptr i8, ptr %buffers, i64 8
  %b = load ptr, ptr %entry1
  %first = getelementptr float, ptr %a, i64 %begin
  br label %body, !dbg !11
body:
  %i = phi i64 [ 0, %entry ], [ %i.next, %body ]
  %from = getelementptr [16 x float], ptr %first, i64 %i
  %x = load <16 x float>, ptr %from
  %to = getelementptr [32 x float], ptr %b, i64 %i
  store <16 x float> %x, ptr %to, !nontemporal !30
  %i.next = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %i.next, 10
  br i1 %more, label %body, label %done, !dbg !12
done:
  store float 0.0, ptr %scratch
  ret void, !dbg !13
}
!30 = !{i32 1}
)" + kLines);
  std::vector<std::pair<int64_t, MemoryAccess>> found;
  ControlFlow flow(*counted.module->getFunction("kernel"), 4);
  auto keep = [&](unsigned, int64_t rounds, llvm::ArrayRef<MemoryAccess> accesses) {
    for (const MemoryAccess &access : accesses)
      found.push_back({rounds, access});
  };
  llvm::cantFail(flow.run(3, 4, keep));
  ASSERT_EQ(found.size(), 5u); // two entries of the table come first
  auto [rounds, read] = found[2];
  EXPECT_EQ(rounds, 10);
  EXPECT_EQ(read.address, kBufferSpan + 3 * 4);
  EXPECT_EQ(read.bytes, 64);
  EXPECT_EQ(read.stride, 64);
  EXPECT_FALSE(read.writes || read.streams);
  MemoryAccess write = found[3].second;
  EXPECT_EQ(write.address, 2 * kBufferSpan);
  EXPECT_EQ(write.stride, 128);
  EXPECT_TRUE(write.writes && write.streams);
  EXPECT_EQ(found[4].second.address, kScratchAddress);
  flow.share(1, 0);
  found.clear();
  llvm::cantFail(flow.run(3, 4, keep));
  EXPECT_EQ(found[3].second.address, kBufferSpan) << "the result lies where the operand does";
}

// A loop that ends where pointers meet, and one that counts down past a stride: both are counted, not walked.
TEST(ControlFlow, loopsOverPointersAndDownwardsAreCounted) {
  Counted counted(R"(
define void @kernel(ptr %buffers, ptr %scratch, i64 %begin, i64 %end) !dbg !10 {
entry:
  %x = load ptr, ptr %buffers
  %last = getelementptr i8, ptr %x, i64 64000000000
  br label %up, !dbg !11
up:
  %p = phi ptr [ %x, %entry ], [ %p.next, %up ]
  %p.next = getelementptr float, ptr %p, i64 16
  %met = icmp eq ptr %p.next, %last
  br i1 %met, label %middle, label %up, !dbg !12
middle:
  br label %down, !dbg !13
down:
  %i = phi i32 [ 100, %middle ], [ %i.next, %down ]
  %i.next = add nsw i32 %i, -7
  %positive = icmp sgt i32 %i.next, 0
  br i1 %positive, label %down, label %exit, !dbg !14
exit:
  ret void, !dbg !11
})" + kLines);
  ControlFlowCounts counts = counted.run(0, 1);
  EXPECT_EQ(counts[2].runs, 1e9);
  EXPECT_EQ(counts[4].runs, 15);
}

// The remainder of a division decides; what a call does depends on its arguments; memory reads as 0.
TEST(ControlFlow, callsGetArgumentsAndMemoryIsZero) {
  Counted counted(R"(
define internal void @inner(ptr %x, i64 %k) !dbg !20 {
entry:
  %flag = load i8, ptr %x
  %no = icmp eq i8 %flag, 0
  br i1 %no, label %loop, label %exit, !dbg !25
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %next = add i64 %i, 1
  %done = icmp uge i64 %next, %k
  br i1 %done, label %exit, label %loop, !dbg !26
exit:
  ret void, !dbg !27
}
define void @kernel(ptr %buffers, ptr %scratch, i64 %begin, i64 %end) !dbg !10 {
entry:
  %slot = getelementptr ptr, ptr %buffers, i64 2
  %x = load ptr, ptr %slot
  %rest = urem i64 %end, 10
  %size = call i64 @llvm.smin.i64(i64 %rest, i64 5)
  call void @inner(ptr %x, i64 %size), !dbg !11
  call void @inner(ptr %x, i64 3), !dbg !11
  ret void, !dbg !11
}
declare i64 @llvm.smin.i64(i64, i64)
)" + kLines);
  EXPECT_EQ(counted.run(0, 12)[6].runs, 2 + 3);
  EXPECT_EQ(counted.run(0, 19)[6].runs, 5 + 3);
  EXPECT_EQ(counted.run(0, 19)[7].runs, 2);
}

// A loop whose end hangs on floats never ends here, and is refused rather than guessed.
TEST(ControlFlow, whatHangsOnFloatsIsRefused) {
  Counted counted(R"(
define void @kernel(ptr %buffers, ptr %scratch, i64 %begin, i64 %end) !dbg !10 {
entry:
  br label %loop, !dbg !11
loop:
  %x = phi float [ 1.0, %entry ], [ %half, %loop ]
  %half = fmul float %x, 0.5
  %small = fcmp olt float %half, 0.125
  br i1 %small, label %exit, label %loop, !dbg !12
exit:
  ret void, !dbg !13
})" + kLines);
  llvm::Expected<ControlFlowCounts> counts =
      ControlFlow(*counted.module->getFunction("kernel"), 4).run(0, 1, nullptr, 1000);
  ASSERT_FALSE(bool(counts));
  EXPECT_EQ(llvm::toString(counts.takeError()), "too many blocks to walk");
}
