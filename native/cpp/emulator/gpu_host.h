#pragma once
// Streams of the emulator. Nothing that is put on a stream happens before somebody waits for it: a copy that is not
// ordered before a kernel by the stream or an event comes too late for it.
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "emulator/launch.h"

namespace videoclip {
namespace emulator {

using Work = std::function<Status()>;

struct HostStream;

struct HostEvent {
  HostStream* stream = nullptr;  // where it was recorded last
  uint64_t position = 0;         // the work of that stream that comes before it
  double milliseconds = 0;       // when that had been done
};

struct HostStream {
  std::deque<Work> waiting;
  uint64_t added = 0, done = 0;
  std::vector<Work>* capture = nullptr;

  void add(Work work);
  // Does what was added up to `position`.
  Status flush(uint64_t position);
};

// A kernel on a stream (null: at once).
Status submit(void* stream, Work work);

}  // namespace emulator
}  // namespace videoclip
