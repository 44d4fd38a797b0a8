#pragma once
// Memory of the caller that is pinned for a GPU, so that runs read and write it in place, without a copy of pageable
// memory.
#include <napi.h>

#include <map>

#include "addon/array_buffers.h"
#include "runtime/executor.h"

namespace videoclip {

class PinnedArrays {
 public:
  // Pins the bytes of a typed array, keeps the array alive, and makes its bytes known to runs.
  void add(const Napi::Value& array, Executor& executor, KnownBuffers* known);
  // Throws for memory that is not pinned, or that a job still uses.
  void remove(const Napi::Value& array, Executor& executor);
  // Unpins memory whose ArrayBuffer was detached: it has another owner, who may free it.
  void remove_detached(Executor& executor);
  // Unpins everything. No job runs any more.
  void clear(Executor& executor);

 private:
  struct Pin {
    BufferPtr buffer;  // of the caller's memory; jobs that use it hold it too
    Napi::ObjectReference array;
    bool shared;  // a SharedArrayBuffer, which cannot be detached
  };
  std::map<const char*, Pin> pins_;  // the key is the address
};

}  // namespace videoclip
