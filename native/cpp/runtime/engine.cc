#include "runtime/engine.h"

namespace videoclip {
namespace {

const Failure kDisposed{StatusCode::disposed, "disposed"};

}  // namespace

Engine::Engine(std::unique_ptr<Executor> executor, std::function<void(std::unique_ptr<Job>)> completed)
    : executor_(std::move(executor)),
      store_(executor_->parameter_memory()),
      buffers_(executor_->staging_memory()),
      completed_(std::move(completed)),
      thread_([this] { loop(); }) {}

void Engine::submit(std::unique_ptr<Job> job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!stop_) {
      queue_.push_back(std::move(job));
      wake_.notify_one();
      return;
    }
  }
  job->failure = kDisposed;
  completed_(std::move(job));
}

void Engine::cancel(int64_t id) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto* list : {&begun_, &queue_}) {
    for (auto& job : *list) {
      if (job->id == id) job->run.cancelled = true;
    }
  }
}

void Engine::stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stop_) return;
    stop_ = true;
    for (auto& job : begun_) job->run.cancelled = true;
    wake_.notify_one();
  }
  thread_.join();
}

void Engine::complete(std::unique_ptr<Job> job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stop_ && job->failure.code == StatusCode::cancelled) job->failure = kDisposed;
  }
  completed_(std::move(job));
}

void Engine::loop() {
  for (;;) {
    Job* job = nullptr;
    bool stopping, full;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !queue_.empty() || !begun_.empty(); });
      stopping = stop_;
      full = begun_.size() >= executor_->depth();
      if (queue_.empty() && begun_.empty()) return;
      if (!queue_.empty() && !full) {
        // the list holds a job while it runs, so that it can be cancelled
        begun_.push_back(std::move(queue_.front()));
        queue_.pop_front();
        job = begun_.back().get();
      }
    }
    if (job) {
      if (stopping) {
        job->failure = kDisposed;
      } else {
        if (!job->run.cancelled) gather(job->run);
        executor_->begin(*job, store_);
      }
      // The next job may begin while this one runs.
      if (!job->failure && executor_->depth() > 1) continue;
    }
    if (job && job->failure) {
      // The job failed at once; the jobs before it continue.
      std::unique_ptr<Job> failed;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        failed = std::move(begun_.back());
        begun_.pop_back();
      }
      complete(std::move(failed));
      continue;
    }
    Job* oldest;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      oldest = begun_.front().get();
    }
    executor_->finish(*oldest);
    std::unique_ptr<Job> done;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      done = std::move(begun_.front());
      begun_.pop_front();
    }
    complete(std::move(done));
  }
}

}  // namespace videoclip
