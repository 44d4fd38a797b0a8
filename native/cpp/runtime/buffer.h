#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "runtime/memory.h"

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
#if defined(__linux__)
    if (mapped()) {
      // A huge page begins at a multiple of its size: map more, and unmap the parts around it.
      const size_t slack = bytes >= kHuge ? kHuge : 0;
      void* memory = mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (memory == MAP_FAILED) return;
      data_ = static_cast<char*>(memory);
      if (!slack) return;
      const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), whole = (bytes + page - 1) / page * page;
      const size_t before = (kHuge - reinterpret_cast<uintptr_t>(data_) % kHuge) % kHuge;
      if (before) munmap(data_, before);
      data_ += before;
      if (bytes + slack > before + whole) munmap(data_ + whole, bytes + slack - before - whole);
      madvise(data_, bytes, MADV_HUGEPAGE);
      return;
    }
#endif
    data_ = static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
  }
  ~Buffer() {
    if (memory_) {
      if (data_) memory_->release(data_, size_);
      return;
    }
#if defined(__linux__)
    if (mapped()) {
      if (data_) munmap(data_, size_);
      return;
    }
#endif
    std::free(data_);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  char* data() const { return data_; }
  size_t size() const { return size_; }
  bool failed() const { return size_ && !data_; }

 private:
  static constexpr size_t kMapped = 1 << 20, kHuge = 2 << 20;
  bool mapped() const { return size_ >= kMapped; }

  char* data_ = nullptr;
  size_t size_;
  MemoryPtr memory_;
};

using BufferPtr = std::shared_ptr<Buffer>;

}  // namespace videoclip
