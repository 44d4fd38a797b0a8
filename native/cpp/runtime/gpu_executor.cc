#include <array>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>

#include "runtime/executor.h"
#include "runtime/gpu.h"
#include "runtime/message.h"

namespace videoclip {
namespace {

// Jobs run as CUDA graphs on one stream. Inputs are copied on a second stream and outputs on a third, so that the
// copies of one job overlap the kernels of another. A program has two slots of device memory for inputs and outputs.
class GpuExecutor : public Executor {
 public:
  explicit GpuExecutor(std::unique_ptr<Gpu> gpu)
      : gpu_(std::move(gpu)),
        memory_(gpu_->device_memory()),
        pinned_(gpu_->pinned_memory()),
        made_(first_error({gpu_->make_stream(&compute_), gpu_->make_stream(&in_), gpu_->make_stream(&out_),
                           gpu_->make_stream(&move_), gpu_->make_event(&moved_)})) {}

  ~GpuExecutor() override {
    if (!gpu_->use()) return;
    for (auto& [program, state] : programs_) state->release(*gpu_);
  }

  Backend backend() const override { return gpu_->backend(); }
  std::string hardware() const override { return gpu_->name(); }
  MemoryPtr parameter_memory() const override { return memory_; }
  MemoryPtr staging_memory() const override { return pinned_; }
  size_t depth() const override { return kSlots; }
  size_t scratch_bytes() const override { return scratch_bytes_.load(); }

  Status write(char* to, const char* from, size_t bytes) override {
    std::lock_guard<std::mutex> lock(move_mutex_);
    return first_error({made_, gpu_->use(), gpu_->copy_in(to, from, bytes, move_), gpu_->record(moved_, move_),
                        gpu_->synchronize(moved_)});
  }
  Status read(char* to, const char* from, size_t bytes) override {
    std::lock_guard<std::mutex> lock(move_mutex_);
    return first_error({made_, gpu_->use(), gpu_->copy_out(to, from, bytes, move_), gpu_->record(moved_, move_),
                        gpu_->synchronize(moved_)});
  }

  bool pins() const override { return true; }
  Status pin(char* data, size_t bytes) override { return gpu_->pin(data, bytes); }
  Status unpin(char* data) override { return gpu_->unpin(data); }

  void begin(Job& job, const ParameterStore& store) override {
    if (job.run.cancelled.load(std::memory_order_relaxed)) {
      job.failure = kCancelled;
      return;
    }
    if (const Status status = first_error({made_, gpu_->use()}); !status) return fail(job, status);
    drop_old_programs();
    const Program& program = *job.program;
    State& state = state_of(job.program);
    Slot* slot = &state.slots[state.next];
    if (const Status status = prepare(program, *slot); !status) return fail(job, status);
    if (!make_room(program)) {
      job.failure = kOutOfMemory;
      return;
    }
    Spaces spaces{arena_->data(), workspace_->data(), slot->scalars->data(), {}, {}};
    for (auto& buffer : slot->inputs) spaces.inputs.push_back(buffer->data());
    for (auto& buffer : slot->outputs) spaces.outputs.push_back(buffer->data());
    Bound bound;
    job.failure = bind(program, store, spaces, &bound);
    if (job.failure) return;

    // The slot's last job has finished, so its inputs are no longer read.
    Status status;
    const auto then = [&](Status next) {
      if (status) status = next;
    };
    for (size_t i = 0; i < slot->inputs.size(); ++i) {
      char* to = spaces.inputs[i];
      for (const Piece& piece : job.run.inputs[i]) {
        then(gpu_->copy_in(to, piece.data, piece.bytes, in_));
        to += piece.bytes;
      }
    }
    if (program.scalars) {  // from pinned memory, because a copy of pageable memory waits for the inputs
      std::memcpy(slot->pinned_scalars->data(), job.run.scalars.data(), program.scalars * sizeof(float));
      then(gpu_->copy_in(spaces.scalars, slot->pinned_scalars->data(), program.scalars * sizeof(float), in_));
    }
    then(gpu_->record(slot->copied_in, in_));
    then(gpu_->wait(compute_, slot->copied_in));
    then(gpu_->poison(arena_->data(), program.arena_bytes, compute_));
    then(gpu_->poison(workspace_->data(), program.workspace_bytes, compute_));
    if (status) {
      const auto run = [&] { return state.has_run ? run_graph(program, *slot, bound) : run_all(program, bound); };
      then(job.run.timing == Timing::instructions ? run_timed(job, bound)
           : job.run.timing == Timing::whole      ? timed(run, &job.run.milliseconds[0])
                                                  : run());
    }
    then(gpu_->record(slot->computed, compute_));
    then(gpu_->wait(out_, slot->computed));
    for (size_t i = 0; i < slot->outputs.size() && status; ++i) {
      then(gpu_->copy_out(job.run.outputs[i].data, spaces.outputs[i], program.output_bytes[i], out_));
    }
    then(gpu_->record(slot->copied_out, out_));
    if (!status) {
      drain(*slot);
      return fail(job, status);
    }
    slot->parameters = std::move(bound.parameters);
    // Only now, because a job that fails before leaves the slot to the next one.
    state.next = (state.next + 1) % kSlots;
    state.has_run = true;
    begun_.push_back(slot);
  }

  void finish(Job& job) override {
    Slot* slot = begun_.front();
    begun_.pop_front();
    if (const Status status = gpu_->synchronize(slot->copied_out); !status) return fail(job, status);
    if (job.run.cancelled.load(std::memory_order_relaxed)) job.failure = kCancelled;
  }

 private:
  static constexpr size_t kSlots = 2;

  struct Slot {
    std::vector<std::unique_ptr<Buffer>> inputs, outputs;
    std::unique_ptr<Buffer> scalars, pinned_scalars;
    Gpu::Event copied_in = nullptr, computed = nullptr, copied_out = nullptr;
    Gpu::Graph graph = nullptr;
    std::vector<char*> captured;        // the addresses that the graph holds
    std::vector<BufferPtr> parameters;  // kept while the job runs
  };

  struct State {
    std::weak_ptr<const Program> program;
    std::array<Slot, kSlots> slots;
    size_t next = 0;  // the slot of the next job
    // The first run is without a graph: many programs run once, and kernels are loaded outside a capture.
    bool has_run = false;
    void release(Gpu& gpu) {
      for (Slot& slot : slots) {
        if (slot.graph) gpu.release(slot.graph);
        for (Gpu::Event event : {slot.copied_in, slot.computed, slot.copied_out}) gpu.release_event(event);
      }
    }
  };

  static Status first_error(std::initializer_list<Status> list) {
    for (const Status& status : list) {
      if (!status) return status;
    }
    return {};
  }

  static bool is_set(const char* name) {
    const char* value = std::getenv(name);
    return value && *value && std::string(value) != "0";
  }

  static void fail(Job& job, const Status& status) { job.failure = Failure(status); }

  // Waits for all work that a failed job has put on the streams, because its memory is freed when it completes.
  void drain(Slot& slot) {
    for (Gpu::Stream stream : {in_, compute_, out_}) {
      if (gpu_->record(slot.copied_out, stream)) (void)gpu_->synchronize(slot.copied_out);
    }
  }

  void drop_old_programs() {
    if (!begun_.empty()) return;
    for (auto i = programs_.begin(); i != programs_.end();) {
      if (i->second->program.expired()) {
        i->second->release(*gpu_);
        i = programs_.erase(i);
      } else {
        ++i;
      }
    }
  }

  State& state_of(const std::shared_ptr<const Program>& program) {
    auto& state = programs_[program.get()];
    if (!state || state->program.expired()) {  // a new program may have the address of an old one
      if (state) state->release(*gpu_);
      state = std::make_unique<State>();
      state->program = program;
    }
    return *state;
  }

  // Makes the memory and the events of a slot at its first use.
  Status prepare(const Program& program, Slot& slot) {
    if (slot.copied_in) return {};
    Slot made;
    bool failed = false;
    const auto make = [&](size_t bytes, const MemoryPtr& memory) {
      auto buffer = std::make_unique<Buffer>(bytes, memory);
      failed = failed || buffer->failed();
      return buffer;
    };
    for (size_t bytes : program.input_bytes) made.inputs.push_back(make(bytes, memory_));
    for (size_t bytes : program.output_bytes) made.outputs.push_back(make(bytes, memory_));
    made.scalars = make(program.scalars * sizeof(float), memory_);
    made.pinned_scalars = make(program.scalars * sizeof(float), pinned_);
    if (failed) return {"out of memory", StatusCode::out_of_memory};
    const Status events = first_error(
        {gpu_->make_event(&made.copied_in), gpu_->make_event(&made.computed), gpu_->make_event(&made.copied_out)});
    if (events) slot = std::move(made);
    return events;
  }

  // Arena and workspace serve all programs. They may move only when no job is in flight; graphs detect the move by the
  // address.
  bool make_room(const Program& program) {
    if (program.arena_bytes > arena_->size() || program.workspace_bytes > workspace_->size()) {
      for (Slot* slot : begun_) {
        if (!gpu_->synchronize(slot->copied_out)) return false;
      }
    }
    const bool made = grow(arena_, program.arena_bytes, memory_) && grow(workspace_, program.workspace_bytes, memory_);
    scratch_bytes_ = arena_->size() + workspace_->size();
    return made;
  }

  Status run_all(const Program& program, const Bound& bound) {
    for (size_t i = 0; i < program.instructions.size(); ++i) {
      if (const Status status = run_one(program, bound, i); !status) return status;
    }
    return {};
  }

  Status run_one(const Program& program, const Bound& bound, size_t i) {
    if (ranges_) gpu_->begin_range(program.instructions[i].op.c_str());
    Status status = run_instruction(program, bound, i, nullptr, compute_, gpu_->traits());
    if (checks_ && status) status = gpu_->synchronize_stream(compute_);
    if (ranges_) gpu_->end_range();
    return checks_ && !status ? located(program, i, status) : status;
  }

  static Status located(const Program& program, size_t index, const Status& status) {
    const Instruction& i = program.instructions[index];
    const std::string layer = i.layer.empty() ? "" : "layer " + i.layer + ", ";
    return {keep_message(i.op + " (" + layer + "instruction " + std::to_string(index) + " of " +
                         std::to_string(program.instructions.size()) + "): " + status.error),
            status.code};
  }

  // A graph is captured once, and again when a parameter, the arena or the workspace has moved.
  Status run_graph(const Program& program, Slot& slot, const Bound& bound) {
    if (ranges_ || checks_) return run_all(program, bound);  // a graph shows neither ranges nor the faulty instruction
    std::vector<char*> addresses{arena_->data(), workspace_->data()};
    for (const BufferPtr& parameter : bound.parameters) addresses.push_back(parameter->data());
    if (!slot.graph || addresses != slot.captured) {
      if (slot.graph) gpu_->release(slot.graph);
      slot.graph = nullptr;
      if (const Status status = gpu_->begin_capture(compute_); !status) return status;
      const Status run = run_all(program, bound);
      const Status end = gpu_->end_capture(compute_, &slot.graph);
      if (const Status status = first_error({run, end}); !status) {
        if (slot.graph) gpu_->release(slot.graph);  // the part that was captured before the error
        slot.graph = nullptr;
        return status;
      }
      slot.captured = std::move(addresses);
    }
    return gpu_->launch(slot.graph, compute_);
  }

  Status make_marks(size_t count) {
    while (marks_.size() < count) {
      Gpu::Event mark = nullptr;
      if (const Status status = gpu_->make_event(&mark, Gpu::EventUse::timing); !status) return status;
      marks_.push_back(mark);
    }
    return {};
  }

  // Runs with an event before and after, and waits for the second.
  template <class F>
  Status timed(const F& run, double* milliseconds) {
    if (const Status status = first_error({make_marks(2), gpu_->record(marks_[0], compute_)}); !status) return status;
    if (const Status status = run(); !status) return status;
    return first_error({gpu_->record(marks_[1], compute_), gpu_->synchronize(marks_[1]),
                        gpu_->elapsed(marks_[0], marks_[1], milliseconds)});
  }

  // Runs instruction by instruction, with an event before and after each.
  Status run_timed(Job& job, const Bound& bound) {
    if (const Status status = make_marks(job.program->instructions.size() + 1); !status) return status;
    if (const Status status = gpu_->record(marks_[0], compute_); !status) return status;
    for (size_t i = 0; i < job.program->instructions.size(); ++i) {
      const Status status = first_error({run_one(*job.program, bound, i), gpu_->record(marks_[i + 1], compute_)});
      if (!status) return status;
    }
    if (const Status status = gpu_->synchronize(marks_[job.program->instructions.size()]); !status) return status;
    for (size_t i = 0; i < job.program->instructions.size(); ++i) {
      const Status status = gpu_->elapsed(marks_[i], marks_[i + 1], &job.run.milliseconds[i]);
      if (!status) return status;
    }
    return {};
  }

  std::unique_ptr<Gpu> gpu_;
  MemoryPtr memory_, pinned_;
  Gpu::Stream compute_ = nullptr, in_ = nullptr, out_ = nullptr, move_ = nullptr;
  Gpu::Event moved_ = nullptr;
  const Status made_;  // the status of making the streams and the event
  std::mutex move_mutex_;
  const bool ranges_ = std::getenv("VIDEOCLIP_NVTX") != nullptr;
  // Waits after each instruction, so that an error names the instruction that caused it.
  const bool checks_ = is_set("VIDEOCLIP_CUDA_CHECK");
  std::unique_ptr<Buffer> arena_ = std::make_unique<Buffer>(), workspace_ = std::make_unique<Buffer>();
  std::atomic<size_t> scratch_bytes_{0};
  std::map<const Program*, std::unique_ptr<State>> programs_;
  std::deque<Slot*> begun_;
  std::vector<Gpu::Event> marks_;
};

}  // namespace

std::unique_ptr<Executor> make_gpu_executor(std::unique_ptr<Gpu> gpu) {
  return std::make_unique<GpuExecutor>(std::move(gpu));
}

}  // namespace videoclip
