#pragma once
#include <cstddef>
#include <cstdlib>
#include <memory>

namespace videoclip {

// Owned memory on a cache-line boundary. `data` is null when the allocation failed or the size is zero.
class Buffer {
 public:
  explicit Buffer(size_t bytes = 0) : size_(bytes) {
    if (bytes && bytes < SIZE_MAX - 128) data_ = static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
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
