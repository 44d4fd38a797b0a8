#include "runtime/parameter_store.h"

namespace videoclip {

bool ParameterStore::allocate(int64_t id, size_t bytes) {
  auto buffer = std::make_shared<Buffer>(bytes, memory_);
  if (buffer->failed()) return false;
  std::lock_guard<std::mutex> lock(mutex_);
  BufferPtr& entry = entries_[id];
  if (entry) bytes_ -= entry->size();
  bytes_ += bytes;
  entry = std::move(buffer);
  return true;
}

void ParameterStore::remove(int64_t id) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto it = entries_.find(id);
  if (it == entries_.end()) return;
  bytes_ -= it->second->size();
  entries_.erase(it);
}

BufferPtr ParameterStore::find(int64_t id) const {
  std::lock_guard<std::mutex> lock(mutex_);
  auto it = entries_.find(id);
  return it == entries_.end() ? nullptr : it->second;
}

size_t ParameterStore::bytes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return bytes_;
}

}  // namespace videoclip
