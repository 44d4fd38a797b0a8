#include "addon/array_buffers.h"

#include <cstring>

namespace videoclip {
namespace {

// The data that an external ArrayBuffer keeps alive. `dropped` outlives it: when Node fails to make the ArrayBuffer, it
// calls the finalizer in some cases and not in others.
struct Held {
  BufferPtr buffer;
  std::shared_ptr<bool> dropped;
};

void drop(napi_env, void*, void* hint) {
  auto* held = static_cast<Held*>(hint);
  *held->dropped = true;
  delete held;
}

}  // namespace

napi_value array_buffer(Napi::Env env, const BufferPtr& buffer, bool* foreign) {
  constexpr size_t kSmall = 64 << 10;
  *foreign = false;
  if (buffer->size() > kSmall) {
    auto dropped = std::make_shared<bool>(false);
    auto* held = new Held{buffer, dropped};
    napi_value external;
    const napi_status status =
        napi_create_external_arraybuffer(env, buffer->data(), buffer->size(), drop, held, &external);
    if (status == napi_ok) {
      *foreign = true;
      return external;
    }
    if (!*dropped) delete held;
    // A copy of this size would end the process if there is not enough memory.
    if (status != napi_no_external_buffers_allowed) throw Napi::Error::New(env, "out of memory");
  }
  auto copy = Napi::ArrayBuffer::New(env, buffer->size());
  if (buffer->size()) std::memcpy(copy.Data(), buffer->data(), buffer->size());
  return copy;
}

void KnownBuffers::add(const BufferPtr& buffer, bool result) {
  if (known_.size() >= sweep_at_) {
    for (auto i = known_.begin(); i != known_.end();) i = i->second.buffer.expired() ? known_.erase(i) : std::next(i);
    sweep_at_ = 2 * known_.size() + 64;
  }
  // The memory is this buffer's now; what else was there has been freed, and would hide it from `find`.
  known_.erase(known_.lower_bound(buffer->data()), known_.lower_bound(buffer->data() + buffer->size()));
  known_[buffer->data()] = {buffer, result};
}

Bytes KnownBuffers::find(const char* data, size_t size, bool results) const {
  auto next = known_.upper_bound(data);
  if (next == known_.begin()) return {};
  const Known& known = std::prev(next)->second;
  BufferPtr buffer = known.buffer.lock();
  if (!buffer || (known.result && !results)) return {};
  const size_t offset = static_cast<size_t>(data - buffer->data());
  if (offset > buffer->size() || size > buffer->size() - offset || offset % alignment_) return {};
  return {buffer, buffer->data() + offset};
}

}  // namespace videoclip
