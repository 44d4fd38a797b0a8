#include "runtime/gpu.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>

#if !defined(_WIN32)
#include <dlfcn.h>
#include <unistd.h>
#endif

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define VIDEOCLIP_HAS_NVTX
#endif

namespace videoclip {
namespace {

constexpr int kNeededDriver = 13000;  // CUDA 13.0, the toolkit that the kernels are built with

std::string version(int v) { return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10); }

// The path of the GPU file of an installed package.
std::string& packaged_gpu_file() {
  static std::string path;
  return path;
}

// The path of the GPU file: beside the addon, as in a build; one folder above, where the addons of all platforms in
// a package share it; or in a separate package.
std::string gpu_file() {
#if defined(_WIN32)
  return "videoclip.gpu";
#else
  Dl_info info{};
  static const char here = 0;
  if (!dladdr(&here, &info) || !info.dli_fname) return "videoclip.gpu";
  const std::string addon = info.dli_fname, folder = addon.substr(0, addon.rfind('/') + 1);
  const std::string beside = folder + "videoclip.gpu", shared = folder + "../videoclip.gpu";
  for (const std::string& path : {beside, shared, packaged_gpu_file()}) {
    if (access(path.c_str(), R_OK) == 0) return path;
  }
  return beside;
#endif
}

// Opens the GPU file once.
Status open_kernels() {
  static const Status status = cuda_code().open(gpu_file());
  return status;
}

}  // namespace

void set_packaged_gpu_file(const std::string& path) { packaged_gpu_file() = path; }

struct Gpu::Context {
  const Driver& driver;
  cu::Device device;
  cu::Context handle;

  Context(const Driver& d, cu::Device n, cu::Context c) : driver(d), device(n), handle(c) {}
  Context(const Context&) = delete;
  ~Context() { (void)driver.context_release(device); }

  cu::Result use() const {
    set_current_device(device);
    return driver.context_use(handle);
  }
};

namespace {

// The thread that drops the last reference frees the memory.
class DeviceMemory : public Memory {
 public:
  explicit DeviceMemory(std::shared_ptr<Gpu::Context> context) : context_(std::move(context)) {}
  char* allocate(size_t bytes) override {
    cu::Address address = 0;
    if (context_->use() || context_->driver.memory_allocate(&address, bytes)) return nullptr;
    return reinterpret_cast<char*>(address);
  }
  void release(char* data, size_t) override {
    if (!context_->use()) (void)context_->driver.memory_free(reinterpret_cast<cu::Address>(data));
  }

 private:
  std::shared_ptr<Gpu::Context> context_;
};

class PinnedMemory : public Memory {
 public:
  explicit PinnedMemory(std::shared_ptr<Gpu::Context> context) : context_(std::move(context)) {}
  char* allocate(size_t bytes) override {
    void* data = nullptr;
    if (context_->use() || context_->driver.host_allocate(&data, bytes, cu::kHostAllocPortable)) return nullptr;
    return static_cast<char*>(data);
  }
  void release(char* data, size_t) override {
    if (!context_->use()) (void)context_->driver.host_free(data);
  }

 private:
  std::shared_ptr<Gpu::Context> context_;
};

// Whether a Hopper GPU uses the kernels with its own instructions. VIDEOCLIP_HOPPER=0 takes those for all GPUs.
bool uses_hopper() {
  const char* wanted = std::getenv("VIDEOCLIP_HOPPER");
  return !wanted || std::strcmp(wanted, "0") != 0;
}

std::unique_ptr<Gpu> open_device(const Driver& driver, int index, Backend backend, std::string* error) {
  cu::Device device = 0;
  cu::Context handle = nullptr;
  char name[256] = {};
  int major = 0, minor = 0, multiprocessors = 0;
  for (const cu::Result result : {driver.device_get(&device, index), driver.device_name(name, sizeof name - 1, device),
                                  driver.device_attribute(&major, cu::kComputeCapabilityMajor, device),
                                  driver.device_attribute(&minor, cu::kComputeCapabilityMinor, device),
                                  driver.device_attribute(&multiprocessors, cu::kMultiprocessors, device)}) {
    if (const Status status = status_of(driver, result); !status) {
      *error = status.error;
      return nullptr;
    }
  }
  if (major < 8) {
    *error = std::string(name) + " has compute capability " + version(major * 1000 + minor * 10) +
             ", 8.0 or later is needed";
    return nullptr;
  }
  if (const Status status = status_of(driver, driver.context_retain(&handle, device)); !status) {
    *error = status.error;
    return nullptr;
  }
  const GpuTraits traits = {major == 9 && minor == 0 && uses_hopper(), multiprocessors};
  return std::make_unique<Gpu>(std::make_shared<Gpu::Context>(driver, device, handle), backend, name, traits);
}

}  // namespace

Gpu::Gpu(std::shared_ptr<Context> context, Backend backend, std::string name, GpuTraits traits)
    : driver_(context->driver),
      context_(std::move(context)),
      backend_(backend),
      name_(std::move(name)),
      traits_(traits),
      device_memory_(std::make_shared<DeviceMemory>(context_)),
      pinned_memory_(std::make_shared<PinnedMemory>(context_)) {}

Gpu::~Gpu() {
  if (!use()) return;
  for (Event event : events_) (void)driver_.event_destroy(event);
  for (Stream stream : streams_) (void)driver_.stream_destroy(stream);
}

Status Gpu::status(cu::Result result) const { return status_of(driver_, result); }
Status Gpu::use() { return status(context_->use()); }

Status Gpu::pin(char* data, size_t bytes) {
  if (const Status used = use(); !used) return used;
  const cu::Result result = driver_.host_register(data, bytes, cu::kHostRegisterPortable);
  if (result == cu::kHostMemoryAlreadyRegistered) {
    return "the memory, or a part of it, is pinned already: by another device, or by another library";
  }
  if (result == cu::kNotSupported) return {"the driver cannot pin this memory", StatusCode::unsupported};
  return status(result);
}

Status Gpu::unpin(char* data) {
  if (const Status used = use(); !used) return used;
  return status(driver_.host_unregister(data));
}

Status Gpu::make_stream(Stream* stream) {
  if (const Status used = use(); !used) return used;
  if (const Status made = status(driver_.stream_create(stream, cu::kStreamNonBlocking)); !made) return made;
  streams_.push_back(*stream);
  return {};
}

Status Gpu::make_event(Event* event, EventUse purpose) {
  if (const Status used = use(); !used) return used;
  // The engine thread sleeps while it waits for an event.
  const unsigned flags = cu::kEventBlockingSync | (purpose == EventUse::timing ? 0 : cu::kEventDisableTiming);
  if (const Status made = status(driver_.event_create(event, flags)); !made) return made;
  events_.push_back(*event);
  return {};
}

void Gpu::release_event(Event event) {
  const auto found = std::find(events_.begin(), events_.end(), event);
  if (found == events_.end()) return;
  events_.erase(found);
  (void)driver_.event_destroy(event);
}

Status Gpu::copy_in(char* device, const char* host, size_t bytes, Stream stream) {
  return status(driver_.copy_in(reinterpret_cast<cu::Address>(device), host, bytes, stream));
}
Status Gpu::copy_out(char* host, const char* device, size_t bytes, Stream stream) {
  return status(driver_.copy_out(host, reinterpret_cast<cu::Address>(device), bytes, stream));
}
Status Gpu::poison(char* device, size_t bytes, Stream stream) {
  return driver_.poison ? status(driver_.poison(reinterpret_cast<cu::Address>(device), bytes, stream)) : Status{};
}
Status Gpu::record(Event event, Stream stream) { return status(driver_.event_record(event, stream)); }
Status Gpu::wait(Stream stream, Event event) { return status(driver_.stream_wait(stream, event, 0)); }
Status Gpu::synchronize(Event event) { return status(driver_.event_synchronize(event)); }
Status Gpu::synchronize_stream(Stream stream) { return status(driver_.stream_synchronize(stream)); }
Status Gpu::elapsed(Event from, Event to, double* milliseconds) {
  float ms = 0;
  const Status measured = status(driver_.event_elapsed(&ms, from, to));
  *milliseconds = ms;
  return measured;
}

Status Gpu::begin_capture(Stream stream) { return status(driver_.capture_begin(stream, cu::kCaptureThreadLocal)); }
Status Gpu::end_capture(Stream stream, Graph* out) {
  cu::Graph graph = nullptr;
  if (const Status ended = status(driver_.capture_end(stream, &graph)); !ended) return ended;
  cu::GraphExec executable = nullptr;
  const cu::Result made = driver_.graph_instantiate(&executable, graph, 0), freed = driver_.graph_destroy(graph);
  *out = made ? nullptr : executable;
  return status(made ? made : freed);
}
Status Gpu::launch(Graph graph, Stream stream) { return status(driver_.graph_launch(graph, stream)); }
void Gpu::release(Graph graph) { (void)driver_.executable_destroy(graph); }

#if defined(VIDEOCLIP_HAS_NVTX)
void Gpu::begin_range(const char* name) { nvtxRangePushA(name); }
void Gpu::end_range() { nvtxRangePop(); }
#else
void Gpu::begin_range(const char*) {}
void Gpu::end_range() {}
#endif

GpuState gpu_state() {
  GpuState state;
  const char* reason = nullptr;
  const Driver* driver = cuda_driver(&reason);
  if (!driver) {
    state.reason = reason;
    return state;
  }
  if (driver->driver_version(&state.driver_version) != 0) {
    state.reason = "the NVIDIA driver library does not answer";
    return state;
  }
  if (state.driver_version < kNeededDriver) {
    state.reason = "the NVIDIA driver is too old: it offers CUDA " + version(state.driver_version) + ", CUDA " +
                   version(kNeededDriver) + " (driver R580 or later) is needed";
    return state;
  }
  const cu::Result started = driver->init(0);
  if (started != 0 || driver->device_count(&state.devices) != 0 || state.devices == 0) {
    state.reason = started == 0 || started == cu::kNoDevice
                       ? "the NVIDIA driver finds no device"
                       : std::string("the NVIDIA driver cannot start: ") + status_of(*driver, started).error;
    return state;
  }
  if (const Status status = open_kernels(); !status) {
    state.reason = status.error;
    return state;
  }
  state.usable = true;
  return state;
}

std::unique_ptr<Gpu> open_cuda(int index, std::string* error) {
  const GpuState state = gpu_state();
  if (!state.usable) {
    *error = state.reason;
    return nullptr;
  }
  if (index < 0 || index >= state.devices) {
    *error = "there is no device " + std::to_string(index) + ": " + std::to_string(state.devices) + " found";
    return nullptr;
  }
  return open_device(cuda_code().driver(), index, Backend::cuda, error);
}

#if defined(VIDEOCLIP_WITH_EMULATOR)
std::unique_ptr<Gpu> open_emulated(int index, std::string* error) {
  return open_device(emulated_code().driver(), index, Backend::cuda_emulated, error);
}
#endif

}  // namespace videoclip
