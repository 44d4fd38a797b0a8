// The GPU calls on the CUDA runtime, which is linked statically, so that the addon loads where there is no driver.
#include <cuda_runtime.h>

#include <vector>

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define VIDEOCLIP_HAS_NVTX
#endif

#include "runtime/cuda_status.h"
#include "runtime/gpu.h"

namespace videoclip {
namespace {

// The thread that drops the last reference frees the memory.
class DeviceMemory : public Memory {
 public:
  explicit DeviceMemory(int index) : index_(index) {}
  char* allocate(size_t bytes) override {
    void* data = nullptr;
    if (cudaSetDevice(index_) != cudaSuccess || cudaMalloc(&data, bytes) != cudaSuccess) {
      cudaGetLastError();
      return nullptr;
    }
    return static_cast<char*>(data);
  }
  void release(char* data, size_t) override {
    if (cudaSetDevice(index_) == cudaSuccess) cudaFree(data);
  }

 private:
  int index_;
};

class PinnedMemory : public Memory {
 public:
  char* allocate(size_t bytes) override {
    void* data = nullptr;
    if (cudaHostAlloc(&data, bytes, cudaHostAllocPortable) != cudaSuccess) {
      cudaGetLastError();
      return nullptr;
    }
    return static_cast<char*>(data);
  }
  void release(char* data, size_t) override { cudaFreeHost(data); }
};

class CudaGpu : public Gpu {
 public:
  CudaGpu(int index, const cudaDeviceProp& properties)
      : index_(index), name_(properties.name), device_(std::make_shared<DeviceMemory>(index)) {}

  ~CudaGpu() override {
    if (cudaSetDevice(index_) != cudaSuccess) return;
    for (cudaEvent_t event : events_) cudaEventDestroy(event);
    for (cudaStream_t stream : streams_) cudaStreamDestroy(stream);
  }

  Backend backend() const override { return Backend::cuda; }
  std::string name() const override { return name_; }
  Status use() override { return status_of(cudaSetDevice(index_)); }
  MemoryPtr device_memory() override { return device_; }
  MemoryPtr pinned_memory() override { return pinned_; }

  Status make_stream(Stream* out) override {
    cudaStream_t stream = nullptr;
    if (const Status status = use(); !status) return status;
    const cudaError_t error = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    if (error == cudaSuccess) streams_.push_back(stream);
    *out = stream;
    return status_of(error);
  }
  Status make_event(Event* out) override {
    cudaEvent_t event = nullptr;
    if (const Status status = use(); !status) return status;
    // The engine thread sleeps while it waits.
    const cudaError_t error = cudaEventCreateWithFlags(&event, cudaEventBlockingSync);
    if (error == cudaSuccess) events_.push_back(event);
    *out = event;
    return status_of(error);
  }
  Status copy_in(char* device, const char* host, size_t bytes, Stream s) override {
    return status_of(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream(s)));
  }
  Status copy_out(char* host, const char* device, size_t bytes, Stream s) override {
    return status_of(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream(s)));
  }
  Status poison(char*, size_t, Stream) override { return {}; }
  Status record(Event e, Stream s) override { return status_of(cudaEventRecord(event(e), stream(s))); }
  Status wait(Stream s, Event e) override { return status_of(cudaStreamWaitEvent(stream(s), event(e), 0)); }
  Status synchronize(Event e) override { return status_of(cudaEventSynchronize(event(e))); }
  Status elapsed(Event from, Event to, double* milliseconds) override {
    float ms = 0;
    const Status status = status_of(cudaEventElapsedTime(&ms, event(from), event(to)));
    *milliseconds = ms;
    return status;
  }

  Status begin_capture(Stream s) override {
    return status_of(cudaStreamBeginCapture(stream(s), cudaStreamCaptureModeThreadLocal));
  }
  Status end_capture(Stream s, Graph* out) override {
    cudaGraph_t graph = nullptr;
    if (const Status status = status_of(cudaStreamEndCapture(stream(s), &graph)); !status) return status;
    cudaGraphExec_t executable = nullptr;
    const cudaError_t made = cudaGraphInstantiate(&executable, graph, 0), freed = cudaGraphDestroy(graph);
    *out = made == cudaSuccess ? executable : nullptr;
    return status_of(made == cudaSuccess ? freed : made);
  }
  Status launch(Graph graph, Stream s) override {
    return status_of(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream(s)));
  }
  void release(Graph graph) override { cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)); }

#if defined(VIDEOCLIP_HAS_NVTX)
  void begin_range(const char* name) override { nvtxRangePushA(name); }
  void end_range() override { nvtxRangePop(); }
#endif

 private:
  static cudaStream_t stream(Stream s) { return static_cast<cudaStream_t>(s); }
  static cudaEvent_t event(Event e) { return static_cast<cudaEvent_t>(e); }

  int index_;
  std::string name_;
  MemoryPtr device_, pinned_ = std::make_shared<PinnedMemory>();
  std::vector<cudaStream_t> streams_;
  std::vector<cudaEvent_t> events_;
};

}  // namespace

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
  cudaDeviceProp properties{};
  if (const cudaError_t code = cudaGetDeviceProperties(&properties, index); code != cudaSuccess) {
    *error = cudaGetErrorString(code);
    return nullptr;
  }
  if (properties.major < 8) {
    *error = std::string(properties.name) + " has compute capability " + std::to_string(properties.major) + "." +
             std::to_string(properties.minor) + ", 8.0 or later is needed";
    return nullptr;
  }
  return std::make_unique<CudaGpu>(index, properties);
}

}  // namespace videoclip
