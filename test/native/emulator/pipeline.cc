// Tensor copies, mbarriers and wgmma: a pipelined product is exact, and every planted fault is caught.
#include <cmath>

#include "check.h"
#include "cuda/primitives/sync.h"
#include "cuda/primitives/tensor_copy.h"
#include "cuda/primitives/warp.h"
#include "cuda/primitives/wgmma.h"
#include "emulator/driver.h"

namespace videoclip {
namespace emulated {
namespace {

enum class Fault {
  none,
  no_wait,         // the consumers do not wait for a stage
  wrong_phase,     // they wait for the phase before it
  too_many_bytes,  // the producer expects more bytes than it copies
  too_few_bytes,
  early_release,  // the stage is released before the products are complete
  no_release,
  other_mbarrier,      // the copies of B report to an mbarrier that nobody waits for
  no_init,             // an mbarrier is not initialised
  no_init_fence,       // or the copies do not see that it is
  no_init_barrier,     // or the other threads do not
  no_fence,            // wgmma_fence is missing
  early_read,          // the sums are read before wgmma_wait
  no_wait_for_sums,    // nobody waits for the products
  divergent,           // one warp multiplies other values
  missing_warp,        // one warp does not multiply at all
  part_of_group,       // a warpgroup without its fourth warp
  unaligned,           // a copy to an address that is not a multiple of 1024
  written_by_threads,  // wgmma reads what a thread wrote, without fence_proxy_async
  two_arrivals,        // more arrivals than expected
  written_sums,        // the sums are written while products are in flight
  in_flight            // a copy that nobody waits for
};

constexpr int kRows = 64, kColumns = 32, kDepth = 64, kStages = 2, kSteps = 5;
constexpr int kConsumers = 128, kThreads = kConsumers + kWarpSize;
constexpr uint32_t kA = kRows * kDepth, kStage = kA + kColumns * kDepth;
constexpr uint32_t kBarriers = kStages * kStage * 2, kSharedBytes = kBarriers + 64;

struct Arguments {
  TensorMap a, b;
  Global<float> out;
};

template <Fault kFault>
void produce(const Arguments& p, Shared<bf16> stages, Mbarriers full, Mbarriers empty) {
  for (uint32_t step = 0; step < kSteps; ++step) {
    const uint32_t slot = step % kStages, parity = step / kStages % 2;
    mbarrier_wait(empty, slot, parity ^ 1);
    const uint32_t wrong = kFault == Fault::too_many_bytes ? 16 : kFault == Fault::too_few_bytes ? -16u : 0;
    mbarrier_arrive_expect(full, slot, kStage * 2 + wrong);
    if (kFault == Fault::two_arrivals) mbarrier_arrive(full, slot);
    const auto k = static_cast<int>(step * kDepth);
    const uint32_t at = slot * kStage + (kFault == Fault::unaligned ? 64 : 0);
    copy_box(stages, at, p.a, k, 0, 0, full, slot);
    copy_box(stages, at + kA, p.b, k, 0, 0, kFault == Fault::other_mbarrier ? empty : full, slot);
  }
  if (kFault == Fault::in_flight) {
    const uint32_t slot = kSteps % kStages;
    mbarrier_wait(empty, slot, kSteps / kStages % 2 ^ 1);
    mbarrier_arrive_expect(full, slot, kA * 2);
    copy_box(stages, slot * kStage, p.a, 0, 0, 0, full, slot);
  }
}

template <Fault kFault>
void multiply(Shared<bf16> stages, uint32_t slot, float (&sums)[kColumns / 2]) {
  const Shared<bf16> stage = stages.offset(slot * kStage);
  if (kFault == Fault::written_by_threads) {
    const uint32_t at = threadIdx.x * 8;
    stage.store(at, stage.load(at));
    named_barrier_sync(1, kConsumers);
  }
  if (kFault != Fault::no_fence) wgmma_fence(sums);
  if (kFault == Fault::missing_warp && warp_id() == 2) return;
  for (uint32_t k = 0; k < kDepth; k += 16) {
    const uint32_t moved = kFault == Fault::divergent && warp_id() == 1 ? 32 : 0;
    wgmma<bf16>(sums, wgmma_operand(stage, k * 2), wgmma_operand(stage, kA * 2 + (k * 2 + moved) % 128));
  }
  wgmma_commit();
  if (kFault == Fault::written_sums) sums[3] = 1;
}

template <Fault kFault>
void consume(const Arguments& p, Shared<bf16> stages, Mbarriers full, Mbarriers empty) {
  float sums[kColumns / 2] = {};
  for (uint32_t step = 0; step < kSteps; ++step) {
    const uint32_t slot = step % kStages, parity = step / kStages % 2;
    if (kFault != Fault::no_wait) mbarrier_wait(full, slot, kFault == Fault::wrong_phase ? parity ^ 1 : parity);
    multiply<kFault>(stages, slot, sums);
    const auto release = [&] {
      if (kFault != Fault::no_release && lane_id() == 0) mbarrier_arrive(empty, slot);
    };
    if (kFault == Fault::early_release) release();
    if (kFault != Fault::no_wait_for_sums) wgmma_wait<0>();
    if (kFault != Fault::early_release) release();
  }
  if (kFault == Fault::early_read) multiply<kFault>(stages, (kSteps - 1) % kStages, sums);
  const int row = warp_id() * 16 + lane_id() / 4, column = lane_id() % 4 * 2;
  for (int i = 0; i < kColumns / 2; ++i) {
    const int at = (row + i / 2 % 2 * 8) * kColumns + column + i / 4 * 8 + i % 2;
    p.out.store(static_cast<size_t>(at), sums[i]);
  }
  if (kFault == Fault::early_read) wgmma_wait<0>();
}

template <Fault kFault>
void kernel(const __grid_constant__ Arguments p) {
  const Shared<bf16> stages = shared_array<bf16>(0, kStages * kStage);
  const Mbarriers full = shared_array<uint64_t>(kBarriers, kStages);
  const Mbarriers empty = shared_array<uint64_t>(kBarriers + kStages * 8, kStages);
  if (threadIdx.x == 0) {
    for (uint32_t i = 0; i < kStages; ++i) {
      if (kFault != Fault::no_init) mbarrier_init(full, i, 1);
      mbarrier_init(empty, i, kConsumers / kWarpSize);
    }
    if (kFault != Fault::no_init_fence) fence_proxy_async();
  }
  if (kFault != Fault::no_init_barrier) sync_threads();
  if (warp_id() < kConsumers / kWarpSize) {
    consume<kFault>(p, stages, full, empty);
  } else if (lane_id() == 0) {
    produce<kFault>(p, stages, full, empty);
  }
}

std::vector<bf16> integers(size_t count, int salt) {
  std::vector<bf16> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = from_float<bf16>(small_integer(i, salt));
  return values;
}

struct Problem {
  static constexpr int64_t kK = kSteps * kDepth;
  Device<bf16> a{integers(kRows * kK, 1)}, b{integers(kColumns * kK, 2)};
  Device<float> out{std::vector<float>(kRows * kColumns, 0)};
  Arguments arguments{};

  Problem() {
    arguments.out = out.global();
    check_ok(encode_tiled<3, bf16>(&arguments.a, a.global(), {kK, kRows, 1}, {1, kK, kK}, {kBoxValues, kRows, 1}),
             "the map of A");
    check_ok(encode_tiled<3, bf16>(&arguments.b, b.global(), {kK, kColumns, 1}, {1, kK, kK}, {kBoxValues, kColumns, 1}),
             "the map of B");
  }

  bool exact() const {
    for (size_t m = 0; m < kRows; ++m) {
      for (size_t n = 0; n < kColumns; ++n) {
        float sum = 0;
        for (size_t k = 0; k < kK; ++k) sum += to_float(a[m * kK + k]) * to_float(b[n * kK + k]);
        if (out[m * kColumns + n] != sum) return false;
      }
    }
    return true;
  }
};

template <Fault kFault>
Status run_pipeline(const Problem& problem, int threads = kThreads) {
  return run_block(kernel<kFault>, threads, kSharedBytes, problem.arguments);
}

// Which fault appears first depends on the order of the warps.
template <Fault kFault>
void expect(std::vector<const char*> messages, const char* what, int threads = kThreads) {
  const Problem problem;
  const Status status = run_pipeline<kFault>(problem, threads);
  bool found = false;
  for (const char* message : messages) found = found || (status.error && std::strstr(status.error, message));
  check(found, what, status.error ? status.error : "(no fault)");
}

void test_faults_of_copies() {
  const char *racing = "race: read", *flying = "while a tensor copy is writing", *fresh = "uninitialised shared bytes";
  expect<Fault::no_wait>({racing, flying, fresh}, "no wait for a stage");
  expect<Fault::wrong_phase>({racing, flying, fresh, "deadlock: thread 0 waits at the mbarrier"},
                             "a wait for the wrong phase");
  expect<Fault::other_mbarrier>({"bytes missing", flying, "which has all its"}, "a copy reports to another mbarrier");
  expect<Fault::too_many_bytes>({"1 arrivals, 16 bytes missing"}, "the producer expects too many bytes");
  expect<Fault::too_few_bytes>({"1 arrivals, -16 bytes missing"}, "the producer expects too few bytes");
  expect<Fault::early_release>({"race: write", "is not ordered after the read by a wgmma"},
                               "a stage is released early");
  expect<Fault::no_release>({"deadlock: thread 0 waits at the mbarrier"}, "a stage is not released");
  expect<Fault::two_arrivals>({"which has all its 1 arrivals", racing, flying}, "too many arrivals");
  expect<Fault::unaligned>({"not a multiple of 1024"}, "a copy to an unaligned address");
  expect<Fault::in_flight>({"ends without a wait for a tensor copy"}, "a copy that nobody waits for");
  expect<Fault::no_init>({"without mbarrier_init", fresh}, "an mbarrier that is not initialised");
  expect<Fault::no_init_fence>({"thread 0 wrote: its fence_proxy_async is missing"}, "no fence after mbarrier_init");
  expect<Fault::no_init_barrier>({racing, fresh, "without mbarrier_init"}, "no barrier after mbarrier_init");
}

void test_faults_of_products() {
  expect<Fault::no_fence>({"wgmma_fence is missing"}, "no wgmma_fence");
  expect<Fault::written_by_threads>({"its fence_proxy_async is missing"}, "wgmma reads what threads wrote");
  expect<Fault::no_wait_for_sums>({"ends while a wgmma is in flight", "race: write", "which has all its"},
                                  "nobody waits for the products");
  expect<Fault::divergent>({"the warps of the warpgroup execute different instructions"},
                           "a warp multiplies other values");
  expect<Fault::missing_warp>({"executed different numbers of wgmma"}, "a warp does not multiply");
  expect<Fault::part_of_group>({"wgmma without a whole warpgroup", "deadlock"}, "a warpgroup of three warps", 96);
  expect<Fault::written_sums>({"writes the sums of a wgmma in flight"}, "sums are written too early");
  const Problem problem;
  (void)run_pipeline<Fault::early_read>(problem);
  check(std::isnan(problem.out[0]), "sums that are read too early are not numbers");
}

// Operands that are stored along their rows: 64 values of k by 64 rows of A and 32 columns of B.
struct LineArguments {
  TensorMap a, b;
  Global<float> out;
};

void line_kernel(const __grid_constant__ LineArguments p) {
  const Shared<bf16> stage = shared_array<bf16>(0, 2 * kDepth * 64);
  const Mbarriers full = shared_array<uint64_t>(4 * kDepth * 64, 1);
  if (threadIdx.x == 0) {
    mbarrier_init(full, 0, 1);
    fence_proxy_async();
  }
  sync_threads();
  if (threadIdx.x == 0) {
    mbarrier_arrive_expect(full, 0, 4 * kDepth * 64);
    copy_box(stage, 0, p.a, 0, 0, 0, full, 0);
    copy_box(stage, kDepth * 64, p.b, 0, 0, 0, full, 0);
  }
  mbarrier_wait(full, 0, 0);
  float sums[kColumns / 2] = {};
  wgmma_fence(sums);
  for (uint32_t k = 0; k < kDepth; k += 16) {
    wgmma<bf16, true, true>(sums, wgmma_operand(stage, k * 128), wgmma_operand(stage, kDepth * 128 + k * 128));
  }
  wgmma_commit();
  wgmma_wait<0>();
  const int row = warp_id() * 16 + lane_id() / 4, column = lane_id() % 4 * 2;
  for (int i = 0; i < kColumns / 2; ++i) {
    const int at = (row + i / 2 % 2 * 8) * kColumns + column + i / 4 * 8 + i % 2;
    p.out.store(static_cast<size_t>(at), sums[i]);
  }
}

void test_lines() {
  const Device<bf16> a(integers(kDepth * kRows, 3)), b(integers(kDepth * kColumns, 4));
  const Device<float> out(std::vector<float>(kRows * kColumns, 0));
  LineArguments p{};
  p.out = out.global();
  check_ok(encode_tiled<3, bf16>(&p.a, a.global(), {kRows, kDepth, 1}, {1, kRows, kRows}, {64, kDepth, 1}),
           "lines of A");
  check_ok(encode_tiled<3, bf16>(&p.b, b.global(), {kColumns, kDepth, 1}, {1, kColumns, kColumns}, {64, kDepth, 1}),
           "lines of B");
  check_ok(run_block(line_kernel, kConsumers, 4 * kDepth * 64 + 8, p), "a product of lines runs");
  bool exact = true;
  for (size_t m = 0; m < kRows; ++m) {
    for (size_t n = 0; n < kColumns; ++n) {
      float sum = 0;
      for (size_t k = 0; k < kDepth; ++k) sum += to_float(a[k * kRows + m]) * to_float(b[k * kColumns + n]);
      exact = exact && out[m * kColumns + n] == sum;
    }
  }
  check(exact, "a product of lines is exact on integers");
}

// Copies of windows: 64 channels of one tap of 64 windows.
struct WindowArguments {
  TensorMap map;
  int first, tap;
};

void window_kernel(const __grid_constant__ WindowArguments p) {
  const Shared<bf16> stage = shared_array<bf16>(0, 64 * 64);
  const Mbarriers full = shared_array<uint64_t>(64 * 64 * 2, 1);
  if (threadIdx.x == 0) {
    mbarrier_init(full, 0, 1);
    fence_proxy_async();
    mbarrier_arrive_expect(full, 0, 64 * 64 * 2);
    copy_windows(stage, 0, p.map, {0, p.first, 0, 0, 0}, {p.tap, 0, 0}, full, 0);
    mbarrier_wait(full, 0, 0);
  }
}

void test_windows() {
  const Device<bf16> data(integers(4096, 6));
  WindowArguments p{};
  const WindowMap windows = {{8, 8, 4, 2, 1}, {1, 8, 64, 256, 512}, {2, 1, 1}, {-1, 0, 0}, {-1, 0, 0}, 64};
  check_ok(encode_windows<bf16>(&p.map, data.global(), windows), "a map of windows");
  const auto copy = [&](int first, int tap) {
    p.first = first, p.tap = tap;
    return run_block(window_kernel, 32, 64 * 64 * 2 + 8, p);
  };
  check_ok(copy(-1, 2), "a copy of windows runs");
  check_fault(copy(-2, 2), "begins outside the bounding box", "a copy that begins too early");
  check_fault(copy(7, 2), "begins outside the bounding box", "a copy that begins too late");
  check_fault(copy(-1, 32), "a tap offset of 32", "a far tap");
}

// The rules of tensor maps.
void test_maps() {
  const Device<bf16> data(integers(4096, 5));
  TensorMap map;
  const auto tiled = [&](int64_t stride, int box, size_t offset) {
    return encode_tiled<3, bf16>(&map, data.global().offset(offset), {64, 8, 1}, {1, stride, stride}, {box, 8, 1});
  };
  check_ok(tiled(64, 64, 0), "a map");
  check_ok(encode_tiled<3, bf16>(&map, data.global(), {64, 8, 1}, {1, 64, 67}, {64, 8, 1}),
           "an odd stride of one value");
  check_fault(tiled(65, 64, 0), "a stride is not a multiple of 16 bytes", "an odd stride");
  check_fault(tiled(64, 64, 1), "the address is not a multiple of 16 bytes", "an odd address");
  check_fault(tiled(64, 128, 0), "longer than the swizzle", "a wide box");
  const WindowMap windows = {{8, 4, 4, 2, 1}, {1, 8, 32, 128, 256}, {1, 1, 1}, {-1, -1, -17}, {-1, -1, -1}, 64};
  check(!windows.valid(), "a window that begins 17 positions outside");
  check_fault(encode_windows<bf16>(&map, data.global(), windows), "a corner of the bounding box", "the same window");
  emulator::set_hopper(false);
  check_fault(tiled(64, 64, 0), "has no tensor copies", "a map on another device");
  emulator::set_hopper(true);
}

}  // namespace

void test_pipeline() {
  emulator::set_hopper(true);
  (void)emulator::driver().context_use(nullptr);
  const Problem problem;
  check_ok(run_pipeline<Fault::none>(problem), "a pipelined product runs");
  check(problem.exact(), "a pipelined product is exact on integers");
  test_faults_of_copies();
  test_faults_of_products();
  test_lines();
  test_windows();
  test_maps();
  emulator::set_hopper(false);
}

}  // namespace emulated
}  // namespace videoclip
