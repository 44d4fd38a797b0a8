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

  // Accesses of the asynchronous proxy. They see what a thread wrote only after the thread's fence_proxy_async.
  // A read by wgmma that `lane` issues, in its group number `group`.
  void before_wgmma_read(const Lane& lane, uint32_t at, uint32_t bytes, uint32_t group);
  // A tensor copy. Between these two calls no thread may access the bytes, which hold 0xFF. `from` may be null.
  void begin_tensor_copy(const Lane& lane, uint32_t at, uint32_t bytes);
  void land_tensor_copy(uint32_t at, uint32_t bytes, const void* from, uint32_t number);
  // Reports bytes that a thread wrote without a fence_proxy_async after it.
  void check_visible(const Lane& lane, uint32_t at, uint32_t bytes, const char* reader) const;

 private:
  // Accesses to one line of 16 bytes that later accesses must be ordered with. Simultaneous reads of several lanes
  // share a record.
  struct Record {
    uint32_t warp_time, lane_time;
    uint32_t lanes;
    uint16_t bytes;  // mask of the accessed bytes of the line
    uint8_t clock;   // of the warp, or one of the others in clocks.h
    bool write;
  };
  // The thread that wrote a word last, and the number of its fences then. No thread: a tensor copy.
  struct Writer {
    int32_t thread;
    uint32_t fences;
  };

  void record(const Lane& lane, uint32_t at, uint32_t bytes, bool write);
  void record(const Lane& lane, Record now, uint32_t at, uint32_t bytes);
  void check_written(uint32_t at, uint32_t bytes) const;
  static bool ordered(const Record& earlier, const Lane& lane);

  size_t size_ = 0;
  char* data_ = nullptr;
  std::vector<char> memory_;
  std::vector<uint8_t> state_;
  std::vector<Writer> writers_;  // by words of 4 bytes
  std::vector<std::vector<Record>> lines_;
};

}  // namespace emulator
}  // namespace videoclip
