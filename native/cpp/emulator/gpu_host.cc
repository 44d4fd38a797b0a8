#include "emulator/gpu_host.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "emulator/memory.h"
#include "runtime/gpu.h"

namespace videoclip {
namespace emulator {
namespace {

// The engine thread and the JavaScript thread both use the device.
std::recursive_mutex device_mutex;

double now() {
  const std::chrono::duration<double, std::milli> t = std::chrono::steady_clock::now().time_since_epoch();
  return t.count();
}

class EmulatedMemory : public Memory {
 public:
  char* allocate(size_t bytes) override { return static_cast<char*>(emulator::allocate(bytes)); }
  void release(char* data, size_t) override { emulator::release(data); }
};

// Host memory, which does not count towards the memory limit of the device.
class PinnedMemory : public Memory {
 public:
  char* allocate(size_t bytes) override {
    const size_t rounded = (bytes + 255) / 256 * 256;
    char* memory = static_cast<char*>(std::aligned_alloc(256, rounded));
    if (memory) std::memset(memory, 0xff, rounded);
    return memory;
  }
  void release(char* data, size_t) override { std::free(data); }
};

class HostGpu : public Gpu {
 public:
  Backend backend() const override { return Backend::cuda_emulated; }
  std::string name() const override { return "emulator"; }
  Status use() override { return {}; }
  MemoryPtr device_memory() override { return memory_; }
  MemoryPtr pinned_memory() override { return pinned_; }

  Status make_stream(Stream* stream) override {
    streams_.push_back(std::make_unique<HostStream>());
    *stream = streams_.back().get();
    return {};
  }
  Status make_event(Event* event) override {
    events_.push_back(std::make_unique<HostEvent>());
    *event = events_.back().get();
    return {};
  }
  Status copy_in(char* device, const char* host, size_t bytes, Stream s) override {
    return copy(device, host, bytes, s);
  }
  Status copy_out(char* host, const char* device, size_t bytes, Stream s) override {
    // Data that is read before the copy completes is visibly wrong.
    if (bytes) std::memset(host, 0xff, bytes);
    return copy(host, device, bytes, s);
  }
  Status poison(char* device, size_t bytes, Stream s) override {
    std::lock_guard<std::recursive_mutex> lock(device_mutex);
    stream(s)->add([=] {
      if (bytes) std::memset(device, 0xff, bytes);
      return Status{};
    });
    return {};
  }
  Status record(Event e, Stream s) override {
    std::lock_guard<std::recursive_mutex> lock(device_mutex);
    HostEvent* recorded = event(e);
    stream(s)->add([recorded] {
      recorded->milliseconds = now();
      return Status{};
    });
    recorded->stream = stream(s);
    recorded->position = stream(s)->added;
    return {};
  }
  Status wait(Stream s, Event e) override {
    std::lock_guard<std::recursive_mutex> lock(device_mutex);
    const HostEvent before = *event(e);
    if (before.stream) stream(s)->add([before] { return before.stream->flush(before.position); });
    return {};
  }
  Status synchronize(Event e) override {
    std::lock_guard<std::recursive_mutex> lock(device_mutex);
    const HostEvent before = *event(e);
    return before.stream ? before.stream->flush(before.position) : Status{};
  }
  Status elapsed(Event from, Event to, double* milliseconds) override {
    *milliseconds = event(to)->milliseconds - event(from)->milliseconds;
    return {};
  }

  Status begin_capture(Stream s) override {
    stream(s)->capture = new std::vector<Work>;
    return {};
  }
  Status end_capture(Stream s, Graph* graph) override {
    *graph = stream(s)->capture;
    stream(s)->capture = nullptr;
    return {};
  }
  Status launch(Graph graph, Stream s) override {
    std::lock_guard<std::recursive_mutex> lock(device_mutex);
    for (const Work& work : *static_cast<std::vector<Work>*>(graph)) stream(s)->add(work);
    return {};
  }
  void release(Graph graph) override { delete static_cast<std::vector<Work>*>(graph); }

 private:
  static HostStream* stream(Stream s) { return static_cast<HostStream*>(s); }
  static HostEvent* event(Event e) { return static_cast<HostEvent*>(e); }
  Status copy(char* to, const char* from, size_t bytes, Stream s) {
    std::lock_guard<std::recursive_mutex> lock(device_mutex);
    stream(s)->add([=] {
      if (bytes) std::memcpy(to, from, bytes);
      return Status{};
    });
    return {};
  }

  MemoryPtr memory_ = std::make_shared<EmulatedMemory>(), pinned_ = std::make_shared<PinnedMemory>();
  std::vector<std::unique_ptr<HostStream>> streams_;
  std::vector<std::unique_ptr<HostEvent>> events_;
};

}  // namespace

void HostStream::add(Work work) {
  waiting.push_back(std::move(work));
  ++added;
}

Status HostStream::flush(uint64_t position) {
  while (done < position && !waiting.empty()) {
    const Work work = std::move(waiting.front());
    waiting.pop_front();
    ++done;
    const Status status = work();
    if (!status) {
      done += waiting.size();
      waiting.clear();
      return status;
    }
  }
  return {};
}

Status submit(void* s, Work work) {
  std::lock_guard<std::recursive_mutex> lock(device_mutex);
  auto* stream = static_cast<HostStream*>(s);
  if (!stream) return work();
  if (stream->capture) {
    stream->capture->push_back(std::move(work));
  } else {
    stream->add(std::move(work));
  }
  return {};
}

}  // namespace emulator

std::unique_ptr<Gpu> open_emulated() { return std::make_unique<emulator::HostGpu>(); }

}  // namespace videoclip
