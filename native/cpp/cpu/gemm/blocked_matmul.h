#pragma once
// Products of a batch of matrices, in f32 or with operands that are rounded to bf16. All threads pack parts of both
// operands into the workspace; then they multiply blocks of them. Each value is thus packed once, except in products
// that are larger than the workspace, and a B that all matrices of a batch share, which is packed for each of them.
#include <algorithm>

#include "cpu/gemm/pack_bf16.h"
#include "cpu/gemm/transpose_panel.h"
#include "ops/matmul/matmul.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
// K is divided into chunks of this length, whose sums are added in order, so that an output depends on its row of A and
// its column of B alone. With AVX-512 a panel of a chunk has 16 KiB in bf16 and 32 KiB in f32, with AVX2 half of that.
constexpr int64_t kChunk = 256;
template <typename T>
constexpr int64_t kMaxTiles = kRowsOf<T> > 16 ? 8 : 16;  // tiles per block: with its panels it stays in the L2 cache
constexpr int64_t kMaxPanels = 8;                        // panels per block
constexpr int64_t kTasks = 32;                           // enough for many threads
constexpr int64_t kPackedRows = 64;                      // rows of A that a thread packs at a time
constexpr int64_t kMaxSide = 4096;                       // rows and columns of a part
constexpr int64_t kMaxBytes = 8 << 20;  // of the packed operands of a part, if a chunk of it needs no more

// The part of a product that is packed at a time, and its parts that are multiplied at a time. No result depends on it.
template <typename T>
struct Cut {
  static constexpr int64_t kRows = kRowsOf<T>;
  int64_t rows, columns, chunks, entries;  // of a part: of A, of B, of K, and matrices of the batch
  int64_t tiles = kMaxTiles<T>, panels = kMaxPanels;

  explicit Cut(const MatmulArgs& p) {
    rows = part(p.M, kRows), columns = part(p.N, kPanel);
    const int64_t all = max64(1, ceil_div(p.K, kChunk));
    const int64_t bytes = (a_values() + b_values()) * static_cast<int64_t>(sizeof(T));
    chunks = max64(1, min64(kMaxBytes / bytes, all));
    const bool whole = chunks == all && rows >= p.M && columns >= p.N;
    entries = whole ? max64(1, min64(kMaxBytes / (bytes * chunks), p.batch)) : 1;
    while (entries * blocks_down(rows) * blocks_across(columns) < kTasks && tiles * panels > 2) {
      if (tiles * kRows > panels * kPanel || panels == 1) {
        tiles = (tiles + 1) / 2;
      } else {
        panels /= 2;
      }
    }
  }
  int64_t blocks_down(int64_t rows) const { return ceil_div(rows, tiles * kRows); }
  int64_t blocks_across(int64_t columns) const { return ceil_div(columns, panels * kPanel); }
  // Values of a packed chunk of A, [rows][kChunk], with the rows that pack_columns_bf16 writes behind the last, and of
  // B, [panel][kChunk * kPanel].
  int64_t a_values() const { return (rows + kLanes) * kChunk; }
  int64_t b_values() const { return columns * kChunk; }
  size_t bytes() const { return static_cast<size_t>(entries * chunks * (a_values() + b_values())) * sizeof(T); }

 private:
  static int64_t part(int64_t side, int64_t unit) {
    const int64_t parts = max64(1, ceil_div(side, kMaxSide));
    return ceil_div(ceil_div(side, parts), unit) * unit;
  }
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

// Packs parts of both operands, and multiplies them: the columns [n0, n0 + columns) of the rows [m0, m0 + rows), for
// the matrices [first, first + entries) of the batch and the chunks of K from k0 to k1.
template <typename T>
class Part {
  static constexpr bool kBf16 = sizeof(T) == 2;

 public:
  Part(const Call& call, const MatmulArgs& p, const Cut<T>& cut)
      : call_(call), p_(p), cut_(cut), a_(reinterpret_cast<T*>(call.workspace)) {
    b_ = a_ + cut.entries * cut.chunks * cut.a_values();
  }

  int64_t n0, columns, m0, rows, first, entries, k0, k1;

  // B is packed too, unless it is that of the part before.
  void pack(bool packs_b) const {
    const int64_t chunks = ceil_div(k1 - k0, kChunk);
    const int64_t a_units = ceil_div(rows, kPackedRows), b_units = packs_b ? ceil_div(columns, kPanel) : 0;
    call_.pool->parallel_for(entries * chunks * (a_units + b_units), [&](int64_t task, int) {
      const int64_t unit = task % (a_units + b_units), at = task / (a_units + b_units);
      if (unit < a_units) {
        pack_rows(at / chunks, at % chunks, unit * kPackedRows);
      } else {
        pack_panel(at / chunks, at % chunks, (unit - a_units) * kPanel);
      }
    });
  }

  void multiply() const {
    const int64_t across = cut_.blocks_across(columns), down = cut_.blocks_down(rows);
    call_.pool->parallel_for(entries * down * across, [&](int64_t task, int) {
      multiply_block(task / across / down, task / across % down * cut_.tiles * kRowsOf<T>,
                     task % across * cut_.panels * kPanel);
    });
  }

 private:
  int64_t depth_of(int64_t chunk) const { return min64(kChunk, k1 - k0 - chunk * kChunk); }
  T* packed_a(int64_t entry, int64_t chunk) const { return a_ + (entry * cut_.chunks + chunk) * cut_.a_values(); }
  float* packed_b(int64_t entry, int64_t chunk) const {
    return reinterpret_cast<float*>(b_ + (entry * cut_.chunks + chunk) * cut_.b_values());
  }
  // Floats of a packed panel.
  static constexpr int64_t kPanelFloats = kChunk * kPanel * static_cast<int64_t>(sizeof(T)) / 4;

  void pack_rows(int64_t entry, int64_t chunk, int64_t r) const {
    const float* a = call_.in[0].f32() + (first + entry) * p_.a.batch;
    T* to = packed_a(entry, chunk) + r * kChunk;
    const int64_t count = min64(kPackedRows, rows - r), depth = depth_of(chunk), k = k0 + chunk * kChunk;
    if constexpr (!kBf16) {
      pack_a(p_, a, m0 + r, k, count, depth, to);
    } else if (rounds_by_instruction()) {
      pack_a_bf16<true>(p_, a, m0 + r, k, count, depth, bf16_pairs(depth), to);
    } else {
      pack_a_bf16<false>(p_, a, m0 + r, k, count, depth, bf16_pairs(depth), to);
    }
  }

  void pack_panel(int64_t entry, int64_t chunk, int64_t c) const {
    const float* b = call_.in[1].f32() + (first + entry) * p_.b.batch;
    float* to = packed_b(entry, chunk) + c / kPanel * kPanelFloats;
    const int64_t used = min64(kPanel, columns - c), depth = depth_of(chunk), k = k0 + chunk * kChunk;
    if constexpr (!kBf16) {
      pack_b(p_, b, k, n0 + c, depth, used, width_of(used), to);
    } else if (rounds_by_instruction()) {
      pack_b_bf16<true>(p_, b, k, n0 + c, depth, used, width_of(used), bf16_pairs(depth), to);
    } else {
      pack_b_bf16<false>(p_, b, k, n0 + c, depth, used, width_of(used), bf16_pairs(depth), to);
    }
  }

  static int64_t width_of(int64_t used) { return used > kLanes ? kPanel : kLanes; }

  // The outputs from row r and column c of the part on.
  void multiply_block(int64_t entry, int64_t r, int64_t c) const {
    const int64_t last_row = min64(r + cut_.tiles * kRowsOf<T>, rows);
    const int64_t last_column = min64(c + cut_.panels * kPanel, columns);
    float* y = call_.out[0].f32() + (first + entry) * p_.y.batch + m0 * p_.y.row + n0;
    for (int64_t chunk = 0; chunk * kChunk < k1 - k0; ++chunk) {
      const int64_t run = kBf16 ? bf16_pairs(depth_of(chunk)) : depth_of(chunk);
      const Bf16Scope scope(kBf16 ? run : 0);
      const bool begins = k0 + chunk == 0;
      for (int64_t column = c; column < last_column; column += kPanel) {
        const int64_t used = min64(kPanel, columns - column), width = width_of(used);
        const float* panel = packed_b(entry, chunk) + column / kPanel * kPanelFloats;
        for (int64_t row = r; row < last_row; row += kRowsOf<T>) {
          alignas(64) float sums[kRowsOf<T> * kPanel];
          VIDEOCLIP_ISA::multiply<T>(packed_a(entry, chunk), row, rows, run, panel, width, sums);
          add_tile(sums, width, min64(kRowsOf<T>, rows - row), used, begins, y + row * p_.y.row + column, p_.y.row);
        }
      }
    }
  }

  const Call& call_;
  const MatmulArgs& p_;
  const Cut<T>& cut_;
  T *a_, *b_;
};

template <typename T>
inline size_t matmul_workspace(const Call& call, int) {
  return Cut<T>{MatmulArgs(call)}.bytes();
}

// The product with operands that are rounded to T.
template <typename T>
Status blocked_matmul(const Call& call) {
  const MatmulArgs p(call);
  if (p.K == 0) {
    for (int64_t i = 0; i < p.batch * p.M; ++i) {
      float* row = call.out[0].f32() + i / p.M * p.y.batch + i % p.M * p.y.row;
      std::fill(row, row + p.N, 0.0f);
    }
    return {};
  }
  const Cut<T> cut(p);
  Part<T> part(call, p, cut);
  for (part.first = 0; part.first < p.batch; part.first += cut.entries) {
    part.entries = min64(cut.entries, p.batch - part.first);
    for (part.n0 = 0; part.n0 < p.N; part.n0 += cut.columns) {
      part.columns = min64(cut.columns, p.N - part.n0);
      for (part.k0 = 0; part.k0 < p.K; part.k0 = part.k1) {
        part.k1 = min64(part.k0 + cut.chunks * kChunk, p.K);
        for (part.m0 = 0; part.m0 < p.M; part.m0 += cut.rows) {
          part.rows = min64(cut.rows, p.M - part.m0);
          part.pack(part.m0 == 0);
          part.multiply();
        }
      }
    }
  }
  return {};
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
