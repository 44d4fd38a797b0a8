// dw[r, :] = sum over i with ids[i] = r of dy[i, :], in the order of i; ids equal to padding or outside the table add
// nothing.
//
// ids is dense i32 [M]. dy [M, C] and dw [rows, C] are of T (f32, bf16 or f16); either may be a channel slice. Sums are
// in f32. Positions are first sorted by id: the rank of a position is the number of smaller (id, position) pairs, which
// are counted against tiles of 256 ids in shared memory (1 KB), with M^2 comparisons in all. Then each thread computes
// a column of a row of the table: it finds the segment of the row by bisection and adds its positions in order. dy is
// read once and dw is written once: bound by memory for small M.
#include "cuda/primitives/columns.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/math.h"
#include "cuda/primitives/vector.h"
#include "cuda/primitives/vector_access.h"
#include "ops/layout/embedding_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace embedding_grad_op {

constexpr int32_t kNowhere = 0x7fffffff;

struct SortArgs {
  Global<const int32_t> ids;
  Global<int32_t> sorted, order;
  int32_t padding, rows;
  int64_t places;

  VC_DEVICE int32_t key(int64_t i) const {
    const int32_t id = ids.load(static_cast<size_t>(i));
    return id < 0 || id >= rows || id == padding ? kNowhere : id;
  }
};

__global__ void __launch_bounds__(kColumnThreads) sort_kernel(SortArgs p) {
  const Shared<int32_t> tile = shared_array<int32_t>(0, kColumnThreads);
  const int64_t i = int64_t{blockIdx.x} * kColumnThreads + threadIdx.x;
  const int32_t own_id = i < p.places ? p.key(i) : kNowhere;
  int64_t rank = 0;
  for (int64_t first = 0; first < p.places; first += kColumnThreads) {
    const int64_t j = first + threadIdx.x;
    tile.store(threadIdx.x, j < p.places ? p.key(j) : kNowhere);
    sync_threads();
    const int64_t count = min(int64_t{kColumnThreads}, p.places - first);
    for (int64_t k = 0; k < count; ++k) {
      const int32_t other = tile.load(static_cast<uint32_t>(k));
      rank += other < own_id || (other == own_id && first + k < i);
    }
    sync_threads();
  }
  if (i >= p.places) return;
  p.sorted.store(static_cast<size_t>(rank), own_id);
  p.order.store(static_cast<size_t>(rank), static_cast<int32_t>(i));
}

template <typename T>
struct SumArgs {
  Global<T> dw;
  Global<const T> dy;
  Global<const int32_t> sorted, order;
  int64_t places, rows, dw_stride, dy_stride;
  Columns columns;

  // The first rank whose id is not below `id`.
  VC_DEVICE int64_t find(int64_t id) const {
    int64_t low = 0, high = places;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (sorted.load(static_cast<size_t>(middle)) < id) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
};

template <typename T, int V>
__global__ void __launch_bounds__(kColumnThreads) sum_kernel(SumArgs<T> p) {
  const int thread = static_cast<int>(threadIdx.x), group = thread / p.columns.per_block;
  const int column = static_cast<int>(blockIdx.y) * p.columns.per_block + thread % p.columns.per_block;
  const int64_t row = int64_t{blockIdx.x} * p.columns.groups + group;
  if (group >= p.columns.groups || column >= p.columns.count || row >= p.rows) return;
  const int64_t c = int64_t{column} * V;
  float sum[V] = {};
  for (int64_t k = p.find(row); k < p.places && p.sorted.load(static_cast<size_t>(k)) == row; ++k) {
    float v[V];
    load_values(p.dy, static_cast<size_t>(int64_t{p.order.load(static_cast<size_t>(k))} * p.dy_stride + c), v);
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] += v[i];
  }
  store_values(p.dw, static_cast<size_t>(row * p.dw_stride + c), sum);
}

size_t workspace(const Call& call, int) { return static_cast<size_t>(2 * call.in[0].elements()) * sizeof(int32_t); }

Status embedding_grad(const Call& call) {
  const Tensor &ids = call.in[0], &dy = call.in[1], &dw = call.out[0];
  const int64_t places = ids.elements();
  const Rows from(dy), to(dw);
  if (to.rows * to.channels == 0) return {};
  if (places > 0x7fffffff || to.rows > 0x7fffffff) return {"more than 2^31 - 1 ids or rows"};
  int32_t* memory = reinterpret_cast<int32_t*>(call.workspace);
  const Global<int32_t> sorted(memory, static_cast<size_t>(places)),
      order(memory + places, static_cast<size_t>(places));
  if (places > 0) {
    const SortArgs sort{
        global<const int32_t>(ids),    sorted, order, static_cast<int32_t>(EmbeddingGradAttributes(call).padding),
        static_cast<int32_t>(to.rows), places};
    const Grid grid{static_cast<unsigned>((places + kColumnThreads - 1) / kColumnThreads)};
    const Status status =
        launch<sort_kernel>(grid, kColumnThreads, kColumnThreads * sizeof(int32_t), call.stream, sort);
    if (!status) return status;
  }
  return for_float(dw.dtype, [&](auto type) {
    using T = decltype(type);
    const int width = widest_vector(dy, to.channels, widest_vector(dw, to.channels, 8));
    return for_width<T>(width, [&](auto V) -> Status {
      const Columns columns(to.channels / V);
      const SumArgs<T> p{global<T>(dw), global<const T>(dy), sorted,      order,  places,
                         to.rows,       to.stride,           from.stride, columns};
      const Grid grid{static_cast<unsigned>((to.rows + columns.groups - 1) / columns.groups), columns.blocks};
      return launch<sum_kernel<T, V>>(grid, kColumnThreads, 0, call.stream, p);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("embedding_grad", embedding_grad, workspace);

}  // namespace embedding_grad_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
