// A task is one head and some query rows of one batch row. It processes keys in blocks: k is transposed and v is copied
// into the panels of the micro-kernel, which computes the scores of a tile of queries (they fit the L1 cache) and, when
// the scores have become weights, the weighted sums. From block to block a row keeps its row max and sum and rescales
// its output (Milakov and Gimelshein 2018); up to kBlock keys there is one block and nothing to rescale. Blocks and
// lanes follow from the index of a key alone, so that the result of a row does not depend on the tile, the thread or
// masked keys at the end.
#include "ops/attention/attention.h"

#include <algorithm>
#include <limits>

#include "cpu/gemm/pack_bf16.h"
#include "cpu/gemm/panels.h"
#include "cpu/gemm/transpose_panel.h"
#include "cpu/primitives/vector_math.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int64_t kBlock = 512;                  // keys; with heads of 64 both panels take 256 KB, a quarter of L2
constexpr int64_t kMaxQueries = 128;             // queries per task; packing k and v then costs a tenth of the products
constexpr int kFewRows = kTileRows > 8 ? 8 : 4;  // rows of a last tile that needs no more: BERT's 64 = 4 x 14 + 8
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// The pairs of a number of keys in products of bf16: whole steps of tiles, so that the steps of a row's sum do not
// depend on the number of keys.
inline int64_t key_pairs(int64_t keys) { return ceil_div(keys, 32) * 16; }

struct Shape {
  int64_t batch, queries, keys, heads, size;
  float scale;
  bool causal;

  explicit Shape(const Call& call)
      : batch(call.in[0].shape[0]),
        queries(call.in[0].shape[1]),
        keys(call.in[1].shape[1]),
        heads(AttentionAttributes(call).heads),
        size(call.in[0].shape[2] / heads),
        scale(static_cast<float>(AttentionAttributes(call).scale)),
        causal(AttentionAttributes(call).causal) {}

  int64_t block() const { return ceil_div(min64(kBlock, keys), kPanel) * kPanel; }
  // Queries per task, reduced where there would be too few tasks. Results do not depend on it.
  int64_t queries_per_task(int threads, int64_t tile_rows) const {
    int64_t n = min64(kMaxQueries, queries);
    while (n > 2 * tile_rows && batch * heads * ceil_div(queries, n) < 3 * threads) n = ceil_div(n, 2);
    return ceil_div(n, tile_rows) * tile_rows;
  }
};

// The scratch memory of one thread, in floats from its start.
template <typename T>
struct Scratch {
  int64_t queries, weights, outputs, keys, values, scores, bias, state, size;

  explicit Scratch(const Shape& s) {
    constexpr bool kBf16 = sizeof(T) == 2;
    constexpr int64_t kRows = kRowsOf<T>;
    int64_t at = 0;
    const auto take = [&](int64_t floats) {
      const int64_t first = at;
      at += ceil_div(floats, 16) * 16;
      return first;
    };
    const int64_t pairs = key_pairs(s.block());
    queries = take(kBf16 ? kRows * bf16_pairs(s.size) : 0);
    weights = take(kBf16 ? kRows * pairs : 0);
    outputs = take(kBf16 ? (kMaxQueries + kRows) * s.size : 0);
    keys = take(s.block() * (kBf16 ? bf16_pairs(s.size) : s.size));
    values = take(Panels{s.size, kBf16 ? pairs : s.block()}.size());
    scores = take(kRows * s.block());
    bias = take(s.block());
    state = take(2 * (kMaxQueries + kRows));
    size = at;
  }
};

size_t attention_workspace(const Call& call, int threads) {
  return for_storage(call.in[0], [&](auto zero) {
    const Scratch<decltype(zero)> scratch{Shape(call)};
    return sizeof(float) * static_cast<size_t>(scratch.size) * static_cast<size_t>(threads);
  });
}

// 0 for the valid keys of a block, -inf for masked keys and after the last one.
void fill_bias(const Tensor& mask, int64_t n, int64_t first, int64_t count, int64_t width, float* bias) {
  for (int64_t j = 0; j < width; ++j) {
    bool valid = j < count;
    if (valid && mask) {
      const int64_t at = n * mask.strides[0] + (first + j) * mask.strides[1];
      valid = mask.dtype == DType::u8 ? mask.u8()[at] != 0 : mask.f32()[at] != 0;
    }
    bias[j] = valid ? 0.0f : kMinusInfinity;
  }
}

void copy_values(const float* v, int64_t stride, const float* bias, int64_t keys, const Panels& p, float* out) {
  for (int64_t i = 0; i < p.count(); ++i) {
    float* panel = out + p.offset(i);
    for (int64_t j = 0; j < keys; ++j) {
      for (int64_t c = 0; c < p.width(i); c += kLanes, panel += kLanes) {
        const int64_t used = p.used(i) - c;
        store(panel, bias[j] == 0 && used > 0 ? load_some(v + j * stride + p.first(i) + c, used) : Vec{});
      }
    }
  }
}

struct Row {
  float row_max, sum;
};

// Replaces scores by weights exp(scale score - row_max). Returns the factor that rescales the row's earlier sums.
float weigh(float* scores, const float* bias, int64_t width, int64_t attended, float scale, Row* row) {
  Vec row_max = splat(row->row_max);
  for (int64_t j = 0; j < width; j += kLanes) {
    Vec s = load(scores + j) * splat(scale) + load(bias + j);
    if (j + kLanes > attended) {
      for (int64_t l = max64(0, attended - j); l < kLanes; ++l) s[l] = kMinusInfinity;
    }
    store(scores + j, s);
    row_max = maximum(s, row_max);
  }
  const float highest = max_lanes(row_max);
  const float max_shift = highest == kMinusInfinity ? 0.0f : highest;  // no valid key yet: all weights are zero
  Vec sum = {};
  for (int64_t j = 0; j < width; j += kLanes) {
    const Vec e = exp(load(scores + j) - splat(max_shift));
    store(scores + j, e);
    sum += e;
  }
  const float factor = exp(splat(row->row_max - max_shift))[0];
  row->sum = row->sum * factor + sum_lanes(sum);
  row->row_max = highest;
  return factor;
}

void multiply(const float* const* rows, int count, int64_t depth, const float* panel, int64_t width, float* sums) {
  const bool wide = width == kPanel, few = count <= kFewRows;
  if (wide && few) return gemm_tile<2, kFewRows>(rows, 1, depth, panel, sums);
  if (wide) return gemm_tile<2>(rows, 1, depth, panel, sums);
  if (few) return gemm_tile<1, kFewRows>(rows, 1, depth, panel, sums);
  gemm_tile<1>(rows, 1, depth, panel, sums);
}

// The keys and values of one block in the panels of the products.
struct Block {
  const float *keys, *values, *bias;
  int64_t first, count;
  bool is_first, is_last;
};

// The rows of a product: f32 in place, bf16 in scratch memory with zeros that fill the pairs. Rows past `count` repeat
// the last.
template <typename T>
void find_rows(const T* x, int64_t stride, int64_t count, int64_t n, int64_t pairs, T* scratch, const T** rows) {
  for (int64_t r = 0; r < kRowsOf<T>; ++r) {
    const T* from = x + min64(r, count - 1) * stride;
    if constexpr (sizeof(T) == 4) {
      rows[r] = from;
    } else {
      copy_padded(from, n, scratch + r * 2 * pairs, 2 * pairs);
      rows[r] = scratch + r * 2 * pairs;
    }
  }
}

// One tile of queries against one block of keys: y becomes y factor + weights v, divided by the sum after the last
// block.
template <typename T>
void tile(const Shape& s, const Block& b, const T* q, int64_t q_stride, int64_t query, int count, T* q_rows, T* w_rows,
          float* scores, Row* state, float* y, int64_t y_stride) {
  constexpr bool kBf16 = sizeof(T) == 2;
  const auto attended = [&](int64_t i) { return s.causal ? i + s.keys - s.queries + 1 - b.first : b.count; };
  const int64_t last_key = max64(0, min64(b.count, attended(query + count - 1)));
  const int64_t q_pairs = bf16_pairs(s.size), w_pairs = key_pairs(last_key);
  const Panels keys{b.count, kBf16 ? q_pairs : s.size}, values{s.size, kBf16 ? key_pairs(b.count) : b.count};
  const int64_t panels = ceil_div(last_key, kPanel);
  const int64_t width = panels ? (panels - 1) * kPanel + keys.width(panels - 1) : 0;
  const T* rows[kRowsOf<T>];
  alignas(64) float sums[kRowsOf<T> * kPanel];
  // Scores: s = q k^T.
  find_rows(q, q_stride, count, s.size, q_pairs, q_rows, rows);
  {
    const Bf16Scope scope(kBf16 ? q_pairs : 0);
    for (int64_t p = 0; p < panels; ++p) {
      const float* panel = b.keys + keys.offset(p);
      if constexpr (kBf16) {
        bf16_sums(rows, 1, q_pairs, panel, keys.width(p), sums);
      } else {
        multiply(rows, count, s.size, panel, keys.width(p), sums);
      }
      for (int r = 0; r < count; ++r) {
        for (int64_t c = 0; c < keys.width(p); c += kLanes) {
          store(scores + r * width + p * kPanel + c, load(sums + r * keys.width(p) + c));
        }
      }
    }
  }
  // Softmax: row max, weights and rescaling factors.
  float factors[kRowsOf<T>], inverse[kRowsOf<T>];
  for (int r = 0; r < count; ++r) {
    factors[r] = weigh(scores + r * width, b.bias, width, attended(query + r), s.scale, state + r);
    inverse[r] = state[r].sum > 0 ? 1 / state[r].sum : 0.0f;
  }
  // Output: y = y factor + weights v.
  for (int64_t r = 0; r < kRowsOf<T>; ++r) {
    const float* from = scores + min64(r, count - 1) * width;
    if constexpr (kBf16) {
      T* to = w_rows + r * 2 * w_pairs;
      round_row<false>(from, min64(width, 2 * w_pairs), 2 * w_pairs, to);
      rows[r] = to;
    } else {
      rows[r] = from;
    }
  }
  const Bf16Scope scope(kBf16 ? w_pairs : 0);
  for (int64_t p = 0; p < values.count(); ++p) {
    const float* panel = b.values + values.offset(p);
    if constexpr (kBf16) {
      bf16_sums(rows, 1, w_pairs, panel, values.width(p), sums);
    } else {
      multiply(rows, count, last_key, panel, values.width(p), sums);
    }
    for (int r = 0; r < count; ++r) {
      for (int64_t c = 0; c < values.used(p); c += kLanes) {
        float* to = y + r * y_stride + values.first(p) + c;
        const int64_t used = values.used(p) - c;
        Vec sum = load(sums + r * values.width(p) + c);
        if (!b.is_first) sum += load_some(to, used) * splat(factors[r]);
        if (b.is_last) sum *= splat(inverse[r]);
        store_some(to, sum, used);
      }
    }
  }
}

// Packs the keys and values of one head in a block of `count` keys. Masked keys are zero.
template <typename T>
void pack_block(const Shape& s, const T* k, int64_t k_stride, const T* v, int64_t v_stride, const float* bias,
                int64_t count, float* keys, float* values) {
  constexpr bool kBf16 = sizeof(T) == 2;
  const Panels panels{count, kBf16 ? bf16_pairs(s.size) : s.size};
  for (int64_t p = 0; p < panels.count(); ++p) {
    const int64_t j = panels.first(p);
    const auto row = [&](int64_t i) { return j + i < count && bias[j + i] == 0 ? k + (j + i) * k_stride : nullptr; };
    if constexpr (kBf16) {
      transpose_words(row, s.size, panels.width(p), panels.depth, keys + panels.offset(p));
    } else {
      transpose_panel(row, s.size, panels.width(p), keys + panels.offset(p));
    }
  }
  if constexpr (kBf16) {
    const Panels channels{s.size, key_pairs(count)};
    for (int64_t p = 0; p < channels.count(); ++p) {
      const auto row = [&](int64_t j) {
        return j < count && bias[j] == 0 ? v + j * v_stride + channels.first(p) : nullptr;
      };
      interleave_words(row, channels.used(p), channels.width(p), channels.depth, values + channels.offset(p));
    }
  } else {
    copy_values(v, v_stride, bias, count, Panels{s.size, count}, values);
  }
}

template <typename T>
Status attend(const Call& call) {
  constexpr int64_t kRows = kRowsOf<T>;
  const Shape s(call);
  const Scratch<T> scratch(s);
  const RowsOf<T> q(call.in[0]), k(call.in[1]), v(call.in[2]), y(call.out[0]);
  const int64_t queries = s.queries_per_task(call.pool->threads(), kRows), parts = ceil_div(s.queries, queries);
  call.pool->parallel_for(s.batch * s.heads * parts, [&](int64_t task, int thread) {
    const int64_t part = task % parts, head = task / parts % s.heads, n = task / parts / s.heads;
    const int64_t begin = part * queries, end = min64(s.queries, begin + queries), channel = head * s.size;
    float* memory = reinterpret_cast<float*>(call.workspace) + thread * scratch.size;
    float *keys = memory + scratch.keys, *values = memory + scratch.values, *bias = memory + scratch.bias;
    T* q_rows = reinterpret_cast<T*>(memory + scratch.queries);
    T* w_rows = reinterpret_cast<T*>(memory + scratch.weights);
    Row* state = reinterpret_cast<Row*>(memory + scratch.state);
    for (int64_t i = begin; i < end; ++i) state[i - begin] = {kMinusInfinity, 0};
    for (int64_t first = 0; first < max64(1, s.keys); first += kBlock) {
      const int64_t count = min64(kBlock, s.keys - first), at = n * s.keys + first;
      fill_bias(call.in[3], n, first, count, s.block(), bias);
      pack_block(s, k.data + at * k.stride + channel, k.stride, v.data + at * v.stride + channel, v.stride, bias, count,
                 keys, values);
      const Block block{keys, values, bias, first, count, first == 0, first + count == s.keys};
      for (int64_t i = begin; i < end; i += kRows) {
        const int64_t row = n * s.queries + i;
        float* to = memory + scratch.outputs + (i - begin) * s.size;
        int64_t stride = s.size;
        if constexpr (sizeof(T) == 4) to = y.data + row * y.stride + channel, stride = y.stride;
        tile<T>(s, block, q.data + row * q.stride + channel, q.stride, i, static_cast<int>(min64(kRows, end - i)),
                q_rows, w_rows, memory + scratch.scores, state + (i - begin), to, stride);
      }
    }
    for (int64_t i = begin; sizeof(T) == 2 && i < end; ++i) {
      const float* from = memory + scratch.outputs + (i - begin) * s.size;
      T* to = y.data + (n * s.queries + i) * y.stride + channel;
      for (int64_t c = 0; c < s.size; c += kLanes) store_some(to + c, load_some(from + c, s.size - c), s.size - c);
    }
  });
  return {};
}

Status attention(const Call& call) {
  return for_storage(call.in[0], [&](auto zero) { return attend<decltype(zero)>(call); });
}

VIDEOCLIP_KERNEL("attention", attention, attention_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
