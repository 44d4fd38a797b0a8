#pragma once
// Two sums over all rows for each channel, in a fixed order. A thread adds 16 rows of a column of up to 16 bytes (more
// rows where there are very many); then the sums of the block's 256 threads are added in order. The partial sums
// [chunks][2][C] in f32 are workspace; `total` adds them in order, in f64. The tree of additions follows from the rows,
// C and the layout alone.
#include "cuda/primitives/columns.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/math.h"
#include "cuda/primitives/vector.h"
#include "cuda/primitives/vector_access.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace channel_sums_kernels {

struct RowChunks {
  int64_t rows = 0, per_chunk = 1, count = 0;

  RowChunks(int64_t rows, const Columns& columns) : rows(rows) {
    constexpr int64_t kRows = 16, kMaxChunks = 256;
    const int64_t step = kRows * columns.groups, most = (rows + kMaxChunks - 1) / kMaxChunks;
    per_chunk = (most + step - 1) / step * step;
    if (per_chunk == 0) per_chunk = step;
    count = (rows + per_chunk - 1) / per_chunk;
  }
};

// Floats of the partial sums. The size suffices for every vector width, because the addresses are not known yet.
inline int64_t partial_sums(int64_t rows, int64_t channels) {
  int64_t most = 0;
  for (int64_t width = 1; width <= 8 && channels % width == 0; width *= 2) {
    const int64_t count = RowChunks(rows, Columns(channels / width)).count;
    if (count > most) most = count;
  }
  return most * 2 * channels;
}

template <class Source>
struct SumsArgs {
  Global<float> partial;
  Source source;  // calls add(row, channel, sums, other sums)
  Columns columns;
  RowChunks chunks;
};

template <class Source, int V>
__global__ void __launch_bounds__(kColumnThreads) channel_sums_kernel(SumsArgs<Source> a) {
  const int thread = static_cast<int>(threadIdx.x), group = thread / a.columns.per_block;
  const int first_column = static_cast<int>(blockIdx.y) * a.columns.per_block;
  const int column = first_column + thread % a.columns.per_block;
  const int64_t begin = int64_t{blockIdx.x} * a.chunks.per_chunk;
  const int64_t end = min(begin + a.chunks.per_chunk, a.chunks.rows);
  const int C = a.columns.count * V, first_channel = first_column * V;
  float sums[2][V] = {};
  if (group < a.columns.groups && column < a.columns.count) {
    auto add = a.source.template at<V>(static_cast<size_t>(column) * V);
#pragma unroll 4
    for (int64_t row = begin + group; row < end; row += a.columns.groups) add(row, sums[0], sums[1]);
  }
  for (int k = 0; k < 2; ++k) {
    if (k > 0) sync_threads();  // before the shared memory of the first sums is overwritten
    const size_t row = (size_t{blockIdx.x} * 2 + static_cast<size_t>(k)) * static_cast<size_t>(C);
    ColumnSum<V>::run(a.columns, sums[k], [&](int c, float sum) {
      if (first_channel + c < C) a.partial.store(row + static_cast<size_t>(first_channel + c), sum);
    });
  }
}

// Sum `k` of channel c.
VC_DEVICE double total(Global<const float> partial, int64_t chunks, int channels, int k, int c) {
  double sum = 0;
  for (int64_t i = 0; i < chunks; ++i) {
    sum += static_cast<double>(
        partial.load(static_cast<size_t>(i * 2 + k) * static_cast<size_t>(channels) + static_cast<size_t>(c)));
  }
  return sum;
}

template <int V, class Source>
Status channel_sums(const Call& call, const Source& source, const Columns& columns, const RowChunks& chunks,
                    Global<float> partial) {
  const SumsArgs<Source> args{partial, source, columns, chunks};
  const Grid grid{chunks.count, columns.blocks};
  return launch<channel_sums_kernel<Source, V>>(grid, kColumnThreads, ColumnSum<V>::kBytes, call.stream, args);
}

// Loads V floats of a vector over the channels whose address allows it (vector_width).
template <int V>
VC_DEVICE void load_vector(Global<const float> from, size_t c, float (&v)[V]) {
  if constexpr (V < 8) {
    load_values(from, c, v);
  } else {
    float low[4], high[4];
    load_values(from, c, low);
    load_values(from, c + 4, high);
#pragma unroll
    for (int i = 0; i < 4; ++i) v[i] = low[i], v[4 + i] = high[i];
  }
}

// The number of elements per access that all tensors of a storage type and all f32 vectors over the channels allow.
template <size_t N, size_t M>
int vector_width(int64_t channels, const Tensor* const (&tensors)[N], const Tensor* const (&vectors)[M]) {
  int width = 8;
  for (const Tensor* t : tensors) width = widest_vector(*t, channels, width);
  for (const Tensor* t : vectors) {
    const int vector = widest_vector(*t, channels, 4);
    if (vector < 4 && vector < width) width = vector;
  }
  return width;
}

}  // namespace channel_sums_kernels
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
