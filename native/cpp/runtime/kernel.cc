#include "runtime/kernel.h"

#include <map>
#include <string>

namespace videoclip {
namespace {

std::map<std::string, Kernel>& table(Isa isa) {
  static std::map<std::string, Kernel> tables[kIsaCount];
  return tables[static_cast<int>(isa)];
}

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::avx512:
      return "avx512";
    case Isa::avx2:
      return "avx2";
    case Isa::cuda:
      return "cuda";
    case Isa::cuda_emulated:
      return "cuda-emulated";
    default:
      return "portable";
  }
}

bool isa_supported(Isa isa) {
  const int number = static_cast<int>(isa);
  if (number < 0 || number >= kIsaCount || table(isa).empty()) return false;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (isa == Isa::avx512) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
  }
  if (isa == Isa::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return isa == Isa::portable || isa == Isa::cuda || isa == Isa::cuda_emulated;
}

bool has_bf16(Isa isa) {
#if defined(__x86_64__)
  return isa == Isa::avx512 && isa_supported(isa) && __builtin_cpu_supports("avx512bf16");
#else
  (void)isa;
  return false;
#endif
}

Isa best_isa() {
  for (Isa isa : {Isa::avx512, Isa::avx2}) {
    if (isa_supported(isa)) return isa;
  }
  return Isa::portable;
}

int panel_width(Isa isa) { return isa == Isa::avx512 ? 32 : isa == Isa::avx2 ? 16 : 8; }

bool register_kernel(Isa isa, const char* op, Kernel kernel) { return table(isa).emplace(op, kernel).second; }

const Kernel* find_kernel(Isa isa, const char* op) {
  auto& kernels = table(isa);
  auto it = kernels.find(op);
  return it == kernels.end() ? nullptr : &it->second;
}

}  // namespace videoclip
