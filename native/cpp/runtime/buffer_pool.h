#pragma once
#include <map>
#include <mutex>

#include "runtime/buffer.h"

namespace videoclip {

// Buffers of runs, which are reused for later runs of the same size. Fresh memory costs a page fault per 4 KiB, which
// takes as long as one large convolution; pinned memory costs several times as much. A pool of host memory keeps at
// most 64 MiB, which the caches of the system serve as well; a pool of pinned memory keeps the batches of a GPU.
class BufferPool {
 public:
  explicit BufferPool(MemoryPtr memory = nullptr)
      : memory_(std::move(memory)), state_(std::make_shared<State>(memory_ ? kPinned : kHost)) {}

  BufferPtr take(size_t bytes) {
    std::unique_ptr<Buffer> buffer = state_->take(bytes);
    if (!buffer) buffer = std::make_unique<Buffer>(bytes, memory_);
    return BufferPtr(buffer.release(), [state = state_](Buffer* b) { state->give(std::unique_ptr<Buffer>(b)); });
  }

 private:
  // The largest number of unused bytes, and of unused buffers of one size.
  struct Limits {
    size_t bytes, same_size;
  };
  static constexpr Limits kHost{64 << 20, 2}, kPinned{size_t{2} << 30, 4};

  struct State {
    explicit State(Limits most) : limits(most) {}
    const Limits limits;
    std::mutex mutex;
    std::multimap<size_t, std::unique_ptr<Buffer>> free;
    size_t bytes = 0;

    std::unique_ptr<Buffer> take(size_t size) {
      std::lock_guard<std::mutex> lock(mutex);
      auto found = free.find(size);
      if (found == free.end()) return nullptr;
      std::unique_ptr<Buffer> buffer = std::move(found->second);
      free.erase(found);
      bytes -= size;
      return buffer;
    }
    void give(std::unique_ptr<Buffer> buffer) {
      const size_t size = buffer->size();
      if (size == 0 || size > limits.bytes || buffer->failed()) return;
      std::lock_guard<std::mutex> lock(mutex);
      if (bytes + size > limits.bytes || free.count(size) >= limits.same_size) return;
      bytes += size;
      free.emplace(size, std::move(buffer));
    }
  };
  MemoryPtr memory_;
  std::shared_ptr<State> state_;
};

}  // namespace videoclip
