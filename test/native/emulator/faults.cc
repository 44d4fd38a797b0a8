// Every kind of fault is planted once and must be caught, in every order of warps and lanes.
#include <cmath>

#include "check.h"
#include "cuda/primitives/async_copy.h"
#include "cuda/primitives/mma.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace emulated {
namespace {

struct Arguments {
  Global<float> x;      // 256 values
  Global<float> fresh;  // 256, never written
  Global<bf16> halves;  // 256
  Global<bf16> unwritten;
};

constexpr int kThreads = 64;
constexpr size_t kSharedBytes = 2048;

void expect(const char* message, void (*kernel)(Arguments), const char* what, int threads = kThreads,
            size_t shared_bytes = kSharedBytes) {
  const Device<float> x(std::vector<float>(256, 1.0f)), fresh(256);
  const Device<bf16> halves(std::vector<bf16>(256, bf16{0x3f80})), unwritten(256);
  check_fault(launch(kernel, Grid{}, threads, shared_bytes, nullptr,
                     Arguments{x.global(), fresh.global(), halves.global(), unwritten.global()}),
              message, what);
}

Shared<float> floats() { return shared_array<float>(0, 256); }

// Initialises and orders everything, so that the code after it has the only fault.
void fill() {
  for (uint32_t i = threadIdx.x; i < 256; i += blockDim.x) floats().store(i, 1);
  sync_threads();
}

void test_races() {
  expect(
      "race: ",
      [](Arguments) {
        fill();
        floats().store(threadIdx.x, 1);
        sync_warp();
        floats().load(threadIdx.x ^ 32);
        sync_threads();
      },
      "no barrier between write and read of two warps");
  expect(
      "race: ",
      [](Arguments) {
        fill();
        floats().store(threadIdx.x, 1);
        sync_threads();
        floats().load(threadIdx.x ^ 32);
        floats().store(threadIdx.x, 2);
        sync_threads();
      },
      "no barrier between read and write of two warps");
  expect(
      "race: ", [](Arguments) { floats().store(threadIdx.x % 32, 1); }, "two warps write the same bytes");
  expect(
      "race: ",
      [](Arguments) {
        fill();
        floats().store(threadIdx.x, 1);
        floats().load(threadIdx.x ^ 1);
      },
      "no sync_warp between write and read of two lanes", 32);
  expect(
      "race: ",
      [](Arguments) {
        fill();
        floats().store(threadIdx.x, 1);
        shuffle_xor(1.0f, 1);
        floats().load(threadIdx.x ^ 1);
      },
      "a shuffle does not order memory", 32);
  expect(
      "race: ",
      [](Arguments) {
        fill();
        floats().store(threadIdx.x, 1);
        sync_warp(threadIdx.x % 32 < 16 ? 0x0000ffff : 0xffff0000);
        floats().load(threadIdx.x ^ 16);
      },
      "sync_warp orders only its mask", 32);
  expect(
      "race: ",
      [](Arguments) {
        fill();
        floats().store(threadIdx.x, 1);
        named_barrier_sync(1 + warp_id() / 2, 64);
        floats().load(threadIdx.x ^ 64);
      },
      "a named barrier orders only who takes part", 128);
  expect(
      "race: ",
      [](Arguments) {
        fill();
        if (warp_id() == 0) {
          named_barrier_arrive(1, 64);
          floats().store(lane_id(), 1);
        } else {
          named_barrier_sync(1, 64);
          floats().load(lane_id());
        }
      },
      "a write after named_barrier_arrive");
  expect(
      "race: ",
      [](Arguments) {
        fill();
        shared_array<uint8_t>(0, 64).store(threadIdx.x, 1);
        sync_warp();
        shared_array<uint32_t>(0, 16).load(threadIdx.x / 4 ^ 8);
      },
      "accesses of different sizes overlap");
  expect(
      "race: ",
      [](Arguments) {
        fill();
        const Shared<bf16> s = shared_array<bf16>(0, 512);
        for (uint32_t i = threadIdx.x; i < 256; i += 32) s.store(i, bf16{0x3f80});
        uint32_t r[4];
        ldmatrix_x4(r, s, static_cast<uint32_t>(lane_id()) * 8);
      },
      "no sync_warp before ldmatrix", 32);
}

void test_async() {
  expect(
      "cp_async",
      [](Arguments p) {
        cp_async_16(floats(), threadIdx.x * 4, p.x, threadIdx.x * 4, true);
        cp_async_commit();
        floats().load(threadIdx.x * 4);
      },
      "cp_async data read before the wait");
  expect(
      "cp_async",
      [](Arguments p) {
        cp_async_16(floats(), threadIdx.x * 4, p.x, threadIdx.x * 4, true);
        cp_async_commit();
        cp_async_wait<1>();
        sync_threads();
        floats().load(threadIdx.x * 4);
      },
      "cp_async data read after a wait for older groups only");
  expect(
      "cp_async",
      [](Arguments p) {
        cp_async_16(floats(), threadIdx.x * 4, p.x, threadIdx.x * 4, true);
        cp_async_wait<0>();
        floats().load(threadIdx.x * 4);
      },
      "cp_async without commit");
  expect(
      "cp_async",
      [](Arguments p) {
        cp_async_16(floats(), threadIdx.x * 4, p.x, threadIdx.x * 4, true);
        floats().store(threadIdx.x * 4, 1);
      },
      "a store into bytes that cp_async is writing");
  expect(
      "race: ",
      [](Arguments p) {
        fill();
        if (warp_id() == 0) {
          cp_async_16(floats(), threadIdx.x * 4, p.x, threadIdx.x * 4, true);
          cp_async_commit();
          cp_async_wait<0>();
          named_barrier_sync(1, 32);
        }
        named_barrier_sync(2 + warp_id(), 32);  // orders nothing between the warps
        if (warp_id() == 1 && p.x.load(0) == 1) floats().load((threadIdx.x - 32) * 4);
      },
      "cp_async data of another thread read without a barrier");
  expect(
      "shared bytes",
      [](Arguments p) {
        fill();
        floats().load(threadIdx.x);
        sync_warp();
        if (threadIdx.x < 16) cp_async_16(floats(), threadIdx.x * 4, p.x, 0, true);
      },
      "cp_async overwrites what another warp may still be reading");
  expect(
      "uninitialised",
      [](Arguments p) {
        cp_async_16(floats(), threadIdx.x * 4, p.fresh, threadIdx.x * 4, true);
        cp_async_commit();
        cp_async_wait<0>();
        floats().load(threadIdx.x * 4);
      },
      "cp_async of uninitialised device memory");
  expect(
      "misaligned", [](Arguments p) { cp_async_16(floats(), 4 * threadIdx.x, p.x, 2, true); },
      "cp_async from a misaligned address");
  expect(
      "out of bounds", [](Arguments p) { cp_async_16(floats(), 4 * threadIdx.x, p.x, 256, true); },
      "cp_async from beyond the end");
}

void test_divergence() {
  expect(
      "",
      [](Arguments) {
        if (threadIdx.x != 5) sync_threads();
      },
      "one thread does not come to the barrier");
  expect(
      "",
      [](Arguments) {
        if (warp_id() == 0) sync_threads();
      },
      "one warp does not come to the barrier");
  expect(
      "diverges", [](Arguments) { threadIdx.x == 5 ? named_barrier_sync(1, 64) : sync_threads(); },
      "lanes of a warp at two barriers");
  expect(
      "deadlock", [](Arguments) { named_barrier_sync(1 + warp_id(), 64); }, "warps at two barriers");
  expect(
      "diverges",
      [](Arguments) {
        if (threadIdx.x < 16) sync_threads();
        shuffle(1.0f, 0);
        if (threadIdx.x >= 16) sync_threads();
      },
      "half a warp at a barrier, half at a shuffle", 32);
  expect(
      "barrier 1 for ", [](Arguments) { named_barrier_sync(1, warp_id() == 0 ? 64 : 96); }, "a barrier with two counts",
      96);
  expect(
      "twice",
      [](Arguments) {
        if (warp_id() == 0) {
          named_barrier_arrive(1, 64);
          named_barrier_arrive(1, 64);
        }
      },
      "a warp arrives twice", 96);
  expect(
      "mask 00ff00ff", [](Arguments) { shuffle(1.0f, 0, 0x00ff00ff); }, "a shuffle by a lane outside its mask", 32);
  expect(
      "not in the mask",
      [](Arguments) {
        if (lane_id() < 16) shuffle(1.0f, 20, 0x0000ffff);
      },
      "a shuffle from a lane outside the mask", 32);
  expect(
      "",
      [](Arguments) {
        if (lane_id() < 16) shuffle(1.0f, 0);
      },
      "a shuffle that half the warp does not reach", 32);
  expect(
      "", [](Arguments) { sync_warp(lane_id() < 16 ? 0x0001ffff : 0xffff0000); }, "masks that disagree", 32);
  expect(
      "diverges", [](Arguments) { lane_id() % 2 ? shuffle_xor(1, 1) : shuffle_down(1, 1); }, "two kinds of shuffle",
      32);
}

void test_accesses() {
  expect(
      "global load of 1 x 4 bytes at index 256 is out of bounds", [](Arguments p) { p.x.load(193 + threadIdx.x); },
      "a load beyond the end");
  expect(
      "global store", [](Arguments p) { p.x.store(256, 1); }, "a store beyond the end");
  expect(
      "out of bounds", [](Arguments p) { p.x.load_packed<4>(256 - 2); }, "a packed load across the end");
  expect(
      "out of bounds", [](Arguments p) { p.x.load(static_cast<size_t>(-1)); }, "a negative index");
  expect(
      "out of bounds", [](Arguments p) { p.x.offset(200).load(56); }, "a load beyond the end of a part");
  expect(
      "out of bounds", [](Arguments p) { p.x.offset(300).load(0); }, "a part beyond the end");
  expect(
      "misaligned", [](Arguments p) { p.x.load_packed<4>(2); }, "a misaligned packed load");
  expect(
      "misaligned", [](Arguments p) { p.halves.store_packed<2>(1, {}); }, "a misaligned packed store");
  expect(
      "uninitialised", [](Arguments p) { p.fresh.load(3); }, "an uninitialised float of device memory");
  expect(
      "uninitialised", [](Arguments p) { p.unwritten.load_packed<8>(0); }, "uninitialised bf16 of device memory");
  expect(
      "shared load of 1 x 4 bytes at index 256 is out of bounds", [](Arguments) { floats().load(256); },
      "a shared load beyond the end");
  expect(
      "shared store", [](Arguments) { floats().store(256, 1); }, "a shared store beyond the end");
  expect(
      "misaligned", [](Arguments) { floats().store_packed<4>(2, {}); }, "a misaligned shared store");
  expect(
      "misaligned",
      [](Arguments) {
        fill();
        const Shared<bf16> s = shared_array<bf16>(0, 512);
        uint32_t r[4];
        ldmatrix_x4(r, s, static_cast<uint32_t>(lane_id()) * 4);
      },
      "ldmatrix rows that are not aligned to 16 bytes");
  expect(
      "uninitialised shared", [](Arguments) { floats().load(0); }, "an uninitialised shared load");
  expect(
      "uninitialised shared",
      [](Arguments) {
        floats().store(0, 1);
        floats().load_packed<4>(0);
      },
      "a partly uninitialised shared load", 32);
  expect(
      "beyond the 1000 bytes", [](Arguments) { shared_array<float>(0, 251); }, "an array beyond the launch", 32, 1000);
  expect(
      "misaligned", [](Arguments) { shared_array<float>(2, 1); }, "a misaligned array");
  expect(
      "limit", [](Arguments) {}, "a launch with too much shared memory", 32, 227 * 1024 + 1);
  expect(
      "threads", [](Arguments) {}, "a launch of part of a warp", 48);
  expect(
      "threads", [](Arguments) {}, "a launch of too many threads", 1056);
}

}  // namespace

void test_faults() {
  test_races();
  test_async();
  test_divergence();
  test_accesses();
}

}  // namespace emulated
}  // namespace videoclip
