#pragma once
// Products of a batch of matrices in blocks, in f32 or with operands that are rounded to bf16 when they are packed.
#include <algorithm>

#include "cpu/gemm/pack_bf16.h"
#include "cpu/gemm/transpose_panel.h"
#include "ops/matmul/matmul.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
// K is divided into chunks of this length, whose sums are added in order, so that an output depends on its row of A and
// its column of B alone. The chunks of A and B of a block (230 and 256 KiB with AVX-512) share the L2 cache.
constexpr int64_t kChunk = 256;
template <typename T>
constexpr int64_t kMaxTiles = kRowsOf<T> > 16 ? 8 : 16;  // tiles per block
constexpr int64_t kMaxPanels = 8;                        // panels per block
constexpr int64_t kTasks = 32;                           // enough for many threads; smaller blocks pack more often

// The outputs of a task. No result depends on this choice.
template <typename T>
struct Blocks {
  static constexpr int64_t kRows = kRowsOf<T>;
  int64_t tiles = kMaxTiles<T>, panels = kMaxPanels;

  explicit Blocks(const MatmulArgs& p) {
    while (p.batch * rows(p) * columns(p) < kTasks && tiles * panels > 2) {
      if (tiles * kRows > panels * kPanel || panels == 1) {
        tiles = (tiles + 1) / 2;
      } else {
        panels /= 2;
      }
    }
  }
  int64_t rows(const MatmulArgs& p) const { return ceil_div(p.M, tiles * kRows); }
  int64_t columns(const MatmulArgs& p) const { return ceil_div(p.N, panels * kPanel); }
  int64_t a_floats() const { return tiles * kRows * kChunk; }
  int64_t b_floats() const { return panels * kPanel * kChunk; }
};

// out [rows][kChunk]: A[m0 + r, k0 + k] for r < rows and k < depth, with zeros up to the next whole vector.
inline void pack_a(const MatmulArgs& p, const float* a, int64_t m0, int64_t k0, int64_t rows, int64_t depth,
                   float* out) {
  if (!p.transpose_a) {
    for (int64_t r = 0; r < rows; ++r) {
      const float* from = a + (m0 + r) * p.a.row + k0;
      std::copy(from, from + depth, out + r * kChunk);
      std::fill(out + r * kChunk + depth, out + r * kChunk + ceil_div(depth, kLanes) * kLanes, 0.0f);
    }
    return;
  }
  const auto row = [&](int64_t k) { return k < depth ? a + (k0 + k) * p.a.row + m0 : nullptr; };
  transpose_panel(row, rows, kChunk, out);
}

// One panel, [depth][width]: B[k0 + k, n0 + c] for c < used, zeros beyond.
inline void pack_b(const MatmulArgs& p, const float* b, int64_t k0, int64_t n0, int64_t depth, int64_t used,
                   int64_t width, float* out) {
  if (p.transpose_b) {
    const auto row = [&](int64_t c) { return c < used ? b + (n0 + c) * p.b.row + k0 : nullptr; };
    return transpose_panel(row, depth, width, out);
  }
  for (int64_t k = 0; k < depth; ++k, out += width) {
    const float* from = b + (k0 + k) * p.b.row + n0;
    for (int64_t c = 0; c < width; c += kLanes) store(out + c, load_some(from + c, max64(0, used - c)));
  }
}

// y [rows][used] = sums, or += sums.
inline void add_tile(const float* sums, int64_t width, int64_t rows, int64_t used, bool first, float* y,
                     int64_t stride) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < used; c += kLanes) {
      float* to = y + r * stride + c;
      Vec v = load(sums + r * width + c);
      if (!first) v += load_some(to, used - c);
      store_some(to, v, used - c);
    }
  }
}

template <typename T>
inline size_t matmul_workspace(const Call& call, int threads) {
  const Blocks<T> blocks{MatmulArgs(call)};
  return static_cast<size_t>(blocks.a_floats() + blocks.b_floats()) * sizeof(float) * static_cast<size_t>(threads);
}

// The blocks of a chunk of K in bf16: a_block [rows][kChunk], and the panel of columns n0 on.
template <bool kInstruction>
inline void pack_a_bf16(const MatmulArgs& p, const float* a, int64_t m0, int64_t k0, int64_t rows, int64_t depth,
                        int64_t pairs, Bf16* out) {
  if (p.transpose_a) {
    pack_columns_bf16<kInstruction>(a + k0 * p.a.row + m0, p.a.row, rows, depth, pairs, kChunk, out);
  } else {
    pack_rows_bf16<kInstruction>(a + m0 * p.a.row + k0, p.a.row, rows, depth, pairs, kChunk, out);
  }
}

template <bool kInstruction>
inline void pack_b_bf16(const MatmulArgs& p, const float* b, int64_t k0, int64_t n0, int64_t depth, int64_t used,
                        int64_t width, int64_t pairs, float* panel) {
  if (p.transpose_b) {
    pack_transposed_panel_bf16<kInstruction>(b + n0 * p.b.row + k0, p.b.row, depth, used, width, pairs, panel);
  } else {
    pack_panel_bf16<kInstruction>(b + k0 * p.b.row + n0, p.b.row, depth, used, width, pairs, panel);
  }
}

// The sums of the rows of A from r0 on and a panel of B.
template <typename T>
inline void multiply(const T* a_block, int64_t r0, int64_t rows, int64_t run, const float* panel, int64_t width,
                     float* sums) {
  const T* tile[kRowsOf<T>];
  for (int r = 0; r < kRowsOf<T>; ++r) {
    // Rows beyond the block stay equally far apart, as tiles need; what they hold does not matter.
    const int64_t row = kRowsOf<T> > 16 ? r0 + r : min64(r0 + r, rows - 1);
    tile[r] = a_block + row * kChunk;
  }
  if constexpr (sizeof(T) == 2) {
    bf16_sums(tile, 1, run, panel, width, sums);
  } else if (width == kPanel) {
    gemm_tile<2>(tile, 1, run, panel, sums);
  } else {
    gemm_tile<1>(tile, 1, run, panel, sums);
  }
}

// The product with operands that are rounded to T.
template <typename T>
Status blocked_matmul(const Call& call) {
  constexpr bool kBf16 = sizeof(T) == 2;
  const bool instruction = rounds_by_instruction();
  const MatmulArgs p(call);
  const Blocks<T> blocks(p);
  const int64_t across = blocks.columns(p), down = blocks.rows(p);
  call.pool->parallel_for(p.batch * down * across, [&](int64_t task, int thread) {
    const int64_t n0 = task % across * blocks.panels * kPanel;
    const int64_t m0 = task / across % down * blocks.tiles * kRowsOf<T>, index = task / across / down;
    const int64_t rows = min64(blocks.tiles * kRowsOf<T>, p.M - m0), columns = min64(blocks.panels * kPanel, p.N - n0);
    float* a_block = reinterpret_cast<float*>(call.workspace) + thread * (blocks.a_floats() + blocks.b_floats());
    float* b_block = a_block + blocks.a_floats();
    T* a_rows = reinterpret_cast<T*>(a_block);
    float* y = call.out[0].f32() + index * p.y.batch + m0 * p.y.row + n0;
    if (p.K == 0) {
      for (int64_t r = 0; r < rows; ++r) std::fill(y + r * p.y.row, y + r * p.y.row + columns, 0.0f);
    }
    for (int64_t k0 = 0; k0 < p.K; k0 += kChunk) {
      const int64_t depth = min64(kChunk, p.K - k0);
      const int64_t run = kBf16 ? bf16_pairs(depth) : depth;
      const float *a = call.in[0].f32() + index * p.a.batch, *b = call.in[1].f32() + index * p.b.batch;
      if constexpr (!kBf16) {
        pack_a(p, a, m0, k0, rows, depth, a_rows);
      } else if (instruction) {
        pack_a_bf16<true>(p, a, m0, k0, rows, depth, run, a_rows);
      } else {
        pack_a_bf16<false>(p, a, m0, k0, rows, depth, run, a_rows);
      }
      const Bf16Scope scope(kBf16 ? run : 0);
      for (int64_t c = 0; c < columns; c += kPanel) {
        const int64_t used = min64(kPanel, columns - c), width = used > kLanes ? kPanel : kLanes;
        float* panel = b_block + c * kChunk;
        if (!kBf16) {
          pack_b(p, b, k0, n0 + c, depth, used, width, panel);
        } else if (instruction) {
          pack_b_bf16<true>(p, b, k0, n0 + c, depth, used, width, run, panel);
        } else {
          pack_b_bf16<false>(p, b, k0, n0 + c, depth, used, width, run, panel);
        }
        for (int64_t r0 = 0; r0 < rows; r0 += kRowsOf<T>) {
          alignas(64) float sums[kRowsOf<T> * kPanel];
          multiply<T>(a_rows, r0, rows, run, panel, width, sums);
          add_tile(sums, width, min64(kRowsOf<T>, rows - r0), used, k0 == 0, y + r0 * p.y.row + c, p.y.row);
        }
      }
    }
  });
  return {};
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
