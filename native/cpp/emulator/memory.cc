#include "emulator/memory.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "emulator/block.h"
#include "emulator/fault.h"

namespace videoclip {
namespace emulator {
namespace {

const char* verb(bool write) { return write ? "store" : "load"; }

// Checks bounds and alignment of an access to shared memory, and returns its byte offset.
uint32_t locate(uint32_t offset, size_t count, size_t index, uint32_t item, uint32_t n, const char* what) {
  if (index >= count || n > count - index) {
    fault("shared %s of %u x %u bytes at index %zu is out of bounds: %zu items", what, n, item, index, count);
  }
  const uint32_t at = offset + static_cast<uint32_t>(index) * item;
  if (at % (n * item)) {
    fault("shared %s at index %zu is misaligned: byte offset %u, %u bytes", what, index, at, n * item);
  }
  return at;
}

const char* locate_global(const void* base, size_t count, size_t index, uint32_t item, uint32_t n, const char* what) {
  if (index >= count || n > count - index) {
    fault("global %s of %u x %u bytes at index %zu is out of bounds: %zu items", what, n, item, index, count);
  }
  const char* p = static_cast<const char*>(base) + index * item;
  if (reinterpret_cast<uintptr_t>(p) % (n * item)) {
    fault("global %s at index %zu is misaligned: address %p, %u bytes", what, index, static_cast<const void*>(p),
          n * item);
  }
  return p;
}

}  // namespace

__attribute__((noinline)) char* check_global(const void* base, size_t count, size_t index, uint32_t item, uint32_t n,
                                             bool write) {
  const char* p = locate_global(base, count, index, item, n, verb(write));
  const Lane& lane = *current_lane;
  lane.warp->log.add(__builtin_return_address(0), Space::global, lane.id, reinterpret_cast<uintptr_t>(p),
                     static_cast<int>(n * item));
  return const_cast<char*>(p);
}

char* check_shared_from(const void* site, uint32_t offset, size_t count, size_t index, uint32_t item, uint32_t n,
                        bool write) {
  const uint32_t at = locate(offset, count, index, item, n, verb(write));
  const Lane& lane = *current_lane;
  SharedMemory& shared = lane.block->shared;
  lane.warp->log.add(site, Space::shared, lane.id, at, static_cast<int>(n * item));
  if (write) {
    shared.before_write(lane, at, n * item);
  } else {
    shared.before_read(lane, at, n * item);
  }
  return shared.data() + at;
}

__attribute__((noinline)) char* check_shared(uint32_t offset, size_t count, size_t index, uint32_t item, uint32_t n,
                                             bool write) {
  return check_shared_from(__builtin_return_address(0), offset, count, index, item, n, write);
}

void check_shared_array(uint32_t offset, size_t bytes, uint32_t item) {
  const size_t launched = current_lane->block->shared.size();
  if (offset > launched || bytes > launched - offset) {
    fault("shared array [%u, %zu) is beyond the %zu bytes of the launch", offset, offset + bytes, launched);
  }
  if (offset % item) fault("shared array at byte offset %u is misaligned for items of %u bytes", offset, item);
}

void uninitialised_value(const char* memory, size_t index) {
  fault("loads an uninitialised value from %s memory at index %zu", memory, index);
}

__attribute__((noinline)) void cp_async(uint32_t to_offset, size_t to_count, size_t to_index, const void* from,
                                        size_t from_count, size_t from_index, uint32_t item, uint32_t bytes,
                                        bool valid) {
  Lane& lane = *current_lane;
  const void* site = __builtin_return_address(0);
  const uint32_t n = bytes / item;
  const uint32_t at = locate(to_offset, to_count, to_index, item, n, "cp_async");
  lane.warp->log.add(site, Space::shared, lane.id, at, static_cast<int>(bytes));
  const char* source = nullptr;
  if (valid) {
    source = locate_global(from, from_count, from_index, item, n, "cp_async");
    lane.warp->log.add(site, Space::global, lane.id, reinterpret_cast<uintptr_t>(source), static_cast<int>(bytes));
  }
  lane.block->shared.begin_async_write(lane, at, bytes);
  lane.copies.push_back({source, at, bytes});
}

void cp_async_commit() { current_lane->groups.push_back(current_lane->copies.size()); }

void cp_async_wait(size_t pending) {
  Lane& lane = *current_lane;
  if (lane.groups.size() <= pending) return;
  const size_t landing = lane.groups.size() - pending;
  const size_t end = lane.groups[landing - 1];
  for (size_t i = 0; i < end; ++i) {
    const AsyncCopy& copy = lane.copies[i];
    lane.block->shared.land_async_write(lane, copy.to, copy.bytes, copy.from);
  }
  lane.copies.erase(lane.copies.begin(), lane.copies.begin() + static_cast<std::ptrdiff_t>(end));
  lane.groups.erase(lane.groups.begin(), lane.groups.begin() + static_cast<std::ptrdiff_t>(landing));
  for (size_t& group : lane.groups) group -= end;
}

namespace {

constexpr size_t kAlign = 256;  // also the space before the memory that stores its size
std::atomic<size_t> in_use{0}, limit{SIZE_MAX};

}  // namespace

void set_memory_limit(size_t bytes) { limit = bytes; }
size_t memory_in_use() { return in_use; }

void* allocate(size_t bytes) {
  const size_t rounded = (bytes + kAlign - 1) / kAlign * kAlign;
  if (in_use.fetch_add(rounded) + rounded > limit) {
    in_use -= rounded;
    return nullptr;
  }
  char* memory = static_cast<char*>(std::aligned_alloc(kAlign, kAlign + rounded));
  if (!memory) {
    in_use -= rounded;
    return nullptr;
  }
  std::memcpy(memory, &rounded, sizeof rounded);
  std::memset(memory + kAlign, 0xff, rounded);
  return memory + kAlign;
}

void release(void* data) {
  if (!data) return;
  char* memory = static_cast<char*>(data) - kAlign;
  size_t rounded;
  std::memcpy(&rounded, memory, sizeof rounded);
  in_use -= rounded;
  std::free(memory);
}

}  // namespace emulator
}  // namespace videoclip
