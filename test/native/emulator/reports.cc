// Reports beside results: messages, counters, and independence from the host threads.
#include <string>

#include "check.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace emulated {
namespace {

struct Arguments {
  Global<float> x;
  uint32_t stride;
};

emulator::Counters count(void (*kernel)(Arguments), uint32_t stride) {
  const Device<float> x(std::vector<float>(4096, 1.0f));
  emulator::reset_counters();
  check_ok(launch(kernel, Grid{}, 32, 16384, nullptr, Arguments{x.global(), stride}), "a counted kernel");
  return emulator::counters();
}

void shared_strided(Arguments p) { shared_array<float>(0, 4096).store(threadIdx.x * p.stride, 1); }
void shared_packed(Arguments p) { shared_array<float>(0, 4096).store_packed<4>(threadIdx.x * p.stride, {}); }
void global_strided(Arguments p) { p.x.load(threadIdx.x * p.stride); }
void global_packed(Arguments p) { p.x.load_packed<2>(threadIdx.x * p.stride); }

void bad_block(Arguments p) {
  if (blockIdx.x >= 3) p.x.load(4096 + blockIdx.x);
}

}  // namespace

void test_reports() {
  check(count(shared_strided, 1).bank_conflicts == 0, "consecutive floats do not conflict");
  check(count(shared_strided, 2).bank_conflicts == 1, "every other float conflicts once");
  check(count(shared_strided, 32).bank_conflicts == 31, "one bank for all");
  check(count(shared_strided, 33).bank_conflicts == 0, "padding avoids conflicts");
  check(count(shared_packed, 4).bank_conflicts == 0, "consecutive 16 bytes do not conflict");
  check(count(shared_packed, 32).bank_conflicts == 4 * 7, "16 bytes, 8 lanes at a time on the same banks");
  check(count(global_strided, 1).excess_sectors == 0, "consecutive floats fill their sectors");
  check(count(global_strided, 0).excess_sectors == 0, "one float for all");
  check(count(global_strided, 8).excess_sectors == 32 - 4, "one float of every sector");
  check(count(global_packed, 2).excess_sectors == 0, "consecutive pairs fill their sectors");
  check(count(global_strided, 1).sectors == 4, "32 consecutive floats are in four sectors");
  check(count(global_strided, 8).sectors == 32, "floats 32 bytes apart are in 32 sectors");
  check(count(global_packed, 2).global_accesses == 1, "one instruction of a warp");

  const Device<float> x(std::vector<float>(16, 1.0f));
  check_fault(launch(bad_block, Grid{0}, 64, 0, nullptr, Arguments{x.global(), 0}), "empty grid", "no blocks");
  check_fault(launch(bad_block, Grid{1, 65536}, 64, 0, nullptr, Arguments{x.global(), 0}), "65535", "too many in y");
  for (int threads : {1, 3}) {
    emulator::set_host_threads(threads);
    const Status status = [&] {
      emulator::OpScope scope("bad_op");
      return launch(bad_block, Grid{8}, 64, 0, nullptr, Arguments{x.global(), 0});
    }();
    check_fault(status, "bad_op: block (3,0,0), thread ", "the first faulting block is named");
    check_fault(status, "index 4099", "the first faulting block is named");
  }
  emulator::set_host_threads(0);

  const Kernel* kernel = find_kernel(Backend::cuda_emulated, "example_reduction");
  check(kernel && backend_supported(Backend::cuda_emulated) && !backend_supported(Backend::cuda),
        "kernels register themselves");
  if (!kernel) return;
  Tensor in, out;
  in.data = reinterpret_cast<char*>(&x.global().data()[0]);
  in.rank = 2;
  in.shape[0] = 1, in.shape[1] = 8, in.strides[0] = 8, in.strides[1] = 1;
  const Device<float> y(1);
  out.data = reinterpret_cast<char*>(y.global().data());
  out.rank = 1;
  out.shape[0] = 1, out.strides[0] = 1;
  const Call call{&in, 1, &out, 1, nullptr, 0, nullptr, nullptr};
  check_ok(kernel->run(call), "a registered kernel runs");
  in.shape[1] = 40, in.strides[0] = 2, in.strides[1] = 0;
  check_fault(kernel->run(call), "example_reduction: block (0,0,0)", "a registered kernel is named");
}

}  // namespace emulated
}  // namespace videoclip
