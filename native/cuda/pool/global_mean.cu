// y[n, c] = mean of x[n, p, c] over the P positions of a clip.
//
// x [N, P, C] and y [N, C] are of T (f32, bf16 or f16); either may be a channel slice. Sums are in f32. A thread adds
// 16 positions of a column of up to 16 bytes (more where a clip has very many); then the sums of the block's 256
// threads are added in order (8 KB of shared memory). These partial sums [N, chunks, C] in f32 are the workspace. A
// second kernel adds them in order, with one thread per channel. The tree of additions follows from P, C and the layout
// of x, never from N. x is read once: bound by memory.
#include "cuda/primitives/columns.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/math.h"
#include "cuda/primitives/vector_access.h"
#include "ops/pool/global_mean.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace global_mean_op {

constexpr int64_t kRows = 16;        // per thread; one clip of S3D then fills a device (28 x 28 x 16 x 480: 196 blocks)
constexpr int64_t kMaxChunks = 256;  // chunks that the second kernel adds in order

struct Chunks {
  int64_t positions = 0, per_chunk = 1, count = 0;

  Chunks(int64_t positions, const Columns& columns) : positions(positions) {
    const int64_t step = kRows * columns.groups, most = (positions + kMaxChunks - 1) / kMaxChunks;
    per_chunk = (most + step - 1) / step * step;
    if (per_chunk == 0) per_chunk = step;
    count = (positions + per_chunk - 1) / per_chunk;
  }
};

template <typename T>
struct MeanArgs {
  Global<float> partial;
  Global<const T> x;
  int64_t clips, x_stride;
  Columns columns;
  Chunks chunks;
};

template <typename T, int V>
__global__ void __launch_bounds__(kColumnThreads) partial_sum_kernel(MeanArgs<T> a) {
  const int thread = static_cast<int>(threadIdx.x), group = thread / a.columns.per_block;
  const int first_column = static_cast<int>(blockIdx.y) * a.columns.per_block;
  const int column = first_column + thread % a.columns.per_block;
  const bool active = group < a.columns.groups && column < a.columns.count;
  const int64_t begin = int64_t{blockIdx.x} * a.chunks.per_chunk;
  const int64_t end = min(begin + a.chunks.per_chunk, a.chunks.positions);
  const int C = a.columns.count * V, first_channel = first_column * V;
  for (int64_t n = blockIdx.z; n < a.clips; n += gridDim.z) {
    float sum[V] = {};
    if (active) {
#pragma unroll 8
      for (int64_t p = begin + group; p < end; p += a.columns.groups) {
        float v[V];
        load_values(a.x,
                    static_cast<size_t>(n * a.chunks.positions + p) * static_cast<size_t>(a.x_stride) +
                        static_cast<size_t>(column) * V,
                    v);
#pragma unroll
        for (int i = 0; i < V; ++i) sum[i] += v[i];
      }
    }
    const size_t row = static_cast<size_t>(n * a.chunks.count + blockIdx.x) * static_cast<size_t>(C);
    ColumnSum<V>::run(a.columns, sum, [&](int c, float total) {
      if (first_channel + c < C) a.partial.store(row + static_cast<size_t>(first_channel + c), total);
    });
    sync_threads();  // before the sums of the next clip
  }
}

template <typename T>
struct FinishArgs {
  Global<T> y;
  Global<const float> partial;
  int64_t y_stride;
  int channels;
  Chunks chunks;
};

template <typename T>
__global__ void __launch_bounds__(kColumnThreads) finish_kernel(FinishArgs<T> a) {
  const int c = static_cast<int>(blockIdx.y * kColumnThreads + threadIdx.x);
  if (c >= a.channels) return;
  const auto channels = static_cast<size_t>(a.channels);
  const size_t start = size_t{blockIdx.x} * static_cast<size_t>(a.chunks.count) * channels + static_cast<size_t>(c);
  float sum = 0;
#pragma unroll 8
  for (int64_t i = 0; i < a.chunks.count; ++i) sum += a.partial.load(start + static_cast<size_t>(i) * channels);
  a.y.store(size_t{blockIdx.x} * static_cast<size_t>(a.y_stride) + static_cast<size_t>(c),
            from_float<T>(sum / static_cast<float>(a.chunks.positions)));
}

int vector_width(const Call& call) { return widest_vector(call.in[0], Rows(call.in[0]).channels, 8); }

Chunks chunks_of(const Call& call, const Columns& columns) {
  const int64_t N = call.in[0].shape[0];
  return {N ? Rows(call.in[0]).rows / N : 0, columns};
}

// The size suffices for every vector width, because the addresses are not known yet.
size_t workspace(const Call& call, int) {
  const Rows x(call.in[0]);
  int64_t most = 0;
  for (int64_t width = 1; width <= 8 && x.channels % width == 0; width *= 2) {
    const int64_t count = chunks_of(call, Columns(x.channels / width)).count;
    if (count > most) most = count;
  }
  return static_cast<size_t>(call.in[0].shape[0] * most * x.channels) * sizeof(float);
}

Status global_mean(const Call& call) {
  const Rows x(call.in[0]), y(call.out[0]);
  const int64_t N = call.in[0].shape[0];
  if (N * x.channels == 0) return {};
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    Chunks chunks(0, Columns(1));
    const auto partial = Global<float>(reinterpret_cast<float*>(call.workspace), workspace(call, 1) / sizeof(float));
    const Status status = for_width<T>(vector_width(call), [&](auto width) -> Status {
      const Columns columns(x.channels / width);
      chunks = chunks_of(call, columns);
      if (chunks.count == 0) return {};
      const MeanArgs<T> args{partial, global<const T>(call.in[0]), N, x.stride, columns, chunks};
      const Grid grid{chunks.count, columns.blocks, N < 65535 ? N : 65535};
      return launch<partial_sum_kernel<T, width>>(grid, kColumnThreads, ColumnSum<width>::kBytes, call.stream, args);
    });
    if (!status) return status;
    const FinishArgs<T> args{global<T>(call.out[0]), partial, y.stride, static_cast<int>(x.channels), chunks};
    const Grid grid{N, (x.channels + kColumnThreads - 1) / kColumnThreads};
    return launch<finish_kernel<T>>(grid, kColumnThreads, 0, call.stream, args);
  });
}

VIDEOCLIP_CUDA_KERNEL("global_mean", global_mean, workspace);

}  // namespace global_mean_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
