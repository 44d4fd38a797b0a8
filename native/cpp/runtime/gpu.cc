#include "runtime/gpu.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace videoclip {
namespace {

constexpr int kNeededDriver = 13000;  // CUDA 13.0, the toolkit that the kernels are built with

std::string version(int v) { return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10); }

void* symbol(void* library, const char* name) {
#if defined(_WIN32)
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
#else
  return dlsym(library, name);
#endif
}

void* open_driver() {
#if defined(_WIN32)
  return LoadLibraryA("nvcuda.dll");
#else
  return dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
#endif
}

}  // namespace

GpuState gpu_state() {
  GpuState state;
  void* driver = open_driver();
  if (!driver) {
    state.reason = "no NVIDIA driver is installed";
    return state;
  }
  auto driver_version = reinterpret_cast<int (*)(int*)>(symbol(driver, "cuDriverGetVersion"));
  auto init = reinterpret_cast<int (*)(unsigned)>(symbol(driver, "cuInit"));
  auto device_count = reinterpret_cast<int (*)(int*)>(symbol(driver, "cuDeviceGetCount"));
  if (!driver_version || !init || !device_count || driver_version(&state.driver_version) != 0) {
    state.reason = "the NVIDIA driver library does not answer";
    return state;
  }
  if (state.driver_version < kNeededDriver) {
    state.reason = "the NVIDIA driver is too old: it offers CUDA " + version(state.driver_version) + ", CUDA " +
                   version(kNeededDriver) + " (driver R580 or later) is needed";
    return state;
  }
  if (const int code = init(0); code != 0 || device_count(&state.devices) != 0 || state.devices == 0) {
    state.reason = code != 0 && code != 100 ? "the NVIDIA driver cannot start (error " + std::to_string(code) + ")"
                                            : "the NVIDIA driver finds no device";
    return state;
  }
#if defined(VIDEOCLIP_WITH_CUDA)
  state.usable = true;
#else
  state.reason = "this build has no CUDA kernels";
#endif
  return state;
}

}  // namespace videoclip
