#include "emulator/mbarrier.h"

#include <algorithm>

#include "emulator/block.h"
#include "emulator/fault.h"
#include "emulator/memory.h"

namespace videoclip {
namespace emulator {
namespace {

constexpr uint32_t kBytes = 8;
constexpr int64_t kMaxCount = (1 << 20) - 1;  // of arrivals, and of bytes

uint32_t place(uint32_t offset, size_t count, size_t index, bool write) {
  const char* data = check_shared_from(__builtin_return_address(0), offset, count, index, kBytes, 1, write);
  return static_cast<uint32_t>(data - current_lane->block->shared.data());
}

Mbarrier& find(uint32_t at) {
  auto& all = current_lane->block->mbarriers;
  const auto found = all.find(at);
  if (found == all.end()) fault("uses shared bytes [%u, %u) as an mbarrier without mbarrier_init", at, at + kBytes);
  return found->second;
}

// Ends the phase if nothing is missing, and lets the waiting lanes look again.
void end_phase(Block& block, Mbarrier& barrier, uint32_t at) {
  if (barrier.pending > 0 || barrier.bytes != 0) return;
  barrier.phase ^= 1;
  barrier.unseen = barrier.unseen || barrier.copied;
  barrier.copied = false;
  barrier.pending = barrier.expected;
  join(barrier.completed, barrier.seen);
  std::fill_n(barrier.seen, kClocks, 0);
  std::fill_n(barrier.lanes, kMaxWarps, 0);
  for (auto& lane : block.lanes) {
    if (lane->mbarrier != at) continue;
    lane->mbarrier = -1;
    lane->warp->ready |= 1u << lane->id;
  }
}

void arrive(uint32_t at, uint32_t bytes) {
  Mbarrier& barrier = find(at);
  Lane& lane = *current_lane;
  Warp& warp = *lane.warp;
  if (barrier.pending == 0)
    fault("arrives at the mbarrier at byte %u, which has all its %u arrivals", at, barrier.expected);
  join(barrier.seen, warp.clock.seen);
  join(barrier.seen, lane.acquired);
  // One lane speaks for what the warp did before its last sync_warp, all lanes together for everything.
  uint32_t& arrived = barrier.lanes[warp.id];
  arrived |= 1u << lane.id;
  uint32_t& seen = barrier.seen[warp.id];
  if (arrived == ~0u) warp.clock.synced = warp.clock.now++;
  seen = std::max(seen, warp.clock.synced);
  --barrier.pending;
  barrier.bytes += bytes;
  if (barrier.bytes > kMaxCount) fault("the mbarrier at byte %u expects more than 2^20 - 1 bytes", at);
  end_phase(*lane.block, barrier, at);
}

}  // namespace

void mbarrier_init(uint32_t offset, size_t count, size_t index, uint32_t arrivals) {
  const uint32_t at = place(offset, count, index, true);
  if (arrivals == 0 || arrivals > kMaxCount) fault("mbarrier_init with %u arrivals", arrivals);
  if (current_lane->block->mbarriers.count(at)) fault("mbarrier_init of the mbarrier at byte %u, which exists", at);
  Mbarrier barrier;
  barrier.expected = barrier.pending = arrivals;
  current_lane->block->mbarriers[at] = barrier;
}

void mbarrier_arrive(uint32_t offset, size_t count, size_t index) { arrive(place(offset, count, index, false), 0); }

void mbarrier_arrive_expect(uint32_t offset, size_t count, size_t index, uint32_t bytes) {
  arrive(place(offset, count, index, false), bytes);
}

void mbarrier_wait(uint32_t offset, size_t count, size_t index, uint32_t parity) {
  const uint32_t at = place(offset, count, index, false);
  Mbarrier& barrier = find(at);
  if (parity > 1) fault("mbarrier_wait for the parity %u", parity);
  Lane& lane = *current_lane;
  while (barrier.phase == parity) {
    lane.mbarrier = at;
    lane.warp->ready &= ~(1u << lane.id);
    lane.block->give_turn(lane);
  }
  barrier.unseen = false;
  join(lane.acquired, barrier.completed);
  // What every lane has seen, the warp has seen.
  uint32_t all[kClocks];
  std::copy_n(lane.acquired, kClocks, all);
  for (const Lane* other : lane.warp->lanes) {
    for (int c = 0; c < kClocks; ++c) all[c] = std::min(all[c], other->acquired[c]);
  }
  join(lane.warp->clock.seen, all);
}

void fence_proxy_async() { ++current_lane->proxy_fences; }

void check_mbarrier(uint32_t at) {
  find(at);
  current_lane->block->shared.before_read(*current_lane, at, kBytes);
  current_lane->block->shared.check_visible(*current_lane, at, kBytes, "a tensor copy");
}

void mbarrier_complete(Block& block, uint32_t at, uint32_t bytes, uint32_t copy) {
  Mbarrier& barrier = block.mbarriers.at(at);
  barrier.bytes = std::max(barrier.bytes - bytes, -kMaxCount);  // a phase with too many bytes never ends
  barrier.copied = true;
  barrier.seen[kTensorCopyClock] = std::max(barrier.seen[kTensorCopyClock], copy);
  end_phase(block, barrier, at);
}

std::string describe_mbarrier(const Mbarrier& barrier, int64_t at) {
  return "the mbarrier at byte " + std::to_string(at) + " (" + std::to_string(barrier.expected - barrier.pending) +
         " of " + std::to_string(barrier.expected) + " arrivals, " + std::to_string(barrier.bytes) + " bytes missing)";
}

}  // namespace emulator
}  // namespace videoclip
