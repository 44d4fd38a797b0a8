#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "runtime/executor.h"

namespace videoclip {

// One device: a thread that owns a queue of jobs, the executor that runs them, and the parameters of the device.
class Engine {
 public:
  // `completed` is called on the engine thread, once for every submitted job.
  Engine(std::unique_ptr<Executor> executor, std::function<void(std::unique_ptr<Job>)> completed);
  ~Engine() { stop(); }

  Backend backend() const { return executor_->backend(); }
  int threads() const { return executor_->threads(); }
  ParameterStore& parameters() { return store_; }
  BufferPool& buffers() { return buffers_; }
  size_t scratch_bytes() const { return executor_->scratch_bytes(); }
  Executor& executor() { return *executor_; }

  void submit(std::unique_ptr<Job> job);
  void cancel(int64_t id);
  // Cancels all jobs, waits for those in flight, and joins the thread. Queued jobs fail with the code `disposed`.
  void stop();

 private:
  void loop();
  void complete(std::unique_ptr<Job> job);

  std::unique_ptr<Executor> executor_;
  ParameterStore store_;
  BufferPool buffers_;
  std::function<void(std::unique_ptr<Job>)> completed_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> queue_, begun_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace videoclip
