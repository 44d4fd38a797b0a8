#pragma once
// Device code: the kernels of the GPU file, which are loaded at the first launch of their op and found by name. No host
// code refers to a kernel otherwise, so one GPU file serves every host.
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/driver.h"

namespace videoclip {

// The op whose kernels the calling thread launches.
class OpScope {
 public:
  explicit OpScope(const char* op);
  ~OpScope();
  OpScope(const OpScope&) = delete;
  static const char* current();

 private:
  const char* before_;
};

// The name of a kernel as both compilers agree on it, such as "videoclip::cuda::fill_op::fill_kernel<float, 4>". The
// first function takes the symbol of a kernel, the second the type name of KernelName<kernel>.
std::string kernel_of_symbol(const char* symbol);
std::string kernel_of_type(const char* type_name);

class DeviceCode {
 public:
  // The device code of one op, or a part of it, as the driver loads it. An image with an empty name serves all ops.
  struct Image {
    std::string op;
    const void* data;
  };

  explicit DeviceCode(const Driver* driver) : driver_(driver) {}
  // Adds the images of a GPU file, which stays mapped until the process ends.
  Status open(const std::string& path);
  void add(Image image) { images_.push_back({std::move(image), nullptr, {}}); }
  bool empty() const { return images_.empty(); }

  const Driver& driver() const { return *driver_; }
  Status find(const char* op, const std::string& kernel, cu::Kernel* out);

 private:
  struct Loaded {
    Image image;
    cu::Library library;
    std::map<std::string, cu::Kernel> kernels;
  };
  Status load(Loaded& loaded);

  const Driver* driver_;
  std::mutex mutex_;
  std::vector<Loaded> images_;
};

// The kernels of the GPU file beside the addon, and those of the emulator.
DeviceCode& cuda_code();
DeviceCode& emulated_code();

// A launch may use this much dynamic shared memory; more must be requested.
constexpr size_t kDefaultSharedBytes = 48 * 1024;

// Number of blocks along each axis, in 64 bits, so that a grid that is too large for a launch is reported and not
// truncated.
struct Grid {
  int64_t x = 1, y = 1, z = 1;

  bool empty() const { return x < 1 || y < 1 || z < 1; }
  bool fits() const { return x <= 0x7fffffff && y <= 65535 && z <= 65535; }
};

// A kernel that is launched from one place of the host code. It is looked up at its first launch.
class DeviceKernel {
 public:
  DeviceKernel(DeviceCode& code, const char* type_name) : code_(code), type_name_(type_name) {}
  // Starts the kernel on a stream of the calling thread's device; `arguments` are the addresses of its arguments.
  Status launch(Grid grid, int threads, size_t shared_bytes, cu::Stream stream, void** arguments);

 private:
  DeviceCode& code_;
  const char* type_name_;
  std::atomic<cu::Kernel> kernel_{nullptr};
};

// The index of the device that the calling thread uses. Gpu::use sets it.
int current_device();
void set_current_device(int device);

}  // namespace videoclip
