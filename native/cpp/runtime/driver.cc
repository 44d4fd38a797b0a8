#include "runtime/driver.h"

#include <string>
#include <type_traits>

#include "runtime/message.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace videoclip {
namespace {

#if defined(_WIN32)
constexpr const char* kLibrary = "nvcuda.dll";
void* open_library(const char* name) { return LoadLibraryA(name); }
void* find(void* library, const char* name) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}
#else
constexpr const char* kLibrary = "libcuda.so.1";
void* open_library(const char* name) { return dlopen(name, RTLD_LAZY | RTLD_LOCAL); }
void* find(void* library, const char* name) { return dlsym(library, name); }
#endif

// Errors after which every call in the context fails, until the process ends.
bool is_sticky(cu::Result result) {
  switch (result) {
    case 46:   // CUDA_ERROR_DEVICE_UNAVAILABLE
    case 214:  // CUDA_ERROR_ECC_UNCORRECTABLE
    case 226:  // CUDA_ERROR_CONTAINED
    case 700:  // CUDA_ERROR_ILLEGAL_ADDRESS
    case 702:  // CUDA_ERROR_LAUNCH_TIMEOUT
    case 709:  // CUDA_ERROR_CONTEXT_IS_DESTROYED
    case 710:  // CUDA_ERROR_ASSERT
    case 714:  // CUDA_ERROR_HARDWARE_STACK_ERROR
    case 715:  // CUDA_ERROR_ILLEGAL_INSTRUCTION
    case 716:  // CUDA_ERROR_MISALIGNED_ADDRESS
    case 717:  // CUDA_ERROR_INVALID_ADDRESS_SPACE
    case 718:  // CUDA_ERROR_INVALID_PC
    case 719:  // CUDA_ERROR_LAUNCH_FAILED
    case 721:  // CUDA_ERROR_TENSOR_MEMORY_LEAK
      return true;
    default:
      return false;
  }
}

struct Opened {
  Driver calls;
  const char* reason = nullptr;

  Opened() {
    void* library = open_library(kLibrary);
    if (!library) {
      reason = "no NVIDIA driver is installed";
      return;
    }
    const auto load = [&](auto& member, const char* symbol) {
      member = reinterpret_cast<std::remove_reference_t<decltype(member)>>(find(library, symbol));
      if (!member && !reason) {
        reason = keep_message("the NVIDIA driver lacks the call " + std::string(symbol) +
                              ": CUDA 13.0 (driver R580 or later) is needed");
      }
    };
#define VIDEOCLIP_LOAD(member, symbol, parameters) load(calls.member, #symbol);
    VIDEOCLIP_DRIVER_CALLS(VIDEOCLIP_LOAD)
#undef VIDEOCLIP_LOAD
  }
};

}  // namespace

const Driver* cuda_driver(const char** reason) {
  static const Opened opened;
  *reason = opened.reason;
  return opened.reason ? nullptr : &opened.calls;
}

Status status_of(const Driver& driver, cu::Result result) {
  if (result == cu::kSuccess) return {};
  if (result == cu::kOutOfMemory) return {"out of memory", StatusCode::out_of_memory};
  if (result == cu::kNoBinaryForGpu) {
    return {"CUDA: this build has no kernels for this GPU; compute capability 8.0 or later is needed",
            StatusCode::unsupported};
  }
  const char *name = nullptr, *text = nullptr;
  (void)driver.error_name(result, &name);
  (void)driver.error_string(result, &text);
  std::string message = name ? name : "";
  if (name && text) message += ": ";
  if (text) message += text;
  if (message.empty()) message = "error " + std::to_string(result) + " of the CUDA driver";
  return {keep_message(message), is_sticky(result) ? StatusCode::device_lost : StatusCode::internal};
}

}  // namespace videoclip
