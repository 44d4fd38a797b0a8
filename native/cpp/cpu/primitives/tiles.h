#pragma once
// Products of 16 x 16 tiles of bf16 with sums in f32, as Intel's AMX computes them: by the instructions, or in software
// with the same bits. VIDEOCLIP_TILES is 1 for the instructions and 2 for software.
//
// A step adds to each sum of C [16][16] the products of `depth` (at most 16) pairs of A [16][depth][2] and B
// [depth][16][2]. Even and odd elements are two chains of fused multiply-adds from zero, whose sum is added to C.
// Numbers below the normal ones count as zero everywhere.
#include <cfloat>
#include <cmath>

#include "cpu/primitives/storage.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

constexpr int kTileSize = 16;  // rows and columns of C, and the most pairs of a step

// The unit has tiles 0 to 3 for sums, 4 and 5 for A, and 6 and 7 for B. `columns` is at most 16.
#if VIDEOCLIP_TILES == 1

class TileUnit {
 public:
  TileUnit(int64_t, int64_t) {}

  // Sizes of the tiles of this thread, for as long as the object lives; nothing for a depth of 0.
  class Configured {
   public:
    explicit Configured(int64_t depth) : active_(depth > 0) {
      if (!active_) return;
      struct alignas(64) {
        uint8_t palette = 1, start_row = 0, reserved[14] = {};
        uint16_t row_bytes[16] = {};
        uint8_t rows[16] = {};
      } config;
      for (int i = 0; i < 8; ++i) {
        config.row_bytes[i] = static_cast<uint16_t>(i == 4 || i == 5 ? 4 * depth : 64);
        config.rows[i] = static_cast<uint8_t>(i >= 6 ? depth : kTileSize);
      }
      asm volatile("ldtilecfg %0" ::"m"(config));
    }
    ~Configured() {
      if (active_) asm volatile("tilerelease");
    }
    Configured(const Configured&) = delete;
    Configured& operator=(const Configured&) = delete;

   private:
    bool active_;
  };

  template <int kTile>
  void zero() {
    asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
  }
  // `stride` is in bytes.
  template <int kTile>
  void load(const void* from, int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kSums, int kA, int kB>
  void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kA), "i"(kB));
  }
  template <int kTile>
  void store(float* to, int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(kTile) : "memory");
  }
};

#else

class TileUnit {
 public:
  // Ends the process without the configuration that the instructions need.
  TileUnit(int64_t depth, int64_t columns) : depth_(depth), columns_(columns) {
    if (configured() != depth) __builtin_trap();
  }

  class Configured {
   public:
    explicit Configured(int64_t depth) { configured() = depth; }
    ~Configured() { configured() = 0; }
    Configured(const Configured&) = delete;
    Configured& operator=(const Configured&) = delete;
  };

  template <int kTile>
  void zero() {
    std::memset(sums_[kTile], 0, sizeof sums_[kTile]);
  }
  template <int kTile>
  void load(const void* from, int64_t stride) {
    constexpr bool kIsA = kTile < 6;
    float(&even)[kTileSize][kTileSize] = even_[kTile - 4], (&odd)[kTileSize][kTileSize] = odd_[kTile - 4];
    for (int64_t r = 0; r < (kIsA ? kTileSize : depth_); ++r) {
      const Bf16* row = reinterpret_cast<const Bf16*>(static_cast<const char*>(from) + r * stride);
      for (int64_t c = 0; c < (kIsA ? depth_ : columns_); ++c) {
        even[r][c] = flush(value(row[2 * c])), odd[r][c] = flush(value(row[2 * c + 1]));
      }
    }
  }
  template <int kSums, int kA, int kB>
  void multiply() {
    const int a = kA - 4, b = kB - 4;
    for (int m = 0; m < kTileSize; ++m) {
      float even[kTileSize] = {}, odd[kTileSize] = {};
      for (int64_t k = 0; k < depth_; ++k) {
        for (int n = 0; n < kTileSize; ++n) {
          even[n] = flush(__builtin_fmaf(even_[a][m][k], even_[b][k][n], even[n]));
          odd[n] = flush(__builtin_fmaf(odd_[a][m][k], odd_[b][k][n], odd[n]));
        }
      }
      for (int n = 0; n < kTileSize; ++n) {
        sums_[kSums][m][n] = flush(flush(sums_[kSums][m][n]) + flush(even[n] + odd[n]));
      }
    }
  }
  template <int kTile>
  void store(float* to, int64_t stride) {
    for (int m = 0; m < kTileSize; ++m) {
      std::memcpy(reinterpret_cast<char*>(to) + m * stride, sums_[kTile][m], static_cast<size_t>(columns_) * 4);
    }
  }

 private:
  static int64_t& configured() {
    static thread_local int64_t depth = 0;
    return depth;
  }
  static float flush(float x) { return std::fabs(x) < FLT_MIN ? std::copysign(0.0f, x) : x; }

  int64_t depth_, columns_;
  float sums_[4][kTileSize][kTileSize];
  float even_[4][kTileSize][kTileSize] = {}, odd_[4][kTileSize][kTileSize] = {};
};

#endif

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
