// Correct warp and block collectives run without a report.
#include "check.h"
#include "cuda/primitives/async_copy.h"
#include "cuda/primitives/mma.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace emulated {
namespace {

struct Arguments {
  Global<float> out;
  Global<const float> x;
};

// Runs the kernel on 128 threads; out[i] and x[i] for each, x[i] = i.
template <typename Expected>
void check_kernel(void (*kernel)(Arguments), const Expected& expected, const char* what) {
  std::vector<float> x(128);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  const Device<float> in(x), out(128);
  check_ok(launch(kernel, Grid{}, 128, 4096, nullptr, Arguments{out.global(), in.global()}), what);
  bool equal = true;
  for (size_t i = 0; i < x.size(); ++i) equal = equal && out[i] == static_cast<float>(expected(static_cast<int>(i)));
  check(equal, what);
}

// Two producer warps fill one half while two consumer warps read the other: full and empty barriers for each.
void producer_consumer(Arguments p) {
  const Shared<float> buffer = shared_array<float>(0, 128);
  const uint32_t t = threadIdx.x % 64;
  const bool produces = threadIdx.x < 64;
  float sum = 0;
  for (int round = 0; round < 6; ++round) {
    const int half = round % 2;
    const uint32_t at = static_cast<uint32_t>(half) * 64;
    if (produces) {
      if (round >= 2) named_barrier_sync(3 + half, 128);
      buffer.store(at + t, static_cast<float>(round) + p.x.load(t));
      named_barrier_arrive(1 + half, 128);
    } else {
      named_barrier_sync(1 + half, 128);
      sum += buffer.load(at + 63 - t);
      if (round < 4) named_barrier_arrive(3 + half, 128);
    }
  }
  p.out.store(threadIdx.x, produces ? 0 : sum);
}

// The lower half of each warp executes separate code between two shuffles.
void half_warps(Arguments p) {
  float x = p.x.load(threadIdx.x);
  if (lane_id() < 16) {
    x = shuffle_xor(x, 1, 0x0000ffff);
    x = shuffle(x, 5, 0x0000ffff);
  } else if (vote_any(x > 1e6f, 0xffff0000)) {
    x = -1;
  }
  p.out.store(threadIdx.x, shuffle_down(x, 1));
}

// Each lane reads the value that its neighbour wrote, ordered by sync_warp alone.
void neighbours(Arguments p) {
  const Shared<float> s = shared_array<float>(0, 128);
  const uint32_t i = threadIdx.x;
  s.store(i, p.x.load(i));
  sync_warp();
  const float x = s.load(i ^ 1);
  sync_warp(i % 32 < 16 ? 0x0000ffff : 0xffff0000);
  s.store(i ^ 3, x);
  sync_threads();
  p.out.store(i, s.load(127 - i));
}

// Bytes of one 16-byte line written by different lanes do not conflict.
void bytes(Arguments p) {
  const Shared<uint8_t> s = shared_array<uint8_t>(64, 128);
  s.store(threadIdx.x, static_cast<uint8_t>(threadIdx.x));
  sync_threads();
  p.out.store(threadIdx.x, s.load(threadIdx.x ^ 64));
}

// 16-, 8- and 4-byte copies, zeros where not valid, two groups in flight.
void copies(Arguments p) {
  const Shared<float> s = shared_array<float>(0, 1024);
  const uint32_t i = threadIdx.x;
  cp_async_16(s, 4 * i, p.x, i % 32 * 4, i < 64);
  cp_async_commit();
  cp_async<8>(s, 512 + 2 * i, p.x, i % 64 * 2, true);
  cp_async<4>(s, 768 + i, p.x, i, i % 2 == 0);
  cp_async_commit();
  cp_async_wait<1>();
  sync_threads();
  const Packed<float, 4> a = s.load_packed<4>(4 * (127 - i));
  cp_async_wait<0>();
  sync_threads();
  p.out.store(i, a[0] + a[3] + s.load_packed<2>(512 + 2 * (127 - i))[1] + s.load(768 + (i ^ 1)));
}

}  // namespace

void test_collectives() {
  check_kernel([](Arguments p) { p.out.store(threadIdx.x, warp_sum(p.x.load(threadIdx.x))); },
               [](int i) { return i / 32 * 1024 + 496; }, "warp_sum");
  check_kernel([](Arguments p) { p.out.store(threadIdx.x, warp_max(p.x.load(threadIdx.x))); },
               [](int i) { return i / 32 * 32 + 31; }, "warp_max");
  check_kernel([](Arguments p) { p.out.store(threadIdx.x, shuffle_down(p.x.load(threadIdx.x), 5)); },
               [](int i) { return i % 32 < 27 ? i + 5 : i; }, "shuffle_down");
  check_kernel([](Arguments p) { p.out.store(threadIdx.x, static_cast<float>(ballot(lane_id() % 8 == 1) >> 8)); },
               [](int) { return 0x020202; }, "ballot");
  check_kernel(
      [](Arguments p) {
        const bool low = threadIdx.x < 40;
        p.out.store(threadIdx.x, static_cast<float>(vote_all(low) * 2 + vote_any(low)));
      },
      [](int i) { return i < 32   ? 3
                         : i < 64 ? 1
                                  : 0; }, "votes");
  check_kernel(
      half_warps,
      [](int i) {
        const int lane = i % 32, warp = i / 32 * 32;
        return lane < 15 ? warp + 4 : lane == 31 ? i : i + 1;
      },
      "halves of a warp");
  check_kernel(
      producer_consumer, [](int i) { return i < 64 ? 0 : 15 + 6 * (63 - i % 64); }, "producer and consumer");
  check_kernel(
      neighbours, [](int i) { return (127 - i) ^ 2; }, "sync_warp orders lanes");
  check_kernel(
      bytes, [](int i) { return i ^ 64; }, "bytes");
  check_kernel(
      copies,
      [](int i) {
        const int r = 127 - i, o = i ^ 1;
        return (r < 64 ? r % 32 * 8 + 3 : 0) + r % 64 * 2 + 1 + (o % 2 == 0 ? o : 0);
      },
      "cp_async");
  check_kernel(
      [](Arguments p) {  // early exit of whole warps
        if (warp_id() >= 2) return p.out.store(threadIdx.x, 0);
        named_barrier_sync(1, 64);
        p.out.store(threadIdx.x, 1);
      },
      [](int i) { return i < 64; }, "warps that end early");
  check_kernel(
      [](Arguments p) {  // a warp may end after it has arrived
        const Shared<float> s = shared_array<float>(0, 128);
        s.store(threadIdx.x, p.x.load(threadIdx.x));
        if (warp_id() > 0) {
          p.out.store(threadIdx.x, 0);
          named_barrier_arrive(1, 128);
          return;
        }
        named_barrier_sync(1, 128);
        p.out.store(threadIdx.x, s.load(threadIdx.x + 96));
      },
      [](int i) { return i < 32 ? i + 96 : 0; }, "warps that arrive and end");
  check_kernel(
      [](Arguments p) {  // ldmatrix moves 16 bytes a row: of floats it makes a fragment of tf32
        const Shared<float> s = shared_array<float>(0, 128);
        s.store(threadIdx.x, p.x.load(threadIdx.x));
        sync_threads();
        uint32_t r[4];
        ldmatrix_x4(r, s, static_cast<uint32_t>(lane_id()) * 4);
        p.out.store(threadIdx.x, bits_to_float(r[warp_id()]));
      },
      [](int i) { return i; }, "ldmatrix of floats");
}

}  // namespace emulated
}  // namespace videoclip
