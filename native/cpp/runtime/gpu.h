#pragma once
#include <memory>
#include <string>

#include "runtime/kernel.h"
#include "runtime/memory.h"

namespace videoclip {

// Whether CUDA can be used in this process and, if not, the exact reason.
struct GpuState {
  bool usable = false;
  std::string reason;  // a message for the user
  int driver_version = 0;
  int devices = 0;
};

GpuState gpu_state();

// The GPU calls that the runtime uses. There are two implementations: runtime/gpu_cudart.cc, and emulator/gpu_host.cc,
// which executes no work before a thread waits for it. Streams, events and graphs belong to the Gpu that made them.
class Gpu {
 public:
  using Stream = void*;
  using Event = void*;
  using Graph = void*;

  virtual ~Gpu() = default;
  virtual Backend backend() const = 0;
  virtual std::string name() const = 0;
  // Makes this device the current one of the calling thread.
  virtual Status use() = 0;

  // Device memory, and host memory that can be copied asynchronously. Both outlive the Gpu.
  virtual MemoryPtr device_memory() = 0;
  virtual MemoryPtr pinned_memory() = 0;

  virtual Status make_stream(Stream* stream) = 0;
  virtual Status make_event(Event* event) = 0;
  virtual Status copy_in(char* device, const char* host, size_t bytes, Stream stream) = 0;
  virtual Status copy_out(char* host, const char* device, size_t bytes, Stream stream) = 0;
  // Overwrites memory that must not be read before it is written. Only the emulator does this; on a device the call
  // does nothing.
  virtual Status poison(char* device, size_t bytes, Stream stream) = 0;
  virtual Status record(Event event, Stream stream) = 0;
  virtual Status wait(Stream stream, Event event) = 0;  // the stream waits
  virtual Status synchronize(Event event) = 0;          // the calling thread waits
  virtual Status elapsed(Event from, Event to, double* milliseconds) = 0;

  // Kernels launched on the stream between these calls are recorded in a graph and do not run.
  virtual Status begin_capture(Stream stream) = 0;
  virtual Status end_capture(Stream stream, Graph* graph) = 0;
  virtual Status launch(Graph graph, Stream stream) = 0;
  virtual void release(Graph graph) = 0;

  // A named range in a profiler's timeline, from this call to end_range, on the calling thread.
  virtual void begin_range(const char*) {}
  virtual void end_range() {}
};

// Returns null, with the reason in `error`, if there is no such device.
std::unique_ptr<Gpu> open_cuda(int index, std::string* error);
std::unique_ptr<Gpu> open_emulated();

class Executor;
std::unique_ptr<Executor> make_gpu_executor(std::unique_ptr<Gpu> gpu);

}  // namespace videoclip
