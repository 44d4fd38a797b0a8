#pragma once
// The vector type and constants of the instruction set that this file is compiled for. Every cpu/<op>.cc is compiled
// once per set (CMakeLists.txt); VIDEOCLIP_ISA names the set and the namespace that keeps the copies apart.
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(VIDEOCLIP_NEON)
#include <arm_neon.h>
#endif

#include "runtime/kernel.h"

#define VIDEOCLIP_ISA_ENUM_(x) ::videoclip::Backend::x
#define VIDEOCLIP_ISA_ENUM(x) VIDEOCLIP_ISA_ENUM_(x)

// The last line of a kernel file: registers the run and workspace functions under the name of the op.
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
#elif defined(VIDEOCLIP_NEON)
constexpr int kLanes = 4;
constexpr int kTileRows = 8;  // 8 x 2 accumulators + 4 x 2 weights + 4 values of a row fit 32 registers
#else
constexpr int kLanes = 4;
constexpr int kTileRows = 6;
#endif
constexpr int kPanel = 2 * kLanes;

typedef float Vec __attribute__((vector_size(kLanes * 4), aligned(4)));

// An unaligned vector. GCC 12 tuned for a generic processor turns memcpy of 32 bytes into two halves that go through
// the stack: with AVX2, exp of a row would then take six times as long.
typedef float LooseVec __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

inline Vec load(const float* p) { return *reinterpret_cast<const LooseVec*>(p); }
// Loads the first `n` floats, with zeros in the other lanes; does not read beyond them.
inline Vec load_some(const float* p, int64_t n) {
  if (n >= kLanes) return load(p);
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
#else
  alignas(32) float some[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) some[i] = p[i];
  return load(some);
#endif
}
inline void store(float* p, Vec v) { *reinterpret_cast<LooseVec*>(p) = v; }
inline void store_some(float* p, Vec v, int64_t n) {
  if (n >= kLanes) return store(p, v);
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), (__m512)v);
#else
  alignas(32) float some[kLanes];
  store(some, v);
  for (int64_t i = 0; i < n; ++i) p[i] = some[i];
#endif
}
inline Vec splat(float x) { return x - Vec{}; }
// v with zeros from lane n on.
inline Vec first_lanes(Vec v, int64_t n) {
  alignas(64) float some[kLanes];
  *reinterpret_cast<LooseVec*>(some) = v;
  return load_some(some, n);
}

// Stores past the caches, to an address that is a multiple of the vector's size. `stream_end` must follow before
// another thread may read. For outputs that no cache holds: an ordinary store would first read the line it overwrites.
// On arm64 it is an ordinary store, because the processors recognise lines that are overwritten whole.
inline void stream(float* p, Vec v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, (__m512)v);
#elif defined(__AVX2__)
  _mm256_stream_ps(p, (__m256)v);
#else
  store(p, v);
#endif
}
inline void stream_end() {
#if defined(__AVX2__)
  _mm_sfence();
#endif
}

// Outputs of at least this size are streamed: they take more than a thread's share of the last-level cache.
constexpr int64_t kStreamBytes = 8 << 20;

// Whether an output is large enough to be streamed, and aligned.
inline bool streams(const Tensor& y) {
  bool aligned = y.data && reinterpret_cast<uintptr_t>(y.data) % sizeof(Vec) == 0;
  for (int i = 0; i + 1 < y.rank; ++i) aligned = aligned && y.strides[i] % kLanes == 0;
  return aligned && y.elements() * static_cast<int64_t>(item_size(y.dtype)) >= kStreamBytes;
}

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }

inline size_t no_workspace(const Call&, int) { return 0; }

// The rows per task of a memory-bound op: about 64 KiB.
inline int64_t rows_per_task(int64_t channels) { return max64(1, 16384 / max64(1, channels)); }

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
