#pragma once
// Streams of the emulator. Work on a stream is not executed before a thread waits for it, so that a copy that neither
// the stream nor an event orders before a kernel comes too late for the kernel.
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
  HostStream* stream = nullptr;  // the stream where it was last recorded
  uint64_t position = 0;         // the work of that stream before the event
  double milliseconds = 0;       // the time when that work was complete
};

struct HostStream {
  std::deque<Work> waiting;
  uint64_t added = 0, done = 0;
  std::vector<Work>* capture = nullptr;

  void add(Work work);
  // Executes the work that was added up to `position`.
  Status flush(uint64_t position);
};

// Adds a kernel to a stream; runs it at once if the stream is null.
Status submit(void* stream, Work work);

}  // namespace emulator
}  // namespace videoclip
