#include "emulator/warp.h"

#include "emulator/fault.h"

namespace videoclip {
namespace emulator {
namespace {

constexpr uint32_t kFullMask = ~0u;

struct ShuffleArguments {
  Shuffle kind;
  uint32_t value, argument, result;
};

struct BallotArguments {
  bool predicate;
  uint32_t result;
};

struct BarrierArguments {
  int id, threads;
};

void finish_sync(Warp& warp, uint32_t mask) {
  order_lanes(warp.lane_clocks, mask);
  warp.share_acquired(mask);
  if (mask == kFullMask) warp.clock.synced = warp.clock.now++;
}

void finish_shuffle(Warp& warp, uint32_t mask) {
  for (uint32_t left = mask; left; left &= left - 1) {
    const int l = __builtin_ctz(left);
    auto* me = static_cast<ShuffleArguments*>(warp.lanes[l]->payload);
    uint32_t from = 0;
    if (me->kind == Shuffle::index) from = me->argument % kWarpLanes;
    if (me->kind == Shuffle::exclusive_or) from = (static_cast<uint32_t>(l) ^ me->argument) % kWarpLanes;
    if (me->kind == Shuffle::down) from = static_cast<uint32_t>(l) + me->argument;
    if (from >= kWarpLanes) from = static_cast<uint32_t>(l);  // past the end: the lane's own value
    if (!(mask >> from & 1)) {
      fault("shuffle with mask %08x: lane %d reads lane %u, which is not in the mask", mask, l, from);
    }
    me->result = static_cast<ShuffleArguments*>(warp.lanes[from]->payload)->value;
  }
}

void finish_ballot(Warp& warp, uint32_t mask) {
  uint32_t result = 0;
  for (int l = 0; l < kWarpLanes; ++l) {
    if ((mask >> l & 1) && static_cast<BallotArguments*>(warp.lanes[l]->payload)->predicate) result |= 1u << l;
  }
  for (int l = 0; l < kWarpLanes; ++l) {
    if (mask >> l & 1) static_cast<BallotArguments*>(warp.lanes[l]->payload)->result = result;
  }
}

template <bool kWaits>
void finish_barrier(Warp& warp, uint32_t) {
  const auto* me = static_cast<BarrierArguments*>(warp.lanes[0]->payload);
  current_lane->block->warp_at_barrier(warp, me->id, me->threads, kWaits);
}

void barrier(Wait wait, int id, int threads) {
  const auto all = static_cast<int>(current_lane->block->launch.block.x * current_lane->block->launch.block.y *
                                    current_lane->block->launch.block.z);
  if (id < 0 || id >= kBarriers) fault("barrier %d: there are %d", id, kBarriers);
  if (threads <= 0 || threads % kWarpLanes || threads > all) fault("barrier %d for %d of %d threads", id, threads, all);
  BarrierArguments arguments{id, threads};
  meet(wait, barrier_detail(id, threads), kFullMask, &arguments,
       wait == Wait::barrier_sync ? finish_barrier<true> : finish_barrier<false>);
}

}  // namespace

void meet(Wait wait, uint32_t detail, uint32_t mask, void* payload, Finish finish) {
  Lane& me = *current_lane;
  Warp& warp = *me.warp;
  const uint32_t bit = 1u << me.id;
  const int first = warp.id * kWarpLanes;
  const auto here = [&] { return describe(wait, detail, mask); };
  if (!(mask & bit)) fault("%s, which leaves out the calling lane %d", here().c_str(), me.id);
  if (mask & warp.ended) {
    fault("%s: thread %d has ended", here().c_str(), first + __builtin_ctz(mask & warp.ended));
  }
  me.payload = payload;
  size_t at = warp.meetings.size();
  for (size_t i = 0; i < warp.meetings.size(); ++i) {
    const Meeting& m = warp.meetings[i];
    if (m.wait == wait && m.detail == detail && m.mask == mask) {
      at = i;
    } else if ((m.arrived & mask) && (m.mask & bit)) {
      const std::string there = describe(m.wait, m.detail, m.mask);
      fault("diverges: at %s, but thread %d waits for it at %s%s", here().c_str(),
            first + __builtin_ctz(m.arrived & mask), there.c_str(), here() == there ? " of another kind" : "");
    }
  }
  if (at == warp.meetings.size()) warp.meetings.push_back({wait, detail, mask, 0});
  warp.meetings[at].arrived |= bit;
  warp.ready &= ~bit;
  if (warp.meetings[at].arrived == mask) {
    warp.meetings[at] = warp.meetings.back();
    warp.meetings.pop_back();
    if (mask == kFullMask) warp.log.flush(me.block->counters);
    if (wait != Wait::barrier_sync) warp.ready |= mask;
    if (finish) finish(warp, mask);
  }
  me.block->give_turn(me);
}

void sync_warp(uint32_t mask) { meet(Wait::sync_warp, 0, mask, nullptr, finish_sync); }

void barrier_sync(int id, int threads) { barrier(Wait::barrier_sync, id, threads); }
void barrier_arrive(int id, int threads) { barrier(Wait::barrier_arrive, id, threads); }

uint32_t shuffle(Shuffle kind, uint32_t mask, uint32_t value, uint32_t argument) {
  ShuffleArguments arguments{kind, value, argument, 0};
  meet(Wait::shuffle, static_cast<uint32_t>(kind), mask, &arguments, finish_shuffle);
  return arguments.result;
}

uint32_t ballot(uint32_t mask, bool predicate) {
  BallotArguments arguments{predicate, 0};
  meet(Wait::vote, 0, mask, &arguments, finish_ballot);
  return arguments.result;
}

}  // namespace emulator
}  // namespace videoclip
