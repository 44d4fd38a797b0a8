#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

#include "runtime/memory.h"
#include "runtime/pages.h"

namespace videoclip {

// Owned memory, aligned to a cache line. Large buffers are mapped, in huge pages where the system has them, because
// fresh memory costs a page fault per page; a mapped buffer is returned to the system as soon as it is freed. `data` is
// null if the allocation failed or the size is zero.
class Buffer {
 public:
  explicit Buffer(size_t bytes = 0, MemoryPtr memory = nullptr) : size_(bytes), memory_(std::move(memory)) {
    if (!bytes || bytes > SIZE_MAX / 2) return;
    if (memory_) {
      data_ = memory_->allocate(bytes);
      return;
    }
    if (mapped()) {
      data_ = map_memory(bytes);
      return;
    }
    data_ = static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
  }
  ~Buffer() {
    if (memory_) {
      if (data_) memory_->release(data_, size_);
      return;
    }
    if (mapped()) {
      if (data_) unmap(data_, size_);
      return;
    }
    std::free(data_);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  char* data() const { return data_; }
  size_t size() const { return size_; }
  bool failed() const { return size_ && !data_; }

 private:
  static constexpr size_t kMapped = 1 << 20;
  bool mapped() const { return size_ >= kMapped && maps_memory(); }

  char* data_ = nullptr;
  size_t size_;
  MemoryPtr memory_;
};

using BufferPtr = std::shared_ptr<Buffer>;

}  // namespace videoclip
