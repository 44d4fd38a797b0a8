#include "runtime/kernel.h"

#include <map>
#include <string>

namespace videoclip {
namespace {

std::map<std::string, Kernel>& table(Backend backend) {
  static std::map<std::string, Kernel> tables[kBackendCount];
  return tables[static_cast<int>(backend)];
}

}  // namespace

const char* backend_name(Backend backend) {
  switch (backend) {
    case Backend::avx512:
      return "avx512";
    case Backend::avx2:
      return "avx2";
    case Backend::cuda:
      return "cuda";
    case Backend::cuda_emulated:
      return "cuda-emulated";
    default:
      return "portable";
  }
}

bool backend_supported(Backend backend) {
  const int number = static_cast<int>(backend);
  if (number < 0 || number >= kBackendCount || table(backend).empty()) return false;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (backend == Backend::avx512) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
  }
  if (backend == Backend::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return backend == Backend::portable || backend == Backend::cuda || backend == Backend::cuda_emulated;
}

bool has_bf16(Backend backend) {
#if defined(__x86_64__)
  return backend == Backend::avx512 && backend_supported(backend) && __builtin_cpu_supports("avx512bf16");
#else
  (void)backend;
  return false;
#endif
}

Backend best_cpu_backend() {
  for (Backend backend : {Backend::avx512, Backend::avx2}) {
    if (backend_supported(backend)) return backend;
  }
  return Backend::portable;
}

int panel_width(Backend backend) { return backend == Backend::avx512 ? 32 : backend == Backend::avx2 ? 16 : 8; }

bool register_kernel(Backend backend, const char* op, Kernel kernel) {
  return table(backend).emplace(op, kernel).second;
}

const Kernel* find_kernel(Backend backend, const char* op) {
  auto& kernels = table(backend);
  auto it = kernels.find(op);
  return it == kernels.end() ? nullptr : &it->second;
}

}  // namespace videoclip
