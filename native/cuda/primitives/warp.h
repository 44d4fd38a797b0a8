#pragma once
// Shuffles, votes and reductions among the lanes of a warp. Values have 4 bytes.
#include "cuda/primitives/math.h"
#include "cuda/primitives/sync.h"
#include "cuda/primitives/types.h"

#if defined(VIDEOCLIP_EMULATED)
#include <cstring>
#endif

namespace videoclip {
namespace VIDEOCLIP_CUDA {

// Blocks are one-dimensional.
VC_DEVICE int lane_id() { return static_cast<int>(threadIdx.x % kWarpSize); }
VC_DEVICE int warp_id() { return static_cast<int>(threadIdx.x / kWarpSize); }

#if defined(VIDEOCLIP_EMULATED)

namespace detail {
template <typename T>
VC_DEVICE T shuffle(emulator::Shuffle kind, uint32_t mask, T value, int argument) {
  static_assert(sizeof(T) == 4, "4 bytes");
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  bits = emulator::shuffle(kind, mask, bits, static_cast<uint32_t>(argument));
  std::memcpy(&value, &bits, 4);
  return value;
}
}  // namespace detail

template <typename T>
VC_DEVICE T shuffle(T value, int lane, uint32_t mask = kFullMask) {
  return detail::shuffle(emulator::Shuffle::index, mask, value, lane);
}
template <typename T>
VC_DEVICE T shuffle_xor(T value, int lanes, uint32_t mask = kFullMask) {
  return detail::shuffle(emulator::Shuffle::exclusive_or, mask, value, lanes);
}
template <typename T>
VC_DEVICE T shuffle_down(T value, int lanes, uint32_t mask = kFullMask) {
  return detail::shuffle(emulator::Shuffle::down, mask, value, lanes);
}
VC_DEVICE uint32_t ballot(bool predicate, uint32_t mask = kFullMask) { return emulator::ballot(mask, predicate); }
VC_DEVICE bool vote_any(bool predicate, uint32_t mask = kFullMask) { return emulator::ballot(mask, predicate) != 0; }
VC_DEVICE bool vote_all(bool predicate, uint32_t mask = kFullMask) { return emulator::ballot(mask, predicate) == mask; }

#else

template <typename T>
VC_DEVICE T shuffle(T value, int lane, uint32_t mask = kFullMask) {
  static_assert(sizeof(T) == 4, "4 bytes");
  return __shfl_sync(mask, value, lane);
}
template <typename T>
VC_DEVICE T shuffle_xor(T value, int lanes, uint32_t mask = kFullMask) {
  static_assert(sizeof(T) == 4, "4 bytes");
  return __shfl_xor_sync(mask, value, lanes);
}
template <typename T>
VC_DEVICE T shuffle_down(T value, int lanes, uint32_t mask = kFullMask) {
  static_assert(sizeof(T) == 4, "4 bytes");
  return __shfl_down_sync(mask, value, static_cast<unsigned>(lanes));
}
VC_DEVICE uint32_t ballot(bool predicate, uint32_t mask = kFullMask) { return __ballot_sync(mask, predicate); }
VC_DEVICE bool vote_any(bool predicate, uint32_t mask = kFullMask) { return __any_sync(mask, predicate) != 0; }
VC_DEVICE bool vote_all(bool predicate, uint32_t mask = kFullMask) { return __all_sync(mask, predicate) != 0; }

#endif

// Sum over all lanes, with the same bits in each: a butterfly adds the same pairs in every lane.
VC_DEVICE float warp_sum(float x) {
#pragma unroll
  for (int d = kWarpSize / 2; d > 0; d /= 2) x += shuffle_xor(x, d);
  return x;
}

VC_DEVICE float warp_max(float x) {
#pragma unroll
  for (int d = kWarpSize / 2; d > 0; d /= 2) x = max(x, shuffle_xor(x, d));
  return x;
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
