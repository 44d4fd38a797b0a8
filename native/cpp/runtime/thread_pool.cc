#include "runtime/thread_pool.h"

#include <chrono>

namespace videoclip {
namespace {

// Waking a sleeping thread takes 20 to 50 us in a virtual machine, as long as many an instruction. So a thread that
// waits for another looks for this long before it sleeps: the gap between two instructions of a program is shorter.
constexpr std::chrono::microseconds kLook{50};

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns when `ready()`, or when it has not been for kLook.
template <typename Ready>
void look(const Ready& ready) {
  const auto end = std::chrono::steady_clock::now() + kLook;
  while (!ready()) {
    for (int i = 0; i < 8; ++i) pause();
    if (std::chrono::steady_clock::now() >= end) return;
  }
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& t : workers_) t.join();
}

void ThreadPool::drain(int thread) {
  for (int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) task_(context_, i, thread);
}

void ThreadPool::run(int64_t tasks, Task task, const void* context) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    task_ = task;
    context_ = context;
    tasks_ = tasks;
    next_.store(0, std::memory_order_relaxed);
    busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);  // publishes all of the above
  }
  wake_.notify_all();
  drain(0);
  const auto done = [this] { return busy_.load(std::memory_order_acquire) == 0; };
  look(done);
  if (done()) return;
  std::unique_lock<std::mutex> lock(mutex_);
  done_.wait(lock, done);
}

void ThreadPool::work(int thread) {
  uint64_t seen = 0;
  const auto called = [&] { return generation_.load(std::memory_order_acquire) != seen; };
  for (;;) {
    look(called);
    if (!called()) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || called(); });
      if (stop_) return;
    }
    seen = generation_.load(std::memory_order_acquire);
    drain(thread);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) > 1) continue;
    std::lock_guard<std::mutex> lock(mutex_);  // the caller is looking, or waits already
    done_.notify_one();
  }
}

}  // namespace videoclip
