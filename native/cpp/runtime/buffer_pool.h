#pragma once
#include <map>
#include <mutex>

#include "runtime/buffer.h"

namespace videoclip {

// Buffers of runs, which are reused for later runs of the same size. Fresh memory costs a page fault per 4 KiB, which
// takes as long as one large convolution. The pool keeps at most kLimit bytes, and at most kSameSize unused buffers of
// one size.
class BufferPool {
 public:
  explicit BufferPool(MemoryPtr memory = nullptr) : memory_(std::move(memory)) {}

  BufferPtr take(size_t bytes) {
    std::unique_ptr<Buffer> buffer = state_->take(bytes);
    if (!buffer) buffer = std::make_unique<Buffer>(bytes, memory_);
    return BufferPtr(buffer.release(), [state = state_](Buffer* b) { state->give(std::unique_ptr<Buffer>(b)); });
  }

 private:
  static constexpr size_t kLimit = 64 << 20, kSameSize = 2;

  struct State {
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
      if (size == 0 || size > kLimit || buffer->failed()) return;
      std::lock_guard<std::mutex> lock(mutex);
      if (bytes + size > kLimit || free.count(size) >= kSameSize) return;
      bytes += size;
      free.emplace(size, std::move(buffer));
    }
  };
  MemoryPtr memory_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace videoclip
