#include "ops/reduce/reduce_sum.h"

#include "cpu/primitives/lanes.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

// The division of the rows of a sum: about 4 K elements per chunk, at most 256 chunks.
struct Chunks {
  int64_t rows, count;

  Chunks(const ReduceSumArgs& a, int64_t channels) {
    rows = max64(max64(1, (1 << 12) / max64(1, channels)), ceil_div(a.rows, 256));
    count = max64(1, ceil_div(a.rows, rows));
  }
};

size_t workspace(const Call& call, int) {
  const ReduceSumArgs a(call);
  const Chunks chunks(a, Rows(call.in[0]).channels);
  return chunks.count == 1 ? 0 : static_cast<size_t>(chunks.count * a.outer * a.inner) * sizeof(float);
}

// out[c] = sum of n rows, `step` apart, for each channel.
void sum_down(const float* x, int64_t n, int64_t step, int64_t channels, float* out) {
  for (int64_t c = 0; c < channels; c += 4 * kLanes) {
    Vec sum[4] = {};
    if (c + 4 * kLanes <= channels) {
      for (int64_t r = 0; r < n; ++r) {
        for (int v = 0; v < 4; ++v) sum[v] += load(x + r * step + c + v * kLanes);
      }
    } else {
      for (int64_t r = 0; r < n; ++r) {
        for (int v = 0; v < 4 && c + v * kLanes < channels; ++v) {
          sum[v] += load_some(x + r * step + c + v * kLanes, channels - c - v * kLanes);
        }
      }
    }
    for (int v = 0; v < 4 && c + v * kLanes < channels; ++v) {
      store_some(out + c + v * kLanes, sum[v], channels - c - v * kLanes);
    }
  }
}

// The sum of n rows over all their channels.
float sum_all(const float* x, int64_t n, int64_t step, int64_t channels) {
  Vec sum[4] = {};
  for (int64_t r = 0; r < n; ++r, x += step) {
    int64_t c = 0;
    for (; c + 4 * kLanes <= channels; c += 4 * kLanes) {
      for (int v = 0; v < 4; ++v) sum[v] += load(x + c + v * kLanes);
    }
    for (int64_t v = r; c < channels; c += kLanes, ++v) sum[v % 4] += load_some(x + c, channels - c);
  }
  return sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

Status reduce_sum(const Call& call) {
  const ReduceSumArgs a(call);
  const Rows x(call.in[0]), y(call.out[0]);
  const Chunks chunks(a, x.channels);
  float* partial = reinterpret_cast<float*>(call.workspace);
  const auto out = [&](int64_t i) { return y.data + i / y.channels * y.stride + i % y.channels; };
  // `width` sums are contiguous: a row of channels, or one number.
  const int64_t width = a.last ? 1 : x.channels, sums = a.outer * a.inner / max64(1, width);
  const int64_t per_task = max64(1, (1 << 14) / max64(1, min64(chunks.rows, a.rows) * x.channels));
  call.pool->parallel_for(ceil_div(sums * chunks.count, per_task), [&](int64_t task, int) {
    for (int64_t at = task * per_task; at < min64(sums * chunks.count, (task + 1) * per_task); ++at) {
      const int64_t i = at / chunks.count, chunk = at % chunks.count, first = chunk * chunks.rows;
      const int64_t n = min64(chunks.rows, a.rows - first);
      const int64_t row = (i / a.between * a.rows + first) * a.between + i % a.between;
      const float* from = x.data + row * x.stride;
      float* to = chunks.count == 1 ? out(i * width) : partial + at * width;
      if (a.last) {
        *to = sum_all(from, n, x.stride, x.channels);
      } else {
        sum_down(from, n, a.between * x.stride, x.channels, to);
      }
    }
  });
  if (chunks.count == 1) return {};
  const int64_t step = rows_per_task(chunks.count * width);
  call.pool->parallel_for(ceil_div(sums, step), [&](int64_t task, int) {
    for (int64_t i = task * step; i < min64(sums, (task + 1) * step); ++i) {
      sum_down(partial + i * chunks.count * width, chunks.count, width, width, out(i * width));
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("reduce_sum", reduce_sum, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
