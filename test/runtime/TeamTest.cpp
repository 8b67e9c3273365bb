// A team does every task of a job once, whatever the numbers of threads and tasks, and however late a thread is.
#include "runtime/Team.h"

#include <gtest/gtest.h>

#include <chrono>

using kinu::rt::Team;

namespace {

TEST(Team, EveryTaskIsDoneOnce) {
  for (int threads : {1, 2, 3, 8}) {
    Team team(threads, [](int) {});
    for (int64_t tasks : {0, 1, 2, 7, 64, 1000}) {
      for (int round = 0; round < 200; ++round) {
        std::vector<std::atomic<int>> done(size_t(tasks) + 1);
        auto work = [&](int thread, int64_t begin, int64_t end) {
          EXPECT_TRUE(thread >= 0 && thread < threads);
          EXPECT_LT(begin, end);
          for (int64_t task = begin; task < end; ++task)
            ++done[size_t(task)];
        };
        team.run(tasks, std::ref(work));
        for (int64_t task = 0; task < tasks; ++task)
          ASSERT_EQ(done[size_t(task)], 1) << task << " of " << tasks << " on " << threads;
      }
    }
  }
}

TEST(Team, ThreadsThatFellAsleepAreWoken) {
  Team team(2, [](int) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  std::atomic<bool> other{false};
  auto work = [&](int thread, int64_t, int64_t) {
    other = other || thread == 1;
    for (int wait = 0; wait < 10000 && !other; ++wait) // ten seconds at most
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  team.run(2, std::ref(work));
  EXPECT_TRUE(other);
}

TEST(Team, WhoIsDoneTakesPiecesOfOthers) {
  Team team(2, [](int) {});
  std::atomic<int64_t> byMain{0};
  auto work = [&](int thread, int64_t begin, int64_t end) {
    if (thread == 0)
      byMain += end - begin;
    else
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  team.run(80, std::ref(work));
  EXPECT_GT(byMain, 40);
}

TEST(Team, EveryThreadIsSetUpBeforeItWorks) {
  std::atomic<int> started{0};
  {
    Team team(4, [&](int thread) { started += thread; });
  }
  EXPECT_EQ(started, 1 + 2 + 3);
}

} // namespace
