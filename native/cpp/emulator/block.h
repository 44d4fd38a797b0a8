#pragma once
// A block of device threads on one host thread. Every thread is a fiber, and a warp runs until all its lanes wait or
// have ended.
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "emulator/access_log.h"
#include "emulator/clocks.h"
#include "emulator/fiber.h"
#include "emulator/mbarrier.h"
#include "emulator/order.h"
#include "emulator/shared_memory.h"
#include "emulator/tensor_copy.h"
#include "emulator/wgmma.h"

namespace videoclip {
namespace emulator {

struct Index3 {
  uint32_t x = 0, y = 0, z = 0;
};

// The kinds of wait of a lane. `detail` distinguishes variants that must not meet: the direction of a shuffle, the
// number of a barrier.
enum class Wait : uint8_t {
  sync_warp,
  shuffle,
  vote,
  ldmatrix,
  mma,
  wgmma,
  wgmma_fence,
  wgmma_commit,
  wgmma_wait,
  barrier_sync,
  barrier_arrive
};

struct Block;
struct Warp;

struct AsyncCopy {
  const void* from;  // null means zeros
  uint32_t to, bytes;
};

struct Lane {
  Fiber fiber;
  Block* block = nullptr;
  Warp* warp = nullptr;
  int id = 0;  // index in the warp
  Index3 thread;
  LaneClock clock;
  void* payload = nullptr;  // arguments of the collective that the lane waits for
  std::vector<AsyncCopy> copies;
  std::vector<size_t> groups;       // ends of the committed groups in `copies`
  uint32_t acquired[kClocks] = {};  // what the lane has seen at mbarriers
  uint32_t proxy_fences = 0;        // executed so far
  int64_t mbarrier = -1;            // byte offset of the mbarrier at which the lane waits
};

// The lanes that have arrived at a collective before the others.
struct Meeting {
  Wait wait;
  uint32_t detail, mask, arrived;
};
// A description for messages, such as "a shuffle with mask 0000ffff" or "barrier 1 for 64 threads".
std::string describe(Wait wait, uint32_t detail, uint32_t mask);
// The detail of a barrier.
inline uint32_t barrier_detail(int id, int threads) { return static_cast<uint32_t>(id << 16 | threads); }

struct Warp {
  int id = 0;
  Lane* lanes[kWarpLanes] = {};
  LaneClock* lane_clocks[kWarpLanes] = {};
  uint32_t ready = 0, ended = 0;
  std::vector<Meeting> meetings;
  int barrier = -1;  // the barrier at which the whole warp waits
  WarpClock clock;
  AccessLog log;
  Products products;

  // All lanes of the mask have been ordered with each other: they share what each has seen at mbarriers.
  void share_acquired(uint32_t mask);
};

struct Barrier {
  int threads = 0;  // expected in this phase; 0 when no thread has arrived
  int arrived = 0;
  uint32_t warps = 0;    // number of warps that have arrived
  uint32_t waiting = 0;  // number of warps that wait
  uint32_t seen[kClocks] = {};
};

constexpr int kBarriers = 16;

// The kernel to run. The arguments stay alive until the launch returns.
struct Launch {
  Index3 grid, block;
  size_t shared_bytes;
  void (*kernel)(const void* arguments);
  const void* arguments;
};

struct Block {
  // Runs all threads of one block. Returns the message of the first fault, or an empty string.
  std::string run(const Launch& launch, Index3 index, uint64_t seed);

  // Continues with the next ready lane of the warp, or with the scheduler if there is none. Returns when the calling
  // lane is ready again and has its turn.
  void give_turn(Lane& from);
  void lane_ended(Lane& lane);
  void warp_at_barrier(Warp& warp, int id, int threads, bool waits);
  [[noreturn]] void stop(Lane& lane, std::string message);

  Launch launch{};
  Index3 index;
  SharedMemory shared;
  Counters counters;
  std::map<uint32_t, Mbarrier> mbarriers;  // by byte offset
  TensorCopies tensor_copies;
  WarpgroupLog warpgroups[kMaxWarps / 4];
  std::vector<std::unique_ptr<Lane>> lanes;
  std::vector<std::unique_ptr<Warp>> warps;

 private:
  void prepare();
  void run_warps();
  void release(Barrier& barrier);
  bool land_copies(bool progress);
  std::string unfinished() const;
  std::string deadlock() const;
  Lane* next_ready(Warp& warp);

  Fiber scheduler_;
  Barrier barriers_[kBarriers];
  Order order_;
  std::minstd_rand random_;
  size_t threads_ = 0;
  std::string fault_;
};

// The thread of a block that this host thread is executing.
extern __thread Lane* current_lane;

int thread_number(const Lane& lane);

}  // namespace emulator
}  // namespace videoclip
