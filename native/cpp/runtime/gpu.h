#pragma once
#include <memory>
#include <string>

#include "runtime/kernel.h"
#include "runtime/memory.h"

namespace videoclip {

// Whether CUDA can be used in this process and, if not, exactly why.
struct GpuState {
  bool usable = false;
  std::string reason;  // for people
  int driver_version = 0;
  int devices = 0;
};

GpuState gpu_state();

// The GPU calls that the runtime uses. Two implementations: runtime/gpu_cudart.cc, and emulator/gpu_host.cc, in which
// nothing happens before somebody waits for it. Streams, events and graphs belong to the Gpu that made them.
class Gpu {
 public:
  using Stream = void*;
  using Event = void*;
  using Graph = void*;

  virtual ~Gpu() = default;
  virtual Isa isa() const = 0;
  virtual std::string name() const = 0;
  // Makes this device the one of the calling thread.
  virtual Status use() = 0;

  // Device memory, and host memory that copies run beside; both outlive the Gpu.
  virtual MemoryPtr device_memory() = 0;
  virtual MemoryPtr pinned_memory() = 0;

  virtual Status make_stream(Stream* stream) = 0;
  virtual Status make_event(Event* event) = 0;
  virtual Status copy_in(char* device, const char* host, size_t bytes, Stream stream) = 0;
  virtual Status copy_out(char* host, const char* device, size_t bytes, Stream stream) = 0;
  // Overwrites memory that nobody may read before it is written (the emulator; nothing on a device).
  virtual Status poison(char* device, size_t bytes, Stream stream) = 0;
  virtual Status record(Event event, Stream stream) = 0;
  virtual Status wait(Stream stream, Event event) = 0;  // the stream waits
  virtual Status synchronize(Event event) = 0;          // the calling thread waits
  virtual Status elapsed(Event from, Event to, double* milliseconds) = 0;

  // What is launched on the stream in between becomes a graph instead of running.
  virtual Status begin_capture(Stream stream) = 0;
  virtual Status end_capture(Stream stream, Graph* graph) = 0;
  virtual Status launch(Graph graph, Stream stream) = 0;
  virtual void release(Graph graph) = 0;

  // A named range in a profiler's time line, from here to its end, on the calling thread.
  virtual void begin_range(const char*) {}
  virtual void end_range() {}
};

// Null, and why, when there is no such device.
std::unique_ptr<Gpu> open_cuda(int index, std::string* error);
std::unique_ptr<Gpu> open_emulated();

class Executor;
std::unique_ptr<Executor> make_gpu_executor(std::unique_ptr<Gpu> gpu);

}  // namespace videoclip
