#pragma once
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "runtime/buffer.h"

namespace videoclip {

// The parameters and derived entries of one engine, by id. A run takes references to all entries that it needs before
// it starts, so an entry may be replaced or removed at any time.
class ParameterStore {
 public:
  explicit ParameterStore(MemoryPtr memory = nullptr) : memory_(std::move(memory)) {}

  // Makes or replaces an entry. Returns false if there is not enough memory.
  bool allocate(int64_t id, size_t bytes);
  void remove(int64_t id);
  BufferPtr find(int64_t id) const;
  size_t bytes() const;

 private:
  MemoryPtr memory_;
  mutable std::mutex mutex_;
  std::unordered_map<int64_t, BufferPtr> entries_;
  size_t bytes_ = 0;
};

}  // namespace videoclip
