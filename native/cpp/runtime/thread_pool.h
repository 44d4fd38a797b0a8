#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace videoclip {

// Fork-join over numbered tasks. The calling thread works too. Every thread begins with its own range of tasks, so that
// in the next instruction it reads the data it wrote in this one; when it has finished its range, it takes tasks from
// the ends of the other ranges. The thread of a task is therefore not fixed, and kernels never let a result depend on
// the thread or on the number of threads.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(task, thread) for every task in [0, tasks), and returns when all are done.
  template <typename Body>
  void parallel_for(int64_t tasks, const Body& body) {
    if (tasks <= 1 || workers_.empty()) {
      for (int64_t i = 0; i < tasks; ++i) body(i, 0);
      return;
    }
    run(
        tasks,
        [](const void* context, int64_t task, int thread) { (*static_cast<const Body*>(context))(task, thread); },
        &body);
  }

 private:
  using Task = void (*)(const void*, int64_t, int);
  // The tasks of a thread that have not been taken, as end << 32 | begin.
  struct alignas(64) Range {
    std::atomic<uint64_t> left{0};
    int64_t take_first();
    int64_t take_last();
  };
  void run(int64_t tasks, Task task, const void* context);
  void drain(int thread);
  void work(int thread);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<uint64_t> generation_{0};
  bool stop_ = false;
  std::atomic<int> busy_{0};
  Task task_ = nullptr;
  const void* context_ = nullptr;
  std::vector<Range> ranges_;
};

}  // namespace videoclip
