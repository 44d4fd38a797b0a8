#include "emulator/block.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

#include "emulator/fault.h"

namespace videoclip {
namespace emulator {

__thread Lane* current_lane = nullptr;

namespace {

const char* const kWaitNames[] = {"sync_warp", "a shuffle",   "a vote",       "ldmatrix",  "mma",
                                  "wgmma",     "wgmma_fence", "wgmma_commit", "wgmma_wait"};

// The body of every fiber.
void lane_main() {
  Lane& lane = *current_lane;
  lane.block->launch.kernel(lane.block->launch.arguments);
  lane.block->lane_ended(lane);
  __builtin_unreachable();
}

std::string text(const char* format, va_list arguments) {
  char buffer[512];
  std::vsnprintf(buffer, sizeof buffer, format, arguments);
  return buffer;
}

const Lane* first_at_mbarrier(const Warp& warp) {
  for (const Lane* lane : warp.lanes) {
    if (lane->mbarrier >= 0) return lane;
  }
  return nullptr;
}

}  // namespace

std::string describe(Wait wait, uint32_t detail, uint32_t mask) {
  char buffer[64];
  if (wait == Wait::barrier_sync || wait == Wait::barrier_arrive) {
    std::snprintf(buffer, sizeof buffer, "barrier %u for %u threads", detail >> 16, detail & 0xffff);
  } else {
    std::snprintf(buffer, sizeof buffer, "%s with mask %08x", kWaitNames[static_cast<int>(wait)], mask);
  }
  return buffer;
}

int thread_number(const Lane& lane) { return lane.warp->id * kWarpLanes + lane.id; }

void fault(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::string message = text(format, arguments);
  va_end(arguments);
  Lane& lane = *current_lane;
  lane.block->stop(lane, "thread " + std::to_string(thread_number(lane)) + ": " + message);
}

void Warp::share_acquired(uint32_t mask) {
  uint32_t all[kClocks] = {};
  for (int l = 0; l < kWarpLanes; ++l) {
    if (mask >> l & 1) join(all, lanes[l]->acquired);
  }
  if (mask == ~0u) join(clock.seen, all);
  for (int l = 0; l < kWarpLanes; ++l) {
    if (mask >> l & 1) std::copy_n(all, kClocks, lanes[l]->acquired);
  }
}

void Block::prepare() {
  threads_ = size_t{launch.block.x} * launch.block.y * launch.block.z;
  while (lanes.size() < threads_) lanes.push_back(std::make_unique<Lane>());
  const size_t warp_count = threads_ / kWarpLanes;
  while (warps.size() < warp_count) warps.push_back(std::make_unique<Warp>());
  for (size_t w = 0; w < warp_count; ++w) {
    Warp& warp = *warps[w];
    warp.id = static_cast<int>(w);
    warp.ready = ~0u;
    warp.ended = 0;
    warp.meetings.clear();
    warp.barrier = -1;
    warp.clock = WarpClock();
    warp.log.clear();
    warp.products = Products();
    for (int l = 0; l < kWarpLanes; ++l) {
      const size_t t = w * kWarpLanes + static_cast<size_t>(l);
      Lane& lane = *lanes[t];
      warp.lanes[l] = &lane;
      warp.lane_clocks[l] = &lane.clock;
      lane.block = this;
      lane.warp = &warp;
      lane.id = l;
      lane.thread.x = static_cast<uint32_t>(t % launch.block.x);
      lane.thread.y = static_cast<uint32_t>(t / launch.block.x % launch.block.y);
      lane.thread.z = static_cast<uint32_t>(t / launch.block.x / launch.block.y);
      lane.clock = LaneClock();
      lane.copies.clear();
      lane.groups.clear();
      std::fill_n(lane.acquired, kClocks, 0);
      lane.proxy_fences = 0;
      lane.mbarrier = -1;
      lane.fiber.start(lane_main);
    }
  }
  for (Barrier& barrier : barriers_) barrier = Barrier();
  mbarriers.clear();
  tensor_copies = TensorCopies();
  for (WarpgroupLog& log : warpgroups) log.clear();
  shared.reset(launch.shared_bytes);
  fault_.clear();
}

std::string Block::run(const Launch& what, Index3 where, uint64_t seed) {
  launch = what;
  index = where;
  order_ = order();
  random_.seed(static_cast<uint32_t>(order_.seed * 7919 + seed + 1));
  prepare();
  run_warps();
  ++counters.blocks;
  return fault_;
}

void Block::run_warps() {
  const size_t count = threads_ / kWarpLanes;
  std::vector<size_t> turns(count);
  for (size_t w = 0; w < count; ++w) turns[w] = order_.kind == Order::reverse ? count - 1 - w : w;
  for (bool progress = true; progress;) {
    progress = false;
    if (order_.kind == Order::random) std::shuffle(turns.begin(), turns.end(), random_);
    for (size_t w : turns) {
      Lane* first = next_ready(*warps[w]);
      if (!first) continue;
      progress = true;
      current_lane = first;
      first->fiber.resume_from(scheduler_);
      current_lane = nullptr;
      if (!fault_.empty()) return;
    }
    progress = land_copies(progress) || progress;
  }
  for (size_t w = 0; w < count; ++w) {
    if (~warps[w]->ended) {
      fault_ = deadlock();
      return;
    }
    warps[w]->log.flush(counters);
  }
  fault_ = unfinished();
}

// Asynchronous copies land as late as possible, at once, or at a random time, by the order of the warps.
bool Block::land_copies(bool progress) {
  size_t landed = 0;
  if (order_.kind == Order::reverse) {
    while (tensor_copies.land(*this, 0)) ++landed;
  } else if (order_.kind == Order::random) {
    for (size_t left = tensor_copies.flying.size(); left > 0; --left) {
      const bool now = random_() % 2 != 0 || (!progress && left == 1 && landed == 0);
      if (now && tensor_copies.land(*this, random_() % tensor_copies.flying.size())) ++landed;
    }
  } else if (!progress && tensor_copies.land(*this, 0)) {
    ++landed;
  }
  return landed > 0;
}

// What the block leaves behind when all threads have ended.
std::string Block::unfinished() const {
  bool waited = tensor_copies.flying.empty();
  for (const auto& [at, barrier] : mbarriers) waited = waited && !barrier.copied && !barrier.unseen;
  if (!waited) return "the block ends without a wait for a tensor copy";
  for (size_t w = 0; w < threads_ / kWarpLanes; ++w) {
    const Products& products = warps[w]->products;
    if (!products.pending.empty()) return "warp " + std::to_string(w) + " ends while a wgmma is in flight";
    if (products.issued != warps[w / 4 * 4]->products.issued) {
      return "the warps of the warpgroup of warp " + std::to_string(w) + " executed different numbers of wgmma";
    }
  }
  return {};
}

Lane* Block::next_ready(Warp& warp) {
  uint32_t ready = warp.ready;
  if (!ready) return nullptr;
  if (order_.kind == Order::reverse) return warp.lanes[31 - __builtin_clz(ready)];
  if (order_.kind == Order::random) {
    for (auto skip = random_() % static_cast<uint32_t>(__builtin_popcount(ready)); skip; --skip) ready &= ready - 1;
  }
  return warp.lanes[__builtin_ctz(ready)];
}

void Block::give_turn(Lane& from) {
  Lane* next = next_ready(*from.warp);
  if (next == &from) return;
  current_lane = next;
  (next ? next->fiber : scheduler_).resume_from(from.fiber);
}

void Block::stop(Lane& lane, std::string message) {
  fault_ = std::move(message);
  scheduler_.resume_from(lane.fiber);
  __builtin_unreachable();
}

void Block::lane_ended(Lane& lane) {
  Warp& warp = *lane.warp;
  for (const Meeting& m : warp.meetings) {
    if (m.mask >> lane.id & 1) {
      fault("ends while thread %d waits for it at %s", warp.id * kWarpLanes + __builtin_ctz(m.arrived),
            describe(m.wait, m.detail, m.mask).c_str());
    }
  }
  for (int id = 0; id < kBarriers; ++id) {
    const Barrier& b = barriers_[id];
    if (b.waiting && b.threads == static_cast<int>(threads_) && !(b.warps >> warp.id & 1)) {
      fault("ends while thread %d waits for it at barrier %d", __builtin_ctz(b.waiting) * kWarpLanes, id);
    }
  }
  warp.ended |= 1u << lane.id;
  warp.ready &= ~(1u << lane.id);
  give_turn(lane);
}

void Block::warp_at_barrier(Warp& warp, int id, int threads, bool waits) {
  Barrier& barrier = barriers_[id];
  if (barrier.threads && barrier.threads != threads) {
    fault("barrier %d for %d threads, but warp %d came to it for %d", id, threads, __builtin_ctz(barrier.warps),
          barrier.threads);
  }
  if (barrier.warps >> warp.id & 1) fault("barrier %d: warp %d arrives twice in one phase", id, warp.id);
  if (threads == static_cast<int>(threads_)) {
    for (size_t w = 0; w < threads_ / kWarpLanes; ++w) {
      if (!warps[w]->ended || (barrier.warps >> w & 1)) continue;
      fault("waits at barrier %d for thread %d, which has ended", id,
            static_cast<int>(w) * kWarpLanes + __builtin_ctz(warps[w]->ended));
    }
  }
  warp.share_acquired(~0u);
  barrier.threads = threads;
  barrier.arrived += kWarpLanes;
  barrier.warps |= 1u << warp.id;
  join(barrier.seen, warp.clock.seen);
  warp.clock.synced = warp.clock.now++;
  barrier.seen[warp.id] = warp.clock.synced;
  if (waits) {
    barrier.waiting |= 1u << warp.id;
    warp.barrier = id;
  }
  if (barrier.arrived == barrier.threads) release(barrier);
}

void Block::release(Barrier& barrier) {
  for (uint32_t left = barrier.waiting; left; left &= left - 1) {
    Warp& warp = *warps[static_cast<size_t>(__builtin_ctz(left))];
    join(warp.clock.seen, barrier.seen);
    order_lanes(warp.lane_clocks, ~0u);
    warp.barrier = -1;
    warp.ready = ~0u;
  }
  barrier = Barrier();
}

// No lane can continue: the message names the first thread of each kind of wait.
std::string Block::deadlock() const {
  std::string message = "deadlock:";
  const char* separator = " ";
  for (size_t w = 0; w < threads_ / kWarpLanes; ++w) {
    const Warp& warp = *warps[w];
    const std::string first = std::to_string(w * kWarpLanes);
    std::string what;
    if (warp.barrier >= 0) {
      const Barrier& b = barriers_[warp.barrier];
      what = "threads from " + first + " wait at barrier " + std::to_string(warp.barrier) + " (" +
             std::to_string(b.arrived) + " of " + std::to_string(b.threads) + " threads)";
    } else if (const Lane* lane = first_at_mbarrier(warp)) {
      what = "thread " + std::to_string(thread_number(*lane)) + " waits at " +
             describe_mbarrier(mbarriers.at(static_cast<uint32_t>(lane->mbarrier)), lane->mbarrier);
    } else if (!warp.meetings.empty()) {
      const Meeting& m = warp.meetings.front();
      what = "thread " + std::to_string(w * kWarpLanes + static_cast<size_t>(__builtin_ctz(m.arrived))) + " waits at " +
             describe(m.wait, m.detail, m.mask);
    } else if (warp.ended) {
      what = "threads from " + first + " have ended";
    }
    if (what.empty() || message.size() > 300) continue;
    message += separator + what;
    separator = ", ";
  }
  return message;
}

}  // namespace emulator
}  // namespace videoclip
