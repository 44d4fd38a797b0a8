#pragma once
#include <cstddef>
#include <memory>

namespace videoclip {

// Where buffers live: device memory, or host memory that a device can copy from. Plain host memory has none.
class Memory {
 public:
  virtual ~Memory() = default;
  // At least 256-byte aligned; null when memory is short.
  virtual char* allocate(size_t bytes) = 0;
  virtual void release(char* data, size_t bytes) = 0;
};

using MemoryPtr = std::shared_ptr<Memory>;

}  // namespace videoclip
