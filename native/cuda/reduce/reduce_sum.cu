// y[o, i] = sum over r of x[o, r, i]
//
// x and y are of T (f32, bf16 or f16); either may be a channel slice. Sums are in f32. Sums over leading axes: each of
// a block's 256 threads adds a column of up to 16 bytes over a chunk of rows; groups of threads are joined in shared
// memory in order (4 to 8 KB). Sums over the last axes: a block adds a chunk of rows as a tree. Sums of several chunks
// go to the workspace in f32, and a second kernel adds them in order. x is read once: bound by memory.
#include "cuda/primitives/columns.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector.h"
#include "cuda/primitives/vector_access.h"
#include "cuda/primitives/warp.h"
#include "ops/reduce/reduce_sum.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace reduce_sum_op {

// A chunk has at least 64 rows, and there are at most 128 chunks, because more would make the second kernel long.
struct Chunks {
  int64_t rows, count;

  explicit Chunks(const ReduceSumArgs& a) {
    rows = max(int64_t{64}, (a.rows + 127) / 128);
    count = max(int64_t{1}, (a.rows + rows - 1) / rows);
  }
};

template <typename T>
struct Arguments {
  Global<T> y;
  Global<float> partial;  // [sums, chunks, width]; empty if there is one chunk
  Global<const T> x;
  int64_t rows, between, sums, chunk_rows, chunks, x_stride, y_stride, y_channels, channels;
  Columns columns;
};

template <typename T>
VC_DEVICE void put(const Arguments<T>& p, int64_t i, int64_t chunk, int64_t width, int64_t c, float sum) {
  if (p.partial) return p.partial.store(static_cast<size_t>((i * p.chunks + chunk) * width + c), sum);
  const int64_t at = i * width + c;
  p.y.store(static_cast<size_t>(at / p.y_channels * p.y_stride + at % p.y_channels), from_float<T>(sum));
}

// Block (columns, chunk) of sum blockIdx.y.
template <typename T, int V>
__global__ void __launch_bounds__(kColumnThreads) column_kernel(Arguments<T> p) {
  const int64_t block = int64_t{blockIdx.x} / p.columns.blocks, i = block / p.chunks, chunk = block % p.chunks;
  const int thread = static_cast<int>(threadIdx.x), group = thread / p.columns.per_block;
  const int first = static_cast<int>(blockIdx.x % p.columns.blocks) * p.columns.per_block;
  const int column = first + thread % p.columns.per_block;
  float sum[V] = {};
  if (group < p.columns.groups && column < p.columns.count) {
    const int64_t start = i / p.between * p.rows * p.between + i % p.between;
    const int64_t end = min(p.rows, (chunk + 1) * p.chunk_rows);
    for (int64_t r = chunk * p.chunk_rows + group; r < end; r += p.columns.groups) {
      float v[V];
      load_values(p.x, static_cast<size_t>((start + r * p.between) * p.x_stride + int64_t{column} * V), v);
#pragma unroll
      for (int k = 0; k < V; ++k) sum[k] += v[k];
    }
  }
  ColumnSum<V>::run(p.columns, sum, [&](int c, float total) {
    const int64_t channel = int64_t{first} * V + c;
    if (channel < p.channels) put(p, i, chunk, p.channels, channel, total);
  });
}

// Chunk blockIdx.x % chunks of sum blockIdx.x / chunks.
template <typename T, int V>
__global__ void __launch_bounds__(kColumnThreads) row_kernel(Arguments<T> p) {
  const Shared<float> shared = shared_array<float>(0, kColumnThreads / kWarpSize);
  const int64_t i = int64_t{blockIdx.x} / p.chunks, chunk = int64_t{blockIdx.x} % p.chunks;
  const int64_t first = i * p.rows + chunk * p.chunk_rows, count = min(p.chunk_rows, p.rows - chunk * p.chunk_rows);
  const auto vectors = static_cast<int>(p.channels / V), thread = static_cast<int>(threadIdx.x);
  const int rows = kColumnThreads / vectors, columns = kColumnThreads % vectors;  // per step
  int64_t row = thread / vectors;
  int column = thread % vectors;
  float sum = 0;
  while (row < count) {
    float v[V];
    load_values(p.x, static_cast<size_t>((first + row) * p.x_stride + int64_t{column} * V), v);
#pragma unroll
    for (int k = 0; k < V; ++k) sum += v[k];
    row += rows, column += columns;
    if (column >= vectors) column -= vectors, ++row;
  }
  sum = warp_sum(sum);
  if (lane_id() == 0) shared.store(static_cast<uint32_t>(warp_id()), sum);
  sync_threads();
  if (threadIdx.x != 0) return;
  sum = 0;
  for (uint32_t w = 0; w < kColumnThreads / kWarpSize; ++w) sum += shared.load(w);
  put(p, i, chunk, 1, 0, sum);
}

template <typename T>
__global__ void __launch_bounds__(kColumnThreads) chunk_kernel(Arguments<T> p, int64_t width) {
  const int64_t at = int64_t{blockIdx.x} * kColumnThreads + threadIdx.x;
  if (at >= p.sums * width) return;
  const int64_t i = at / width, c = at % width;
  float sum = 0;
  for (int64_t chunk = 0; chunk < p.chunks; ++chunk) {
    sum += p.partial.load(static_cast<size_t>((i * p.chunks + chunk) * width + c));
  }
  p.y.store(static_cast<size_t>(at / p.y_channels * p.y_stride + at % p.y_channels), from_float<T>(sum));
}

size_t workspace(const Call& call, int) {
  const ReduceSumArgs a(call);
  const Chunks chunks(a);
  return chunks.count == 1 ? 0 : static_cast<size_t>(chunks.count * a.outer * a.inner) * sizeof(float);
}

template <typename T>
Status add_chunks(const Arguments<T>& p, int64_t sums, int64_t width, Stream stream) {
  const Grid grid{(sums + kColumnThreads - 1) / kColumnThreads};
  return launch<chunk_kernel<T>>(grid, kColumnThreads, 0, stream, p, width);
}

Status reduce_sum(const Call& call) {
  const ReduceSumArgs a(call);
  const Tensor &x = call.in[0], &y = call.out[0];
  const Rows in(x), out(y);
  if (y.elements() == 0) return {};
  const Chunks chunks(a);
  const int64_t width = a.last ? 1 : in.channels, sums = a.outer * a.inner / width;
  return for_float(y.dtype, [&](auto type) {
    using T = decltype(type);
    return for_width<T>(widest_vector(x, in.channels, 8), [&](auto V) -> Status {
      Arguments<T> p{global<T>(y),
                     {},
                     global<const T>(x),
                     a.rows,
                     a.between,
                     sums,
                     chunks.rows,
                     chunks.count,
                     in.stride,
                     out.stride,
                     out.channels,
                     in.channels,
                     Columns(in.channels / V)};
      if (chunks.count > 1) {
        p.partial =
            Global<float>(reinterpret_cast<float*>(call.workspace), static_cast<size_t>(chunks.count * sums * width));
      }
      const int64_t blocks = sums * chunks.count * (a.last ? 1 : int64_t{p.columns.blocks});
      if (blocks > 0x7fffffff) return {"more sums than one launch can address"};
      const Grid grid{static_cast<unsigned>(blocks)};
      const Status status =
          a.last ? launch<row_kernel<T, V>>(grid, kColumnThreads, sizeof(float) * kColumnThreads / kWarpSize,
                                            call.stream, p)
                 : launch<column_kernel<T, V>>(grid, kColumnThreads, ColumnSum<V>::kBytes, call.stream, p);
      if (!status || chunks.count == 1) return status;
      return add_chunks(p, sums * width, width, call.stream);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("reduce_sum", reduce_sum, workspace);

}  // namespace reduce_sum_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
