// g = dy w;  n = (u - mean) / sqrt(var + eps);  dx = (g - mean(g) - n mean(g n)) / sqrt(var + eps),  u = x + residual
// dw[c] = sum over m of dy[m, c] n[m, c];  db[c] = sum over m of dy[m, c]
//
// x, residual, dy and dx [rows, C] are of T (f32, bf16 or f16); each may be a channel slice. w, dw and db [C] are f32.
// Sums are in f32. dx: a warp computes a row of up to 1024 elements, a block a longer one (32 bytes of shared memory);
// the mean and deviation of each row stay in the workspace. dw and db: each thread adds a column over a chunk of rows,
// groups of threads are joined in shared memory (5 KB), and a last kernel adds the chunks in order. x, residual and dy
// are read twice and dx is written once: bound by memory.
#include "cuda/primitives/columns.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/row_group.h"
#include "ops/norm/layer_norm_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace layer_norm_grad_op {

template <typename T>
struct Arguments {
  Global<T> dx;
  Global<const T> x, residual, dy;
  Global<const float> weight;
  Global<float> statistics, partial, dw, db;  // [rows, 2], [chunks, 2, C], [C], [C]
  int64_t rows, C, dx_stride, x_stride, residual_stride, dy_stride, chunk_rows, chunks;
  float eps;
  Columns columns;

  VC_DEVICE float u(int64_t row, int64_t c) const {
    const float v = to_float(x.load(static_cast<size_t>(row * x_stride + c)));
    return residual ? v + to_float(residual.load(static_cast<size_t>(row * residual_stride + c))) : v;
  }
  VC_DEVICE float d(int64_t row, int64_t c) const {
    return to_float(dy.load(static_cast<size_t>(row * dy_stride + c)));
  }
  VC_DEVICE float g(int64_t row, int64_t c) const {
    return weight ? d(row, c) * weight.load(static_cast<size_t>(c)) : d(row, c);
  }
};

template <typename T, bool kWide>
__global__ void __launch_bounds__(kRowGroupThreads) row_kernel(Arguments<T> p) {
  const RowGroup<kWide> group;
  const int64_t row = group.row;
  if (row >= p.rows) return;
  const auto count = static_cast<float>(p.C);
  float sum = 0, sum_g = 0, square = 0, sum_gn = 0;
  for (int64_t c = group.thread; c < p.C; c += group.kSize) {
    sum += p.u(row, c);
    sum_g += p.g(row, c);
  }
  const float mean = group.sum(sum) / count, mean_g = group.sum(sum_g) / count;
  for (int64_t c = group.thread; c < p.C; c += group.kSize) {
    const float v = p.u(row, c) - mean;
    square = fma(v, v, square);
    sum_gn = fma(p.g(row, c), v, sum_gn);
  }
  const float scale = rsqrt_approx(group.sum(square) / count + p.eps);
  const float mean_gn = group.sum(sum_gn) / count * scale;
  for (int64_t c = group.thread; c < p.C; c += group.kSize) {
    const float n = (p.u(row, c) - mean) * scale;
    p.dx.store(static_cast<size_t>(row * p.dx_stride + c), from_float<T>(scale * (p.g(row, c) - mean_g - n * mean_gn)));
  }
  if (group.thread == 0 && p.statistics) {
    p.statistics.store(static_cast<size_t>(2 * row), mean);
    p.statistics.store(static_cast<size_t>(2 * row + 1), scale);
  }
}

template <typename T>
__global__ void __launch_bounds__(kColumnThreads) column_kernel(Arguments<T> p) {
  const int64_t chunk = blockIdx.y;
  const int thread = static_cast<int>(threadIdx.x), group = thread / p.columns.per_block;
  const int first = static_cast<int>(blockIdx.x) * p.columns.per_block;
  const int column = first + thread % p.columns.per_block;
  float dw[1] = {}, db[1] = {};
  if (group < p.columns.groups && column < p.columns.count) {
    const int64_t end = min(p.rows, (chunk + 1) * p.chunk_rows);
    for (int64_t r = chunk * p.chunk_rows + group; r < end; r += p.columns.groups) {
      const float mean = p.statistics.load(static_cast<size_t>(2 * r));
      const float scale = p.statistics.load(static_cast<size_t>(2 * r + 1));
      const float d = p.d(r, column);
      dw[0] = fma(d, (p.u(r, column) - mean) * scale, dw[0]);
      db[0] += d;
    }
  }
  const auto put = [&](int64_t which) {
    return [&, which](int c, float total) {
      const int64_t channel = int64_t{first} + c;
      if (channel < p.C) p.partial.store(static_cast<size_t>((2 * chunk + which) * p.C + channel), total);
    };
  };
  ColumnSum<1>::run(p.columns, dw, put(0));
  sync_threads();
  ColumnSum<1>::run(p.columns, db, put(1));
}

template <typename T>
__global__ void __launch_bounds__(kColumnThreads) chunk_kernel(Arguments<T> p) {
  const int64_t c = int64_t{blockIdx.x} * kColumnThreads + threadIdx.x;
  if (c >= p.C) return;
  float dw = 0, db = 0;
  for (int64_t chunk = 0; chunk < p.chunks; ++chunk) {
    dw += p.partial.load(static_cast<size_t>(2 * chunk * p.C + c));
    db += p.partial.load(static_cast<size_t>((2 * chunk + 1) * p.C + c));
  }
  p.dw.store(static_cast<size_t>(c), dw);
  p.db.store(static_cast<size_t>(c), db);
}

int64_t chunk_rows(int64_t rows) { return max(int64_t{64}, (rows + 127) / 128); }

size_t workspace(const Call& call, int) {
  const Rows x(call.in[0]);
  if (call.outputs == 1 || x.rows == 0) return 0;
  const int64_t chunks = (x.rows + chunk_rows(x.rows) - 1) / chunk_rows(x.rows);
  return static_cast<size_t>(2 * (x.rows + chunks * x.channels)) * sizeof(float);
}

template <typename T>
Status layer_norm_grad(const Call& call) {
  const Tensor &x = call.in[0], &residual = call.in[2], &dy = call.in[3], &dx = call.out[0];
  const Rows rows(x);
  if (rows.rows == 0 || rows.channels == 0) return {};
  if (rows.rows > 0x7fffffff || rows.channels > 0x7fffffff) return {"more than 2^31 - 1 rows or channels"};
  const bool vectors = call.outputs > 1;
  Arguments<T> p{global<T>(dx),
                 global<const T>(x),
                 global<const T>(residual),
                 global<const T>(dy),
                 global<const float>(call.in[1]),
                 {},
                 {},
                 vectors ? global<float>(call.out[1]) : Global<float>(),
                 vectors ? global<float>(call.out[2]) : Global<float>(),
                 rows.rows,
                 rows.channels,
                 Rows(dx).stride,
                 rows.stride,
                 residual ? Rows(residual).stride : 0,
                 Rows(dy).stride,
                 chunk_rows(rows.rows),
                 0,
                 static_cast<float>(LayerNormGradAttributes(call).eps),
                 Columns(rows.channels)};
  p.chunks = (p.rows + p.chunk_rows - 1) / p.chunk_rows;
  if (vectors) {
    float* memory = reinterpret_cast<float*>(call.workspace);
    p.statistics = Global<float>(memory, static_cast<size_t>(2 * p.rows));
    p.partial = Global<float>(memory + 2 * p.rows, static_cast<size_t>(2 * p.chunks * p.C));
  }
  Status status = launch_rows<row_kernel<T, true>, row_kernel<T, false>>(p, call.stream);
  if (!status || !vectors) return status;
  const Grid column_grid{p.columns.blocks, static_cast<unsigned>(p.chunks)};
  status = launch<column_kernel<T>>(column_grid, kColumnThreads, ColumnSum<1>::kBytes, call.stream, p);
  if (!status) return status;
  const Grid last{static_cast<unsigned>((p.C + kColumnThreads - 1) / kColumnThreads)};
  return launch<chunk_kernel<T>>(last, kColumnThreads, 0, call.stream, p);
}

Status run(const Call& call) {
  return for_float(call.in[0].dtype, [&](auto zero) { return layer_norm_grad<decltype(zero)>(call); });
}

VIDEOCLIP_CUDA_KERNEL("layer_norm_grad", run, workspace);

}  // namespace layer_norm_grad_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
