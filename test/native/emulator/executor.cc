// The executor, job by job on the emulated driver, which checks its rules: jobs that fail before they start, two
// devices in turn, programs that are dropped, and full devices.
#include "runtime/executor.h"

#include "check.h"
#include "emulator/driver.h"
#include "runtime/gpu.h"

namespace videoclip {
namespace emulated {
namespace {

constexpr int64_t kSize = 64;
constexpr size_t kBytes = kSize * sizeof(float);

struct AddArguments {
  Global<float> y;
  Global<const float> x, b;
};

__global__ void add_kernel(AddArguments p) {
  const uint32_t i = threadIdx.x;
  p.y.store(i, p.x.load(i) + p.b.load(i));
}

// y = x + b
Status add(const Call& call) {
  return launch<add_kernel>(
      Grid{}, kSize, 0, call.stream,
      AddArguments{global<float>(call.out[0]), global<const float>(call.in[0]), global<const float>(call.in[1])});
}

VIDEOCLIP_CUDA_KERNEL("example_add", add, no_workspace);

Operand row(Space space, int64_t id) {
  Operand o{space, id, 0, {}};
  o.view.rank = 1, o.view.shape[0] = kSize, o.view.strides[0] = 1;
  return o;
}

// y = (x + parameter 1) + scalars
std::shared_ptr<const Program> make_program() {
  // Not make_shared, with which the executor's weak reference would keep the memory.
  std::shared_ptr<Program> p(new Program);
  p->instructions = {
      {"example_add", nullptr, {}, {row(Space::input, 0), row(Space::parameter, 1)}, {row(Space::arena, 0)}, "first"},
      {"example_add", nullptr, {}, {row(Space::arena, 0), row(Space::scalar, 0)}, {row(Space::output, 0)}, "last"}};
  p->arena_bytes = kBytes;
  p->input_bytes = p->output_bytes = {kBytes};
  p->scalars = kSize;
  const Failure failure = p->link(Backend::cuda_emulated, 1);
  check(!failure, "link", failure.message.c_str());
  return p;
}

// An executor with the store of its parameters, and jobs whose expected result is known.
struct Setup {
  std::unique_ptr<Executor> executor;
  ParameterStore store{nullptr};

  explicit Setup(int device) : executor(open(device)), store(executor->parameter_memory()) { set_parameter(1); }

  static std::unique_ptr<Executor> open(int device) {
    std::string error;
    auto gpu = open_emulated(device, &error);
    check(gpu != nullptr, "open", error.c_str());
    return make_gpu_executor(std::move(gpu));
  }
  void set_parameter(float value) {
    check(store.allocate(1, kBytes), "memory of the parameter");
    const std::vector<float> values(kSize, value);
    check_ok(executor->write(store.find(1)->data(), reinterpret_cast<const char*>(values.data()), kBytes), "write");
  }
  std::unique_ptr<Job> prepare(const std::shared_ptr<const Program>& program, float x, float scalar,
                               size_t bytes = kBytes) {
    auto job = std::make_unique<Job>();
    job->program = program;
    const auto pinned = [&] { return std::make_shared<Buffer>(bytes, executor->staging_memory()); };
    const BufferPtr in = pinned(), out = pinned();
    for (int64_t i = 0; i < kSize; ++i) reinterpret_cast<float*>(in->data())[i] = x;
    job->run.inputs = {Input{{in, in->data(), bytes}}};
    job->run.outputs = {{out, out->data()}};
    job->run.scalars.assign(program->scalars, scalar);
    return job;
  }
  std::unique_ptr<Job> begin(const std::shared_ptr<const Program>& program, float x, float scalar,
                             size_t bytes = kBytes) {
    auto job = prepare(program, x, scalar, bytes);
    executor->begin(*job, store);
    return job;
  }
  void finish(const std::unique_ptr<Job>& job, float expected, const char* what) {
    executor->finish(*job);
    const float first = *reinterpret_cast<const float*>(job->run.outputs[0].data);
    check(!job->failure && first == expected, what,
          job->failure ? job->failure.message.c_str() : std::to_string(first).c_str());
  }
};

// A job that fails leaves its slot to the next one: the inputs of the job in flight stay.
void failing_jobs() {
  Setup s(0);
  const auto program = make_program();
  for (int round = 0; round < 4; ++round) {
    const auto before = s.begin(program, 10, 100);
    s.store.remove(1);
    const auto failing = s.begin(program, 20, 200);
    check(failing->failure.message.find("a parameter is missing") != std::string::npos, "a job without its parameter");
    s.set_parameter(1);
    const auto after = s.begin(program, 30, 300);
    s.finish(before, 111, "the job before a failing one");
    s.finish(after, 331, "the job after a failing one");
  }
}

void two_devices() {
  Setup first(0), second(1);
  first.set_parameter(1), second.set_parameter(2);
  auto program = make_program(), other = make_program();
  for (int round = 0; round < 4; ++round) {
    const auto a = first.begin(program, 10, 100), b = second.begin(other, 10, 200);
    const auto c = first.begin(program, 20, 300), d = second.begin(other, 20, 400);
    second.finish(b, 212, "a job of the second device");
    first.finish(a, 111, "a job of the first device");
    first.finish(c, 321, "the next job of the first device");
    second.finish(d, 422, "the next job of the second device");
  }
  program.reset();  // its graphs are dropped when the next program begins
  program = make_program();
  first.finish(first.begin(program, 1, 1), 3, "a program after another was dropped");
}

// y = x + parameter 1, for an input and an output that have room for more rows
std::shared_ptr<const Program> make_wide_program() {
  // Not make_shared, with which the executor's weak reference would keep the memory.
  std::shared_ptr<Program> p(new Program);
  p->instructions = {
      {"example_add", nullptr, {}, {row(Space::input, 0), row(Space::parameter, 1)}, {row(Space::output, 0)}, "only"}};
  p->input_bytes = p->output_bytes = {8 * kBytes};
  const Failure failure = p->link(Backend::cuda_emulated, 1);
  check(!failure, "link", failure.message.c_str());
  return p;
}

// A program that is made while a job is in flight may have the address of one that was freed, but not its memory.
void reused_address() {
  Setup s(0);
  const auto other = make_program();
  auto program = make_program();
  const Program* freed = program.get();
  for (int slot = 0; slot < 2; ++slot) s.finish(s.begin(program, 1, 1), 3, "a job before its program is freed");
  const auto in_flight = s.begin(other, 10, 100);
  program.reset();
  std::vector<std::shared_ptr<const Program>> made;
  while (made.size() < 64 && (made.empty() || made.back().get() != freed)) made.push_back(make_wide_program());
  check(made.back().get() == freed, "the address of a freed program is used again");
  const auto next = s.begin(made.back(), 20, 0, 8 * kBytes);
  s.finish(in_flight, 111, "the job in flight");
  if (!next->failure) s.finish(next, 21, "the job of the new program");
  check(!next->failure, "the new program", next->failure.message.c_str());
}

// An input is copied from pinned memory of the caller and of the executor, wherever its pieces are.
void pieces(bool early) {
  Setup s(0);
  const auto program = make_program();
  std::vector<float> own(kSize);
  char* data = reinterpret_cast<char*>(own.data());
  check_ok(s.executor->pin(data, kBytes), "pin");
  check(!s.executor->pin(data, kBytes), "memory is pinned once");
  const size_t pageable = emulator::pageable_copies(), copied = emulator::bytes_copied_in();
  for (int round = 0; round < 3; ++round) {  // without a graph, and with that of each slot
    for (size_t i = 0; i < kSize; ++i) own[i] = static_cast<float>(i);
    auto job = s.prepare(program, 1000, 0);
    const Piece whole = job->run.inputs[0][0];
    // [48, 64) of the caller's memory, 16 values of the executor's, [0, 32) of the caller's
    job->run.inputs[0] = {{nullptr, data + 48 * sizeof(float), 16 * sizeof(float)},
                          {whole.owner, whole.data, 16 * sizeof(float)},
                          {nullptr, data, 32 * sizeof(float)}};
    s.executor->begin(*job, s.store);
    if (round == 0 && !early) check(!s.executor->unpin(data), "memory of a job in flight stays pinned");
    s.finish(job, 48 + 1, "the first piece");
    const auto* y = reinterpret_cast<const float*>(job->run.outputs[0].data);
    for (size_t i = 0; i < kSize; ++i) {
      const float x = i < 16 ? static_cast<float>(48 + i) : i < 32 ? 1000 : static_cast<float>(i - 32);
      check(y[i] == x + 1, "an input of pieces", std::to_string(i).c_str());
    }
  }
  check(emulator::pageable_copies() == pageable, "pieces are copied from pinned memory");
  check(emulator::bytes_copied_in() == copied + 3 * 2 * kBytes, "inputs and scalars are copied once");
  check_ok(s.executor->unpin(data), "unpin");
  check(!s.executor->unpin(data), "memory is unpinned once");
}

void full_device() {
  Setup s(0);
  const auto program = make_program();
  s.finish(s.begin(program, 1, 1), 3, "a job before the device is full");
  emulator::set_memory_limit(emulator::memory_in_use() + kBytes);
  const auto failing = s.begin(make_program(), 1, 1);
  check(failing->failure.code == StatusCode::out_of_memory, "a full device", failing->failure.message.c_str());
  emulator::set_memory_limit(SIZE_MAX);
  s.finish(s.begin(program, 2, 1), 4, "a job after the device was full");
}

}  // namespace

void test_executor() {
  for (const bool early : {false, true}) {
    emulator::set_early_copies(early);
    const size_t before = emulator::pageable_copies();
    failing_jobs();
    two_devices();
    // 5 and 4 writes of parameters from pageable memory; everything else is pinned
    check(emulator::pageable_copies() - before == 9, "jobs copy no pageable memory");
    reused_address();
    full_device();
    pieces(early);
  }
  emulator::set_early_copies(false);
}

}  // namespace emulated
}  // namespace videoclip
