// A team does every task of a job once, whatever the numbers of threads and tasks.
#include "runtime/Team.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

using kinu::rt::Team;

namespace {

TEST(Team, EveryTaskIsDoneOnce) {
  for (int threads : {1, 2, 3, 8}) {
    Team team(threads);
    for (int64_t tasks : {0, 1, 2, 7, 64, 1000}) {
      for (int round = 0; round < 200; ++round) {
        std::vector<std::atomic<int>> done(size_t(tasks) + 1);
        auto work = [&](int thread, int64_t begin, int64_t end) {
          EXPECT_TRUE(thread >= 0 && thread < threads);
          EXPECT_LT(begin, end);
          for (int64_t task = begin; task < end; ++task)
            ++done[size_t(task)];
        };
        team.run(tasks, work);
        for (int64_t task = 0; task < tasks; ++task)
          ASSERT_EQ(done[size_t(task)], 1) << task << " of " << tasks << " on " << threads;
      }
    }
  }
}

TEST(Team, WhoIsDoneTakesPiecesOfOthers) {
  Team team(2);
  std::atomic<int64_t> byMain{0};
  auto work = [&](int thread, int64_t begin, int64_t end) {
    if (thread == 0)
      byMain += end - begin;
    else
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  team.run(80, work);
  EXPECT_GT(byMain, 40);
}

} // namespace
