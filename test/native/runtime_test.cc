// The runtime and the CPU kernels without Node, for sanitizers: programs on one and on several threads must give the
// same bits, and cancelling, replacing parameters and stopping with queued jobs must be clean.
#include <cstdio>
#include <cstring>
#include <mutex>

#include "runtime/engine.h"

namespace videoclip {
namespace {

int failures = 0;

void check(bool ok, const char* what) {
  if (ok) return;
  ++failures;
  std::printf("FAIL %s\n", what);
}

Tensor dense(std::vector<int64_t> shape) {
  Tensor t;
  t.rank = static_cast<int>(shape.size());
  int64_t step = 1;
  for (int i = t.rank - 1; i >= 0; --i) {
    t.shape[i] = shape[static_cast<size_t>(i)];
    t.strides[i] = step;
    step *= t.shape[i];
  }
  return t;
}

Operand at(Space space, int64_t id, int64_t offset, std::vector<int64_t> shape) {
  return {space, id, offset, dense(std::move(shape))};
}

// x [2,3,9,7,5] -> conv 1x3x3 to 37 channels -> max-pool 3x3x3 -> global mean -> linear to 11 with sigmoid
std::shared_ptr<Program> make_program(Backend backend, int threads, std::string* error) {
  auto p = std::make_shared<Program>();
  const int64_t map = 2 * 3 * 9 * 7 * 37 * 4;
  const Operand none;
  const Operand a = at(Space::arena, 0, 0, {2, 3, 9, 7, 37}), b = at(Space::arena, 0, map, {2, 3, 9, 7, 37});
  const Operand mean = at(Space::arena, 0, 0, {2, 37});
  p->instructions = {
      {"conv3d",
       nullptr,
       {1, 37, 1, 1, 3, 3, 1, 1, 1, 0, 1, 1, 0, 1, 1, 37},
       {at(Space::input, 0, 0, {2, 3, 9, 7, 5}), at(Space::parameter, 2, 0, {1}), none, none, none},
       {a}},
      {"max_pool3d", nullptr, {3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0}, {a}, {b}},
      {"global_mean", nullptr, {}, {b}, {mean}},
      {"linear",
       nullptr,
       {1},
       {mean, at(Space::parameter, 4, 0, {1}), none, none, none},
       {at(Space::output, 0, 0, {2, 11})}},
  };
  p->arena_bytes = static_cast<size_t>(2 * map);
  p->input_bytes = {2 * 3 * 9 * 7 * 5 * 4};
  p->output_bytes = {2 * 11 * 4};
  *error = p->link(backend, threads).message;
  return p;
}

std::unique_ptr<Job> make_job(int64_t id, std::shared_ptr<const Program> program) {
  auto job = std::make_unique<Job>();
  job->id = id;
  for (size_t bytes : program->input_bytes) {
    auto buffer = std::make_shared<Buffer>(bytes);
    float* data = reinterpret_cast<float*>(buffer->data());
    for (size_t i = 0; i < bytes / 4; ++i) data[i] = static_cast<float>((i * 7) % 11) - 5;
    job->run.inputs.push_back({{buffer, buffer->data(), bytes}});
  }
  for (size_t bytes : program->output_bytes) {
    auto output = std::make_shared<Buffer>(bytes);
    job->run.outputs.push_back({output, output->data()});
  }
  job->program = std::move(program);
  return job;
}

void fill(ParameterStore& store, int64_t id, size_t count, int salt) {
  store.allocate(id, count * 4);
  float* data = reinterpret_cast<float*>(store.find(id)->data());
  for (size_t i = 0; i < count; ++i) data[i] = static_cast<float>((i * 5 + static_cast<size_t>(salt)) % 7) / 8 - 0.4f;
}

// Results of 30 jobs; every fifth job is cancelled immediately.
std::vector<std::string> run(Backend backend, int threads) {
  std::mutex mutex;
  std::vector<std::string> results;
  int cancelled = 0, other = 0;
  {
    Engine engine(make_cpu_executor(backend, threads), [&](std::unique_ptr<Job> job) {
      std::lock_guard<std::mutex> lock(mutex);
      if (!job->failure) {
        results.emplace_back(job->run.outputs[0].data, job->run.outputs[0].owner->size());
      } else if (job->failure.code == StatusCode::cancelled) {
        ++cancelled;
      } else if (job->failure.code != StatusCode::disposed) {
        ++other;
      }
    });
    // packed sizes with room for the widest panels
    fill(engine.parameters(), 2, 9 * 5 * 64, 1);
    fill(engine.parameters(), 4, 37 * 32, 2);
    std::string error;
    auto program = make_program(backend, threads, &error);
    check(error.empty(), error.c_str());
    for (int64_t i = 0; i < 30; ++i) {
      engine.submit(make_job(i, program));
      if (i % 5 == 4) engine.cancel(i);
      if (i == 10) fill(engine.parameters(), 9, 1000, 3);  // while programs run
    }
    for (;;) {
      std::lock_guard<std::mutex> lock(mutex);
      if (results.size() + static_cast<size_t>(cancelled + other) == 30) break;
    }
    engine.submit(make_job(100, program));
    engine.submit(make_job(101, program));  // may still be queued when the engine stops
  }
  check(other == 0, "no job fails");
  check(results.size() >= 24, "jobs that were not cancelled give results");
  return results;
}

// Every task of a loop runs once, on a thread of the pool, for every number of tasks and however uneven they are.
void check_pool(int threads) {
  ThreadPool pool(threads);
  bool once = true, known = true;
  for (int round = 0; round < 1000; ++round) {
    const int64_t tasks = round % 37;
    std::vector<int> runs(static_cast<size_t>(tasks)), thread(static_cast<size_t>(tasks), -1);
    pool.parallel_for(tasks, [&](int64_t task, int t) {
      const auto i = static_cast<size_t>(task);
      volatile int work = 0;
      for (int64_t k = 0; k < task * 7 % 50; ++k) work = work + 1;
      ++runs[i];
      thread[i] = t;
    });
    for (int n : runs) once = once && n == 1;
    for (int t : thread) known = known && t >= 0 && t < threads;
  }
  check(once, "each task of a pool runs once");
  check(known, "tasks run on threads of the pool");
}

}  // namespace
}  // namespace videoclip

int main() {
  using namespace videoclip;
  for (int threads : {1, 2, 3, 7}) check_pool(threads);
  for (Backend backend : {Backend::portable, Backend::avx2, Backend::avx512}) {
    if (!backend_supported(backend)) continue;
    const std::vector<std::string> one = run(backend, 1), three = run(backend, 3);
    for (const auto* list : {&one, &three}) {
      for (const std::string& bytes : *list) check(bytes == one[0], "the same bits on every thread count and run");
    }
    std::printf("%s: %zu runs\n", backend_name(backend), one.size() + three.size());
  }
  return failures ? 1 : 0;
}
