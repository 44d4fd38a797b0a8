#include "runtime/thread_pool.h"

#include <chrono>

namespace videoclip {
namespace {

// Waking a sleeping thread takes 20 to 50 us in a virtual machine, as long as many instructions. A thread that waits
// for another therefore polls for this time before it sleeps; the gap between two instructions of a program is shorter.
constexpr std::chrono::microseconds kPollTime{50};

constexpr uint64_t kMaxTasks = 0xffffffff;

inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns when `ready()`, or after kPollTime.
template <typename Ready>
void poll(const Ready& ready) {
  const auto end = std::chrono::steady_clock::now() + kPollTime;
  while (!ready()) {
    for (int i = 0; i < 8; ++i) pause();
    if (std::chrono::steady_clock::now() >= end) return;
  }
}

}  // namespace

// -1 when there is none left.
int64_t ThreadPool::Range::take_first() {
  uint64_t old = left.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t begin = old & kMaxTasks, end = old >> 32;
    if (begin >= end) return -1;
    if (left.compare_exchange_weak(old, old + 1, std::memory_order_relaxed)) return static_cast<int64_t>(begin);
  }
}

int64_t ThreadPool::Range::take_last() {
  uint64_t old = left.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t begin = old & kMaxTasks, end = old >> 32;
    if (begin >= end) return -1;
    if (left.compare_exchange_weak(old, begin | (end - 1) << 32, std::memory_order_relaxed)) {
      return static_cast<int64_t>(end - 1);
    }
  }
}

ThreadPool::ThreadPool(int threads) : ranges_(static_cast<size_t>(threads < 1 ? 1 : threads)) {
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
  for (int64_t i; (i = ranges_[static_cast<size_t>(thread)].take_first()) >= 0;) task_(context_, i, thread);
  for (size_t other = 1; other < ranges_.size(); ++other) {
    Range& range = ranges_[(static_cast<size_t>(thread) + other) % ranges_.size()];
    for (int64_t i; (i = range.take_last()) >= 0;) task_(context_, i, thread);
  }
}

void ThreadPool::run(int64_t tasks, Task task, const void* context) {
  if (tasks > static_cast<int64_t>(kMaxTasks)) {
    for (int64_t i = 0; i < tasks; ++i) task(context, i, 0);
    return;
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    task_ = task;
    context_ = context;
    const uint64_t all = static_cast<uint64_t>(tasks), share = ranges_.size();
    for (uint64_t i = 0; i < share; ++i) {
      ranges_[i].left.store(i * all / share | (i + 1) * all / share << 32, std::memory_order_relaxed);
    }
    busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_release);  // publishes all of the above
  }
  wake_.notify_all();
  drain(0);
  const auto done = [this] { return busy_.load(std::memory_order_acquire) == 0; };
  poll(done);
  if (done()) return;
  std::unique_lock<std::mutex> lock(mutex_);
  done_.wait(lock, done);
}

void ThreadPool::work(int thread) {
  uint64_t seen = 0;
  const auto called = [&] { return generation_.load(std::memory_order_acquire) != seen; };
  for (;;) {
    poll(called);
    if (!called()) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || called(); });
      if (stop_) return;
    }
    seen = generation_.load(std::memory_order_acquire);
    drain(thread);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) > 1) continue;
    // The caller is polling, or already waits.
    std::lock_guard<std::mutex> lock(mutex_);
    done_.notify_one();
  }
}

}  // namespace videoclip
