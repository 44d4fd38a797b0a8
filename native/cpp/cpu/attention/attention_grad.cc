// A task is one head of one batch row. Queries are processed in blocks of one panel. The scores of all keys against the
// block are kept transposed, [keys][kPanel], so that a tile of the micro-kernel writes them in place and softmax runs
// along the lanes. The same layout serves as the rows of the products for dk and dv and as a panel of the product for
// dq. dk and dv are summed block by block in the order of the queries.
#include "ops/attention/attention_grad.h"

#include <algorithm>
#include <limits>

#include "cpu/gemm/gemm_tile.h"
#include "cpu/gemm/panels.h"
#include "cpu/gemm/transpose_panel.h"
#include "cpu/primitives/vector_math.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

struct Shape {
  // columns: keys rounded up to whole vectors
  int64_t batch, queries, keys, heads, size, padded_keys, padded_size, columns;
  float scale;
  bool causal;

  explicit Shape(const Call& call)
      : batch(call.in[0].shape[0]),
        queries(call.in[0].shape[1]),
        keys(call.in[1].shape[1]),
        heads(AttentionAttributes(call).heads),
        size(call.in[0].shape[2] / heads),
        padded_keys(ceil_div(keys, kTileRows) * kTileRows),
        padded_size(ceil_div(size, kTileRows) * kTileRows),
        columns(ceil_div(keys, kLanes) * kLanes),
        scale(static_cast<float>(AttentionAttributes(call).scale)),
        causal(AttentionAttributes(call).causal) {}

  // The number of keys up to the last one that a query attends to.
  int64_t attended_keys(int64_t query) const {
    return causal ? max64(0, min64(keys, query + keys - queries + 1)) : keys;
  }
};

// The scratch memory of one thread, in floats from its start.
struct Scratch {
  int64_t weights, scores, key_columns, query_panel, output_panel, query_rows, output_rows, bias, zeros, sums, size;

  explicit Scratch(const Shape& s) {
    int64_t at = 0;
    const auto take = [&](int64_t floats) {
      const int64_t first = at;
      at += ceil_div(floats, 16) * 16;
      return first;
    };
    const int64_t rows = Panels{s.size, kPanel}.size();
    weights = take(s.padded_keys * kPanel);
    scores = take(s.padded_keys * kPanel);
    key_columns = take(s.size * s.columns);
    query_panel = take(s.size * kPanel);
    output_panel = take(s.size * kPanel);
    query_rows = take(rows);
    output_rows = take(rows);
    bias = take(s.keys);
    zeros = take(s.size);
    sums = take(s.padded_size * kPanel);
    size = at;
  }
};

size_t workspace(const Call& call, int threads) {
  return sizeof(float) * static_cast<size_t>(Scratch(Shape(call)).size) * static_cast<size_t>(threads);
}

bool is_valid(const Tensor& mask, int64_t n, int64_t key) {
  if (!mask) return true;
  const int64_t at = n * mask.strides[0] + key * mask.strides[1];
  return mask.dtype == DType::u8 ? mask.u8()[at] != 0 : mask.f32()[at] != 0;
}

// [kPanel queries][size] as the panels of a product over queries, with zeros after the last query.
void copy_rows(const float* x, int64_t stride, int64_t count, const Panels& p, float* out) {
  for (int64_t i = 0; i < p.count(); ++i) {
    float* panel = out + p.offset(i);
    for (int64_t r = 0; r < kPanel; ++r) {
      for (int64_t c = 0; c < p.width(i); c += kLanes, panel += kLanes) {
        const int64_t used = p.used(i) - c;
        store(panel, r < count && used > 0 ? load_some(x + r * stride + p.first(i) + c, used) : Vec{});
      }
    }
  }
}

// out [keys][kPanel] = rows of k or v (zeros for masked keys) times the panel.
template <typename Row>
void multiply_keys(const Shape& s, int64_t keys, const Row& row, const float* panel, float* out) {
  for (int64_t j = 0; j < keys; j += kTileRows) {
    const float* rows[kTileRows];
    for (int r = 0; r < kTileRows; ++r) rows[r] = row(min64(j + r, s.keys - 1));
    gemm_tile<2>(rows, 1, s.size, panel, out + j * kPanel);
  }
}

// Replaces scores by weights and dp by ds, with one query per lane.
void differentiate(const Shape& s, const float* bias, int64_t query, int64_t keys, float* weights, float* scores) {
  for (int64_t c = 0; c < kPanel; c += kLanes) {
    Vec row_max = splat(kMinusInfinity);
    for (int64_t j = 0; j < keys; ++j) {
      float* at = weights + j * kPanel + c;
      Vec v = load(at) * splat(s.scale) + splat(bias[j]);
      if (s.causal && j >= s.attended_keys(query + c)) {
        for (int64_t l = 0; l < kLanes; ++l) v[l] = j < s.attended_keys(query + c + l) ? v[l] : kMinusInfinity;
      }
      store(at, v);
      row_max = v > row_max ? v : row_max;
    }
    row_max = row_max == splat(kMinusInfinity) ? Vec{} : row_max;  // no valid key: all weights are zero
    Vec sum = {}, delta = {};
    for (int64_t j = 0; j < keys; ++j) {
      float* at = weights + j * kPanel + c;
      const Vec e = exp(load(at) - row_max);
      store(at, e);
      sum += e;
      delta += e * load(scores + j * kPanel + c);
    }
    const Vec inverse = sum > Vec{} ? splat(1.0f) / sum : Vec{};
    delta *= inverse;
    for (int64_t j = 0; j < keys; ++j) {
      float *p = weights + j * kPanel + c, *d = scores + j * kPanel + c;
      const Vec weight = load(p) * inverse;
      store(p, weight);
      store(d, splat(s.scale) * weight * (load(d) - delta));
    }
  }
}

// out[j] += rows[j] [kPanel] times the panels, for each valid key.
void add_keys(const Shape& s, const float* bias, int64_t keys, const float* rows_of, const float* panels, float* out,
              int64_t stride) {
  const Panels p{s.size, kPanel};
  alignas(64) float sums[kTileRows * kPanel];
  for (int64_t i = 0; i < p.count(); ++i) {
    for (int64_t j = 0; j < keys; j += kTileRows) {
      const float* rows[kTileRows];
      for (int r = 0; r < kTileRows; ++r) rows[r] = rows_of + min64(j + r, keys - 1) * kPanel;
      if (p.width(i) == kPanel) {
        gemm_tile<2>(rows, 1, kPanel, panels + p.offset(i), sums);
      } else {
        gemm_tile<1>(rows, 1, kPanel, panels + p.offset(i), sums);
      }
      for (int r = 0; r < kTileRows && j + r < keys; ++r) {
        if (bias[j + r] != 0) continue;
        for (int64_t c = 0; c < p.used(i); c += kLanes) {
          float* to = out + (j + r) * stride + p.first(i) + c;
          store_some(to, load_some(to, p.used(i) - c) + load(sums + r * p.width(i) + c), p.used(i) - c);
        }
      }
    }
  }
}

// dq of the block. Its transpose is the columns of k times ds.
void store_queries(const Shape& s, int64_t keys, int64_t count, const float* key_columns, const float* ds, float* sums,
                   float* out, int64_t stride) {
  for (int64_t d = 0; d < s.size; d += kTileRows) {
    const float* rows[kTileRows];
    for (int r = 0; r < kTileRows; ++r) rows[r] = key_columns + min64(d + r, s.size - 1) * s.columns;
    gemm_tile<2>(rows, 1, keys, ds, sums + d * kPanel);
  }
  for (int64_t c = 0; c < count; c += kLanes) {
    for (int64_t d = 0; d < s.size; d += kLanes) {
      Vec block[kLanes];
      for (int l = 0; l < kLanes; ++l) block[l] = d + l < s.size ? load(sums + (d + l) * kPanel + c) : Vec{};
      transpose(block);
      for (int l = 0; l < kLanes && c + l < count; ++l) store_some(out + (c + l) * stride + d, block[l], s.size - d);
    }
  }
}

Status attention_grad(const Call& call) {
  const Shape s(call);
  const Scratch at(s);
  const Rows q(call.in[0]), k(call.in[1]), v(call.in[2]), dy(call.in[4]);
  const Rows dq(call.out[0]), dk(call.out[1]), dv(call.out[2]);
  call.pool->parallel_for(s.batch * s.heads, [&](int64_t task, int thread) {
    const int64_t n = task / s.heads, channel = task % s.heads * s.size;
    float* memory = reinterpret_cast<float*>(call.workspace) + thread * at.size;
    float *weights = memory + at.weights, *scores = memory + at.scores, *bias = memory + at.bias;
    float *zeros = memory + at.zeros, *key_columns = memory + at.key_columns;
    std::fill(zeros, zeros + s.size, 0.0f);
    for (int64_t j = 0; j < s.keys; ++j) {
      bias[j] = is_valid(call.in[3], n, j) ? 0.0f : kMinusInfinity;
      const int64_t row = n * s.keys + j;
      std::fill_n(dk.data + row * dk.stride + channel, s.size, 0.0f);
      std::fill_n(dv.data + row * dv.stride + channel, s.size, 0.0f);
    }
    const auto rows_of = [&](const Rows& x) {
      return [&, first = x.data + n * s.keys * x.stride + channel, stride = x.stride](int64_t j) -> const float* {
        return bias[j] == 0 ? first + j * stride : zeros;
      };
    };
    const auto key = rows_of(k), value = rows_of(v);
    transpose_panel([&](int64_t j) { return j < s.keys && bias[j] == 0 ? key(j) : nullptr; }, s.size, s.columns,
                    key_columns);
    for (int64_t query = 0; query < s.queries; query += kPanel) {
      const int64_t count = min64(kPanel, s.queries - query), row = n * s.queries + query;
      const int64_t keys = s.attended_keys(query + count - 1);
      const float *q_rows = q.data + row * q.stride + channel, *dy_rows = dy.data + row * dy.stride + channel;
      float* dq_rows = dq.data + row * dq.stride + channel;
      const auto turn = [&](const float* x, int64_t stride, float* panel) {
        transpose_panel([&](int64_t i) { return i < count ? x + i * stride : nullptr; }, s.size, kPanel, panel);
      };
      turn(q_rows, q.stride, memory + at.query_panel);
      turn(dy_rows, dy.stride, memory + at.output_panel);
      copy_rows(q_rows, q.stride, count, Panels{s.size, kPanel}, memory + at.query_rows);
      copy_rows(dy_rows, dy.stride, count, Panels{s.size, kPanel}, memory + at.output_rows);
      // Scores and dp, then weights and ds.
      multiply_keys(s, keys, key, memory + at.query_panel, weights);
      multiply_keys(s, keys, value, memory + at.output_panel, scores);
      differentiate(s, bias, query, keys, weights, scores);
      // dv, dk and dq.
      add_keys(s, bias, keys, weights, memory + at.output_rows, dv.data + n * s.keys * dv.stride + channel, dv.stride);
      add_keys(s, bias, keys, scores, memory + at.query_rows, dk.data + n * s.keys * dk.stride + channel, dk.stride);
      store_queries(s, keys, count, key_columns, scores, memory + at.sums, dq_rows, dq.stride);
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("attention_grad", attention_grad, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
