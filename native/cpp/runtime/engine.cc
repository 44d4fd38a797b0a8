#include "runtime/engine.h"

namespace videoclip {

Engine::Engine(Isa isa, int threads, std::function<void(std::unique_ptr<Job>)> completed)
    : isa_(isa), pool_(threads), completed_(std::move(completed)), thread_([this] { loop(); }) {}

void Engine::submit(std::unique_ptr<Job> job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!stop_) {
      queue_.push_back(std::move(job));
      wake_.notify_one();
      return;
    }
  }
  job->error = "disposed";
  completed_(std::move(job));
}

void Engine::cancel(int64_t id) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (running_ && running_->id == id) running_->run.cancelled = true;
  for (auto& job : queue_) {
    if (job->id == id) job->run.cancelled = true;
  }
}

void Engine::stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stop_) return;
    stop_ = true;
    if (running_) running_->run.cancelled = true;
    wake_.notify_one();
  }
  thread_.join();
}

void Engine::process(Job& job) {
  const auto grow = [](std::unique_ptr<Buffer>& buffer, size_t bytes) {
    if (bytes <= buffer->size()) return true;
    buffer = std::make_unique<Buffer>();  // give back first: the peak is then the new size alone
    buffer = std::make_unique<Buffer>(bytes);
    if (!buffer->failed()) return true;
    buffer = std::make_unique<Buffer>();
    return false;
  };
  if (!grow(arena_, job.program->arena_bytes) || !grow(workspace_, job.program->workspace_bytes)) {
    job.error = "out of memory";
    return;
  }
  scratch_bytes_ = arena_->size() + workspace_->size();
  job.error = execute(*job.program, job.run, store_, *arena_, *workspace_, pool_);
}

void Engine::loop() {
  for (;;) {
    std::unique_ptr<Job> job;
    bool stopping;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !queue_.empty(); });
      stopping = stop_;
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
      running_ = job.get();
    }
    if (stopping) {
      job->error = "disposed";
    } else {
      process(*job);
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      running_ = nullptr;
      if (stop_ && job->error == "cancelled") job->error = "disposed";
    }
    completed_(std::move(job));
  }
}

}  // namespace videoclip
