#pragma once
// Contexts, streams, events and graphs of the emulated driver. Work on a stream is not executed before a thread waits
// for it, so that a copy that neither the stream nor an event orders before a kernel comes too late for the kernel.
// With early copies, a copy is executed as soon as its stream allows it, so that one that nothing orders after a kernel
// comes too early.
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "runtime/status.h"

namespace videoclip {
namespace emulator {

struct Stream;
struct Event;
struct Executable;

struct Context {
  int device = 0;
  int retained = 0;
};

// Something that a stream does, and the addresses that it may touch.
struct Work {
  std::function<Status()> run;
  // Whether it may run now, before a thread waits for it. Kernels never do.
  std::function<bool()> is_ready = nullptr;
  std::vector<uint64_t> addresses = {};
  const void* uses = nullptr;  // an event or an executable graph that must not be destroyed before
};

// The work that is recorded between the begin and the end of a capture.
struct Capture {
  Stream* origin = nullptr;
  std::thread::id thread;
  std::vector<Work> work;
  std::vector<Stream*> forked;  // streams that joined the capture by waiting for one of its events
  std::string invalid;          // why the capture cannot become a graph
};

struct Event {
  Context* context = nullptr;
  bool timing = true;
  Stream* stream = nullptr;    // the stream where it was last recorded
  uint64_t position = 0;       // the work of that stream before the event
  Capture* capture = nullptr;  // the capture that it was recorded in
  double milliseconds = 0;     // the time when that work was complete
};

struct Stream {
  Context* context = nullptr;
  std::deque<Work> waiting;
  uint64_t added = 0, done = 0;
  Capture* capture = nullptr;
  bool joined = true;  // a forked stream: whether its captured work is ordered before the origin's next

  // Adds work to the stream or to its capture.
  void add(Work work);
  // Executes the work that was added up to `position`.
  Status flush(uint64_t position);
  bool uses(const void* object) const;
  bool touches(uint64_t from, uint64_t to) const;
};

// Executes copies as soon as their stream allows it.
extern bool early_copies;

struct Executable {
  Context* context = nullptr;
  std::vector<Work> work;
};

}  // namespace emulator
}  // namespace videoclip
