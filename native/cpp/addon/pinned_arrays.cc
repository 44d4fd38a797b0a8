#include "addon/pinned_arrays.h"

#include "addon/values.h"

namespace videoclip {
namespace {

// Memory of the caller, which a buffer neither allocates nor frees.
class Borrowed : public Memory {
 public:
  explicit Borrowed(char* data) : data_(data) {}
  char* allocate(size_t) override { return data_; }
  void release(char*, size_t) override {}

 private:
  char* data_;
};

}  // namespace

void PinnedArrays::add(const Napi::Value& array, Executor& executor, KnownBuffers* known) {
  size_t bytes;
  bool shared;
  char* data = const_cast<char*>(bytes_of(array, &bytes, &shared));
  if (pins_.count(data)) throw error_of(array.Env(), StatusCode::invalid_argument, "pin: the memory is pinned already");
  if (const Status status = executor.pin(data, bytes); !status) {
    throw error_of(array.Env(), status.code, std::string("pin: ") + status.error);
  }
  const auto buffer = std::make_shared<Buffer>(bytes, std::make_shared<Borrowed>(data));
  pins_[data] = {buffer, Napi::Persistent(array.As<Napi::Object>()), shared};
  known->add(buffer, false);
}

void PinnedArrays::remove(const Napi::Value& array, Executor& executor) {
  size_t bytes;
  const auto found = pins_.find(bytes_of(array, &bytes));
  if (found == pins_.end()) {
    throw error_of(array.Env(), StatusCode::invalid_argument, "unpin: the memory is not pinned for this device");
  }
  if (found->second.buffer.use_count() > 1) {
    throw error_of(array.Env(), StatusCode::busy, "unpin: a run that has not ended uses the memory: wait for it first");
  }
  throw_on(array.Env(), executor.unpin(found->second.buffer->data()));
  pins_.erase(found);
}

void PinnedArrays::remove_detached(Executor& executor) {
  for (auto pin = pins_.begin(); pin != pins_.end();) {
    size_t bytes = 0;
    if (!pin->second.shared) (void)bytes_of(pin->second.array.Value(), &bytes);
    const bool idle = pin->second.buffer.use_count() == 1;
    if (!pin->second.shared && bytes == 0 && idle && executor.unpin(pin->second.buffer->data())) {
      pin = pins_.erase(pin);
    } else {
      ++pin;
    }
  }
}

void PinnedArrays::clear(Executor& executor) {
  // After an error that lost the device, this fails too, and the end of the process unpins the memory.
  for (auto& [data, pin] : pins_) (void)executor.unpin(pin.buffer->data());
  pins_.clear();
}

}  // namespace videoclip
