#pragma once
#include <cstddef>
#include <memory>

namespace videoclip {

// An allocator of buffers in device memory, or in host memory that a device can copy from. Plain host memory has none.
class Memory {
 public:
  virtual ~Memory() = default;
  // Returns memory aligned to at least 256 bytes, or null if there is not enough.
  virtual char* allocate(size_t bytes) = 0;
  virtual void release(char* data, size_t bytes) = 0;
};

using MemoryPtr = std::shared_ptr<Memory>;

}  // namespace videoclip
