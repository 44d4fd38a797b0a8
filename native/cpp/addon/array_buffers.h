#pragma once
// ArrayBuffers whose memory belongs to the engine, so that runs read and write them without a copy.
#include <napi.h>

#include <map>
#include <memory>

#include "runtime/job.h"

namespace videoclip {

// Makes an ArrayBuffer on memory of the engine, which is returned to its pool when the ArrayBuffer is collected. Makes
// a copy if the memory is small (a copy is cheaper than a finalizer) or if the runtime does not allow external memory.
// `foreign` is set to whether it is external.
napi_value array_buffer(Napi::Env env, const BufferPtr& buffer, bool* foreign);

// Memory that runs use in place and that JavaScript holds: that of the engine, from `allocate` and `map` or a result of
// a run, and pinned memory of the caller.
class KnownBuffers {
 public:
  void add(const BufferPtr& buffer, bool result);
  // A GPU copies from any address; without this call, `find` accepts those that the kernels of a CPU can read.
  void accept_any_address() { alignment_ = 1; }
  // The buffer that holds these bytes, if there is one: memory of `allocate` and `map` and pinned memory, and with
  // `results` also memory of earlier results. The returned value keeps memory of the engine alive, so the array may be
  // transferred or collected meanwhile.
  Bytes find(const char* data, size_t size, bool results) const;

 private:
  struct Known {
    std::weak_ptr<Buffer> buffer;
    bool result;
  };
  std::map<const char*, Known> known_;  // the key is the address
  size_t alignment_ = 64;
  size_t sweep_at_ = 64;  // the size at which expired entries are removed
};

}  // namespace videoclip
