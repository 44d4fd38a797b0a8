#pragma once
// The shared memory of one block, with a shadow that records for every byte whether it was written, and by which
// thread.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace videoclip {
namespace emulator {

struct Lane;

constexpr size_t kMaxSharedBytes = 227 * 1024;  // per block on sm_90; sm_80 has 163 KB, sm_86 99 KB

// All accesses have 1, 2, 4, 8 or 16 bytes and are aligned to their size; the callers have checked this. A violation
// ends the launch (fault.h).
class SharedMemory {
 public:
  // Makes everything uninitialised and fills it with 0xFF, which is NaN in every float format.
  void reset(size_t bytes);
  size_t size() const { return size_; }
  char* data() { return data_; }

  void before_read(const Lane& lane, uint32_t at, uint32_t bytes);
  void before_write(const Lane& lane, uint32_t at, uint32_t bytes);
  // An asynchronous copy. Between these two calls no thread may access the bytes, which hold 0xFF.
  void begin_async_write(const Lane& lane, uint32_t at, uint32_t bytes);
  void land_async_write(const Lane& lane, uint32_t at, uint32_t bytes, const void* from);

 private:
  // Accesses to one line of 16 bytes that later accesses must be ordered with. Simultaneous reads of several lanes
  // share a record.
  struct Record {
    uint32_t warp_time, lane_time;
    uint32_t lanes;
    uint16_t bytes;  // mask of the accessed bytes of the line
    uint8_t warp;
    bool write;
  };

  void record(const Lane& lane, uint32_t at, uint32_t bytes, bool write);
  static bool ordered(const Record& earlier, const Lane& lane);

  size_t size_ = 0;
  char* data_ = nullptr;
  std::vector<char> memory_;
  std::vector<uint8_t> state_;
  std::vector<std::vector<Record>> lines_;
};

}  // namespace emulator
}  // namespace videoclip
