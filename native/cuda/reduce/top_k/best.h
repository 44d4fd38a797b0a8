#pragma once
// Scores in their order, and the list of the best.
#include "cuda/primitives/memory.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace top_k_op {

// A score as an integer of the same order. 0 stands for no score, 1 for NaN.
VC_DEVICE uint32_t key_of(float score) {
  if (score != score) return 1;
  const uint32_t bits = float_to_bits(score + 0.0f);  // -0 equals 0
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}

VC_DEVICE float score_of(uint32_t key) {
  if (key == 0) return bits_to_float(0xff800000u);
  if (key == 1) return bits_to_float(0x7fc00000u);
  return bits_to_float(key >> 31 ? key & 0x7fffffffu : ~key);
}

// Inserts into a sorted list of k keys, followed by k indices. Keys arrive with rising indices, so an equal key goes
// after those in the list.
template <class Memory, typename Index>
VC_DEVICE void insert(const Memory& list, Index base, int k, uint32_t key, uint32_t index) {
  const int lane = lane_id();
  for (int first = (k - 1) / kWarpSize * kWarpSize; first >= 0; first -= kWarpSize) {
    const int i = first + lane;
    const Index at = base + static_cast<Index>(i);
    bool moves = i < k && key > list.load(at);
    uint32_t new_key = key, new_index = index;
    if (moves && i > 0) {
      const uint32_t before = list.load(at - 1);
      if (key > before) {
        new_key = before;
        new_index = list.load(at - 1 + static_cast<Index>(k));
      }
    }
    sync_warp();  // all lanes have read the list
    if (moves) {
      list.store(at, new_key);
      list.store(at + static_cast<Index>(k), new_index);
    }
    if (!(ballot(moves) & 1)) break;  // the position was in this part of the list
  }
  sync_warp();
}

}  // namespace top_k_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
