#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace videoclip {

// Owned memory on a cache-line boundary, large buffers in huge pages where the system has them (fresh memory costs a
// fault per page). `data` is null when the allocation failed or the size is zero.
class Buffer {
 public:
  static constexpr size_t kHugePage = 2 << 20;

  explicit Buffer(size_t bytes = 0, size_t huge_from = 2 * kHugePage) : size_(bytes) {
    const size_t align = bytes >= huge_from ? kHugePage : 64;
    if (!bytes || bytes > SIZE_MAX - align) return;
    data_ = static_cast<char*>(std::aligned_alloc(align, (bytes + align - 1) / align * align));
#if defined(__linux__)
    if (data_ && align == kHugePage) madvise(data_, (bytes + align - 1) / align * align, MADV_HUGEPAGE);
#endif
  }
  ~Buffer() { std::free(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  char* data() const { return data_; }
  size_t size() const { return size_; }
  bool failed() const { return size_ && !data_; }

 private:
  char* data_ = nullptr;
  size_t size_;
};

using BufferPtr = std::shared_ptr<Buffer>;

}  // namespace videoclip
