#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "runtime/buffer_pool.h"
#include "runtime/program.h"

namespace videoclip {

struct Job {
  int64_t id = 0;
  std::shared_ptr<const Program> program;
  Run run;
  std::vector<bool> in_place;  // which outputs are written into an array of the caller's
  std::string error;
};

// One device: a thread that owns a queue of jobs, a thread pool, one arena and one workspace shared by all programs.
class Engine {
 public:
  // `completed` is called on the engine thread, once for every submitted job.
  Engine(Isa isa, int threads, std::function<void(std::unique_ptr<Job>)> completed);
  ~Engine() { stop(); }

  Isa isa() const { return isa_; }
  int threads() const { return pool_.threads(); }
  ParameterStore& parameters() { return store_; }
  BufferPool& buffers() { return buffers_; }
  size_t scratch_bytes() const { return scratch_bytes_.load(); }

  void submit(std::unique_ptr<Job> job);
  void cancel(int64_t id);
  // Cancels everything, waits for the instruction in flight and joins. Queued jobs complete with the error "disposed".
  void stop();

 private:
  void loop();
  void process(Job& job);

  Isa isa_;
  ThreadPool pool_;
  ParameterStore store_;
  BufferPool buffers_;
  std::function<void(std::unique_ptr<Job>)> completed_;
  std::unique_ptr<Buffer> arena_ = std::make_unique<Buffer>(), workspace_ = std::make_unique<Buffer>();
  std::atomic<size_t> scratch_bytes_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> queue_;
  Job* running_ = nullptr;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace videoclip
