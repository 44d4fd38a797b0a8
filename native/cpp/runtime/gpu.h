#pragma once
#include <memory>
#include <string>
#include <vector>

#include "runtime/device_code.h"
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

// Names the GPU file of an installed package, which is used if there is none beside the addon. It must be called before
// the first use of a GPU.
void set_packaged_gpu_file(const std::string& path);

// A GPU: the calls of the driver that the executor makes, with the context of one device. Streams and events belong to
// the Gpu, which destroys them. Every call is made on a thread that has called `use`.
class Gpu {
 public:
  using Stream = cu::Stream;
  using Event = cu::Event;
  using Graph = cu::GraphExec;

  // The context stays alive while the Gpu or one of its memories exists.
  struct Context;

  Gpu(std::shared_ptr<Context> context, Backend backend, std::string name, GpuTraits traits);
  ~Gpu();
  Gpu(const Gpu&) = delete;

  Backend backend() const { return backend_; }
  const std::string& name() const { return name_; }
  const GpuTraits& traits() const { return traits_; }
  // Makes this device the current one of the calling thread.
  Status use();

  // Device memory, and host memory that can be copied asynchronously. Both outlive the Gpu.
  MemoryPtr device_memory() { return device_memory_; }
  MemoryPtr pinned_memory() { return pinned_memory_; }

  // Pins host memory of the caller, so that it can be copied asynchronously too. `unpin` ends it, before the memory is
  // freed and when no copy of it is in flight.
  Status pin(char* data, size_t bytes);
  Status unpin(char* data);

  Status make_stream(Stream* stream);
  enum class EventUse { order, timing };  // events with timing are slower to record
  Status make_event(Event* event, EventUse use = EventUse::order);
  void release_event(Event event);
  Status copy_in(char* device, const char* host, size_t bytes, Stream stream);
  Status copy_out(char* host, const char* device, size_t bytes, Stream stream);
  // Overwrites memory that must not be read before it is written. Only the emulator does this.
  Status poison(char* device, size_t bytes, Stream stream);
  Status record(Event event, Stream stream);
  Status wait(Stream stream, Event event);  // the stream waits
  Status synchronize(Event event);          // the calling thread waits
  Status synchronize_stream(Stream stream);
  Status elapsed(Event from, Event to, double* milliseconds);

  // Kernels launched on the stream between these calls are recorded in a graph and do not run.
  Status begin_capture(Stream stream);
  Status end_capture(Stream stream, Graph* graph);
  Status launch(Graph graph, Stream stream);
  void release(Graph graph);

  // A named range in a profiler's timeline, from this call to end_range, on the calling thread.
  void begin_range(const char* name);
  void end_range();

 private:
  Status status(cu::Result result) const;

  const Driver& driver_;
  std::shared_ptr<Context> context_;
  Backend backend_;
  std::string name_;
  GpuTraits traits_;
  MemoryPtr device_memory_, pinned_memory_;
  std::vector<Stream> streams_;
  std::vector<Event> events_;
};

// Returns null, with the reason in `error`, if there is no such device.
std::unique_ptr<Gpu> open_cuda(int index, std::string* error);
#if defined(VIDEOCLIP_WITH_EMULATOR)
std::unique_ptr<Gpu> open_emulated(int index, std::string* error);
#endif

class Executor;
std::unique_ptr<Executor> make_gpu_executor(std::unique_ptr<Gpu> gpu);

}  // namespace videoclip
