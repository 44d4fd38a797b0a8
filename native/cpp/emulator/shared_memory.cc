#include "emulator/shared_memory.h"

#include <cstring>
#include <string>

#include "emulator/block.h"
#include "emulator/fault.h"

namespace videoclip {
namespace emulator {
namespace {

constexpr uint32_t kLineBytes = 16;
constexpr size_t kBaseAlignment = 1024;  // the largest period of a swizzle
enum ByteState : uint8_t { kFresh = 0, kWritten = 1, kInFlight = 2, kInTensorCopy = 3 };
constexpr uint32_t kWord = 4;

// Whether all of 1, 2, 4, 8 or 16 bytes equal `value`.
inline bool all_equal(const uint8_t* p, uint32_t bytes, uint8_t value) {
  const uint64_t pattern = value * 0x0101010101010101u;
  uint64_t a = pattern, b = pattern;
  if (bytes == 16) {
    std::memcpy(&a, p, 8);
    std::memcpy(&b, p + 8, 8);
  } else {
    std::memcpy(&a, p, bytes);
  }
  return a == pattern && b == pattern;
}

inline bool any_equal(const uint8_t* p, uint32_t bytes, uint8_t value) { return std::memchr(p, value, bytes); }

// Whose accesses a clock counts, for messages.
std::string owner(int clock, uint32_t lanes) {
  if (clock == kTensorCopyClock) return "a tensor copy";
  if (clock >= kWgmmaClocks) return "a wgmma of warp " + std::to_string(clock - kWgmmaClocks);
  return "thread " + std::to_string(clock * kWarpLanes + __builtin_ctz(lanes));
}

}  // namespace

void SharedMemory::reset(size_t bytes) {
  size_ = bytes;
  memory_.resize(bytes + kBaseAlignment);
  const auto address = reinterpret_cast<uintptr_t>(memory_.data());
  data_ = memory_.data() + (kBaseAlignment - address % kBaseAlignment) % kBaseAlignment;
  std::memset(data_, 0xff, bytes);
  state_.assign(bytes, kFresh);
  writers_.assign((bytes + kWord - 1) / kWord, {-1, 0});
  const size_t lines = (bytes + kLineBytes - 1) / kLineBytes;
  if (lines_.size() < lines) lines_.resize(lines);
  for (auto& line : lines_) line.clear();
}

void SharedMemory::check_written(uint32_t at, uint32_t bytes) const {
  const uint8_t* state = state_.data() + at;
  if (all_equal(state, bytes, kWritten)) return;
  if (any_equal(state, bytes, kInFlight)) {
    fault("reads shared bytes [%u, %u) while cp_async is writing them: cp_async_wait is missing", at, at + bytes);
  }
  if (any_equal(state, bytes, kInTensorCopy)) {
    fault("reads shared bytes [%u, %u) while a tensor copy is writing them: it must wait for the phase of its mbarrier",
          at, at + bytes);
  }
  fault("reads uninitialised shared bytes [%u, %u)", at, at + bytes);
}

void SharedMemory::before_read(const Lane& lane, uint32_t at, uint32_t bytes) {
  check_written(at, bytes);
  record(lane, at, bytes, false);
}

void SharedMemory::before_write(const Lane& lane, uint32_t at, uint32_t bytes) {
  uint8_t* state = state_.data() + at;
  if (any_equal(state, bytes, kInFlight)) {
    fault("writes shared bytes [%u, %u) while cp_async is writing them", at, at + bytes);
  }
  if (any_equal(state, bytes, kInTensorCopy)) {
    fault("writes shared bytes [%u, %u) while a tensor copy is writing them", at, at + bytes);
  }
  record(lane, at, bytes, true);
  std::memset(state, kWritten, bytes);
  for (uint32_t word = at / kWord; word * kWord < at + bytes; ++word) {
    writers_[word] = {thread_number(lane), lane.proxy_fences};
  }
}

void SharedMemory::begin_async_write(const Lane& lane, uint32_t at, uint32_t bytes) {
  before_write(lane, at, bytes);
  std::memset(state_.data() + at, kInFlight, bytes);
  std::memset(data_ + at, 0xff, bytes);
}

void SharedMemory::land_async_write(const Lane& lane, uint32_t at, uint32_t bytes, const void* from) {
  record(lane, at, bytes, true);
  std::memset(state_.data() + at, kWritten, bytes);
  if (from) {
    std::memcpy(data_ + at, from, bytes);
  } else {
    std::memset(data_ + at, 0, bytes);
  }
}

void SharedMemory::check_visible(const Lane& lane, uint32_t at, uint32_t bytes, const char* reader) const {
  for (uint32_t word = at / kWord; word * kWord < at + bytes; ++word) {
    const Writer& writer = writers_[word];
    if (writer.thread < 0 || lane.block->lanes[static_cast<size_t>(writer.thread)]->proxy_fences > writer.fences)
      continue;
    fault("%s accesses shared bytes [%u, %u), which thread %d wrote: its fence_proxy_async is missing", reader, at,
          at + bytes, writer.thread);
  }
}

void SharedMemory::before_wgmma_read(const Lane& lane, uint32_t at, uint32_t bytes, uint32_t group) {
  check_written(at, bytes);
  check_visible(lane, at, bytes, "wgmma");
  const auto clock = static_cast<uint8_t>(kWgmmaClocks + lane.warp->id);
  record(lane, Record{group, 0, 1, 0, clock, false}, at, bytes);
}

void SharedMemory::begin_tensor_copy(const Lane& lane, uint32_t at, uint32_t bytes) {
  check_visible(lane, at, bytes, "a tensor copy");
  before_write(lane, at, bytes);
  std::memset(state_.data() + at, kInTensorCopy, bytes);
  std::memset(data_ + at, 0xff, bytes);
}

// The order of earlier accesses was checked when the copy began.
void SharedMemory::land_tensor_copy(uint32_t at, uint32_t bytes, const void* from, uint32_t number) {
  auto& line = lines_[at / kLineBytes];
  line.clear();
  const auto mask = static_cast<uint16_t>(((1u << bytes) - 1) << at % kLineBytes);
  line.push_back({number, 0, 1, mask, kTensorCopyClock, true});
  std::memset(state_.data() + at, kWritten, bytes);
  for (uint32_t word = at / kWord; word * kWord < at + bytes; ++word) writers_[word] = {-1, 0};
  if (from) {
    std::memcpy(data_ + at, from, bytes);
  } else {
    std::memset(data_ + at, 0, bytes);
  }
}

bool SharedMemory::ordered(const Record& earlier, const Lane& lane) {
  if (earlier.clock != lane.warp->id) {
    return earlier.warp_time <= std::max(lane.warp->clock.seen[earlier.clock], lane.acquired[earlier.clock]);
  }
  if (earlier.lane_time <= lane.clock.seen_all || earlier.lanes == 1u << lane.id) return true;
  for (int l = 0; l < kWarpLanes; ++l) {
    if ((earlier.lanes >> l & 1) && l != lane.id && earlier.lane_time > lane.clock.seen[l]) return false;
  }
  return true;
}

void SharedMemory::record(const Lane& lane, uint32_t at, uint32_t bytes, bool write) {
  const auto warp = static_cast<uint8_t>(lane.warp->id);
  record(lane, Record{lane.warp->clock.now, lane.clock.now, 1u << lane.id, 0, warp, write}, at, bytes);
}

void SharedMemory::record(const Lane& lane, Record now, uint32_t at, uint32_t bytes) {
  auto& line = lines_[at / kLineBytes];
  const auto mask = static_cast<uint16_t>(((1u << bytes) - 1) << at % kLineBytes);
  now.bytes = mask;
  const uint32_t me = now.lanes;
  const bool write = now.write;
  int shared_read = -1;  // other lanes of the warp read the same bytes at this time
  for (size_t i = 0; i < line.size();) {
    Record& r = line[i];
    if (!(r.bytes & mask)) {
      ++i;
      continue;
    }
    const bool same_time = r.clock == now.clock && r.warp_time == now.warp_time && r.lane_time == now.lane_time;
    if (same_time && r.write == write && r.bytes == mask) {
      if (r.lanes & me) return;
      if (!write) {
        shared_read = static_cast<int>(i++);
        continue;
      }
    }
    const bool after = ordered(r, lane);
    if ((write || r.write) && !after) {
      const uint32_t others = r.lanes & (r.clock == now.clock ? ~me : ~0u);
      fault("race: %s of shared bytes [%u, %u) is not ordered after the %s by %s: a barrier is missing",
            write ? "write" : "read", at, at + bytes, r.write ? "write" : "read", owner(r.clock, others).c_str());
    }
    // Every access that is ordered after this one is also ordered after the accesses that it supersedes. A read does
    // not supersede a write.
    if (after && (write || !r.write)) r.bytes &= static_cast<uint16_t>(~mask);
    if (r.bytes == 0) {
      r = line.back();
      line.pop_back();
    } else {
      ++i;
    }
  }
  if (shared_read >= 0) {
    line[static_cast<size_t>(shared_read)].lanes |= me;
  } else {
    line.push_back(now);
  }
}

}  // namespace emulator
}  // namespace videoclip
