#include "runtime/kernel.h"

#include <cstring>
#include <map>
#include <string>

#include "runtime/matrix_unit.h"
#include "runtime/processor.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace videoclip {
namespace {

std::map<std::string, Kernel>& table(Backend backend) {
  static std::map<std::string, Kernel> tables[kBackendCount];
  return tables[static_cast<int>(backend)];
}

// The backend whose kernels another one uses where it has no such kernel.
Backend base(Backend backend) {
  if (backend == Backend::amx) return Backend::avx512;
  if (backend == Backend::neon_bf16) return Backend::neon;
  if (backend != Backend::amx_emulated) return backend;
  for (Backend wide : {Backend::avx2, Backend::neon}) {
    if (!table(wide).empty()) return wide;
  }
  return Backend::portable;
}

#if defined(__x86_64__)
bool made_by_intel() {
  unsigned int a = 0, name[3] = {};
  __get_cpuid(0, &a, &name[0], &name[2], &name[1]);
  return std::memcmp(name, "GenuineIntel", 12) == 0;
}
#endif

}  // namespace

const char* backend_name(Backend backend) {
  switch (backend) {
    case Backend::amx:
      return "amx";
    case Backend::amx_emulated:
      return "amx-emulated";
    case Backend::avx512:
      return "avx512";
    case Backend::avx2:
      return "avx2";
    case Backend::neon:
      return "neon";
    case Backend::neon_bf16:
      return "neon-bf16";
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
  if (base(backend) != backend && !backend_supported(base(backend))) return false;
  if (backend == Backend::amx_emulated) return true;
  if (backend == Backend::amx) return !matrix_unit_refusal();
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (backend == Backend::avx512) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
  }
  if (backend == Backend::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  if (backend == Backend::neon) return true;  // every arm64 processor has it, and no other build
  if (backend == Backend::neon_bf16) return has_bfmmla();
  return backend == Backend::portable || backend == Backend::cuda || backend == Backend::cuda_emulated;
}

const char* bf16_refusal(Backend backend) {
  if (!backend_supported(backend)) return "this processor lacks the instruction set";
  if (backend == Backend::amx || backend == Backend::amx_emulated) return nullptr;
#if defined(__x86_64__)
  if (backend == Backend::avx512 && __builtin_cpu_supports("avx512bf16")) {
    // Intel's processors execute one dot product in the time of four vectors of f32, AMD's one in the time of one.
    return made_by_intel() ? "this processor's AVX512-BF16 is slower than f32" : nullptr;
  }
#endif
  // A BFMMLA has four times the products of an instruction for f32. Whether it is faster, no arm64 processor has shown
  // yet.
  if (backend == Backend::neon_bf16) return nullptr;
  return "the processor or the instruction set has no bf16 products (AMX, AVX512-BF16, or BF16 of arm64)";
}

int tile_depth(Backend backend) { return backend == Backend::amx || backend == Backend::amx_emulated ? 16 : 0; }

Backend best_cpu_backend() {
  for (Backend backend : {Backend::amx, Backend::avx512, Backend::avx2, Backend::neon_bf16, Backend::neon}) {
    if (backend_supported(backend)) return backend;
  }
  return Backend::portable;
}

int panel_width(Backend backend) {
  backend = base(backend);
  return backend == Backend::avx512 ? 32 : backend == Backend::avx2 ? 16 : 8;
}

bool register_kernel(Backend backend, const char* op, Kernel kernel) {
  return table(backend).emplace(op, kernel).second;
}

const Kernel* find_kernel(Backend backend, const char* op) {
  const auto& kernels = table(backend);
  const auto it = kernels.find(op);
  if (it != kernels.end()) return &it->second;
  return base(backend) == backend ? nullptr : find_kernel(base(backend), op);
}

}  // namespace videoclip
