#pragma once
// The vector type and constants of the instruction set this file is being compiled for. Every cpu/<op>.cc is compiled
// once per set (CMakeLists.txt) with VIDEOCLIP_ISA naming the set; the set's namespace keeps the copies apart.
#include <cstdint>
#include <cstring>

#include "runtime/kernel.h"

#define VIDEOCLIP_ISA_ENUM_(x) ::videoclip::Isa::x
#define VIDEOCLIP_ISA_ENUM(x) VIDEOCLIP_ISA_ENUM_(x)

// Last line of a kernel file: registers run and workspace functions under the op's name.
#define VIDEOCLIP_KERNEL(op, run, workspace) \
  static const bool registered_ = ::videoclip::register_kernel(VIDEOCLIP_ISA_ENUM(VIDEOCLIP_ISA), op, {run, workspace})

namespace videoclip {
namespace VIDEOCLIP_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kTileRows = 14;  // 14 x 2 accumulators + 2 weights + 1 broadcast fit 32 registers
#elif defined(__AVX2__)
constexpr int kLanes = 8;
constexpr int kTileRows = 6;  // 6 x 2 accumulators + 2 weights + 1 broadcast fit 16 registers
#else
constexpr int kLanes = 4;
constexpr int kTileRows = 6;
#endif
constexpr int kPanel = 2 * kLanes;

typedef float Vec __attribute__((vector_size(kLanes * 4), aligned(4)));

inline Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }
inline Vec splat(float x) { return x - Vec{}; }

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }

inline size_t no_workspace(const Call&, int) { return 0; }

// Rows handed to one task of a memory-bound op: about 64 KiB.
inline int64_t rows_per_task(int64_t channels) { return max64(1, 16384 / max64(1, channels)); }

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
