#include <chrono>
#include <cstring>

#include "runtime/executor.h"

namespace videoclip {
namespace {

// Jobs run one after another on the engine thread and a thread pool; they may be cancelled between instructions. One
// arena and one workspace serve all programs.
class CpuExecutor : public Executor {
 public:
  CpuExecutor(Backend backend, int threads) : backend_(backend), pool_(threads) {}

  Backend backend() const override { return backend_; }
  int threads() const override { return pool_.threads(); }
  Status write(char* to, const char* from, size_t bytes) override {
    std::memcpy(to, from, bytes);
    return {};
  }
  Status read(char* to, const char* from, size_t bytes) override {
    std::memcpy(to, from, bytes);
    return {};
  }
  size_t scratch_bytes() const override { return scratch_bytes_.load(); }

  void begin(Job& job, const ParameterStore& store) override {
    const Program& program = *job.program;
    if (!grow(arena_, program.arena_bytes) || !grow(workspace_, program.workspace_bytes)) {
      job.failure = kOutOfMemory;
      return;
    }
    scratch_bytes_ = arena_->size() + workspace_->size();
    Spaces spaces{arena_->data(), workspace_->data(), reinterpret_cast<char*>(job.run.scalars.data()), {}, {}};
    for (const Input& input : job.run.inputs) spaces.inputs.push_back(input.front().data);
    for (const Bytes& output : job.run.outputs) spaces.outputs.push_back(output.data);
    Bound bound;
    job.failure = bind(program, store, spaces, &bound);
    for (size_t i = 0; !job.failure && i < program.instructions.size(); ++i) {
      if (job.run.cancelled.load(std::memory_order_relaxed)) {
        job.failure = kCancelled;
        break;
      }
      const auto start = std::chrono::steady_clock::now();
      const Status status = run_instruction(program, bound, i, &pool_, nullptr);
      if (!status) job.failure = Failure(status);
      const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
      if (job.run.timing == Timing::instructions) job.run.milliseconds[i] = elapsed.count();
      if (job.run.timing == Timing::whole) job.run.milliseconds[0] += elapsed.count();
    }
  }

  void finish(Job&) override {}

 private:
  Backend backend_;
  ThreadPool pool_;
  std::unique_ptr<Buffer> arena_ = std::make_unique<Buffer>(), workspace_ = std::make_unique<Buffer>();
  std::atomic<size_t> scratch_bytes_{0};
};

}  // namespace

std::unique_ptr<Executor> make_cpu_executor(Backend backend, int threads) {
  return std::make_unique<CpuExecutor>(backend, threads);
}

}  // namespace videoclip
