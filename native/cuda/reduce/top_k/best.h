#pragma once
// Scores in their order, and the list of the best.
#include <type_traits>

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

// The lists of a warp: of each of its queries the best of one split, k keys and k indices. They are in shared memory,
// from `byte_offset` on, or at their places in the workspace, [queries][splits][k keys, k indices].
template <bool kInShared>
class Lists {
  using Memory = std::conditional_t<kInShared, Shared<uint32_t>, Global<uint32_t>>;
  using Index = std::conditional_t<kInShared, uint32_t, size_t>;

 public:
  // query0: number of the warp's first query among all. most: queries that a warp may have.
  VC_DEVICE Lists(Global<uint32_t> workspace, int64_t query0, int64_t splits, int64_t split, int k,
                  uint32_t byte_offset, int most)
      : workspace_(workspace), query0_(query0), splits_(splits), split_(split), k_(k) {
    if constexpr (kInShared) {
      lists_ = shared_array<uint32_t>(byte_offset, static_cast<uint32_t>(most * 2 * k));
    } else {
      lists_ = workspace;
    }
  }

  VC_DEVICE void clear(int queries) const {
    for (int q = 0; q < queries; ++q) {
      for (int i = lane_id(); i < 2 * k_; i += kWarpSize) lists_.store(base(q) + static_cast<Index>(i), 0u);
    }
    sync_warp();
  }
  // By all lanes, for one query.
  VC_DEVICE void add(int q, uint32_t key, uint32_t index) const { insert(lists_, base(q), k_, key, index); }
  VC_DEVICE uint32_t last_key(int q) const { return lists_.load(base(q) + static_cast<Index>(k_ - 1)); }

  // Copies the lists to the workspace.
  VC_DEVICE void finish(int queries) const {
    if constexpr (kInShared) {
      sync_warp();
      for (int q = 0; q < queries; ++q) {
        for (int i = lane_id(); i < 2 * k_; i += kWarpSize) {
          workspace_.store(place(q) + static_cast<size_t>(i), lists_.load(base(q) + static_cast<Index>(i)));
        }
      }
    }
  }

 private:
  VC_DEVICE size_t place(int q) const { return static_cast<size_t>(((query0_ + q) * splits_ + split_) * 2 * k_); }
  VC_DEVICE Index base(int q) const {
    if constexpr (kInShared) {
      return static_cast<Index>(q * 2 * k_);
    } else {
      return place(q);
    }
  }

  Memory lists_;
  Global<uint32_t> workspace_;
  int64_t query0_, splits_, split_;
  int k_;
};

}  // namespace top_k_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
