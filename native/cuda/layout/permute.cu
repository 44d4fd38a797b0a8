// Axis i of y is axis order[i] of x.
//
// x and y are views of elements of 1, 2 or 4 bytes. If the innermost axis stays the same, strided_copy.h copies.
// Otherwise a block moves a tile of two axes, the innermost of y (I) and the innermost of x (J), through shared memory,
// so that both sides are accessed along their own innermost axis. A tile has 1024 elements for 256 threads; the shorter
// axis is whole if it has at most 32 elements (NCTHW video has 3 channels: 3 x 320). x is read once and y is written
// once: bound by memory. For 2-byte elements a warp accesses 64 bytes at a time, half a line.
#include "cuda/primitives/strided_copy.h"
#include "cuda/primitives/sync.h"
#include "ops/layout/permute.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace permute_op {

constexpr int kThreads = 256, kTile = 1024, kShortSide = 32, kAxes = kMaxRank - 2;

template <typename T>
struct TransposeArgs {
  Global<T> y;
  Global<const T> x;
  int sizes[2];                        // sizes of I and of J
  int64_t y_strides[2], x_strides[2];  // strides of I and of J
  int tile[2];                         // elements of I and of J in a tile
  int shared_strides[2];               // the longer side is contiguous
  FastDivmod by_tile[2], tiles[2];
  int axes;  // the other axes, innermost first
  FastDivmod others[kAxes];
  int64_t y_others[kAxes], x_others[kAxes];
};

template <typename T>
__global__ void __launch_bounds__(kThreads) transpose_kernel(TransposeArgs<T> a) {
  // An element takes 4 bytes whatever its size, so that no two lanes access the same bank.
  const Shared<uint32_t> tile = shared_array<uint32_t>(
      0, static_cast<uint32_t>((a.tile[0] - 1) * a.shared_strides[0] + (a.tile[1] - 1) * a.shared_strides[1] + 1));
  int i0, j0;
  int rest = a.tiles[1].divide(a.tiles[0].divide(static_cast<int>(blockIdx.x), &i0), &j0);
  i0 *= a.tile[0], j0 *= a.tile[1];
  size_t to = static_cast<size_t>(i0) * static_cast<size_t>(a.y_strides[0]) +
              static_cast<size_t>(j0) * static_cast<size_t>(a.y_strides[1]);
  size_t from = static_cast<size_t>(i0) * static_cast<size_t>(a.x_strides[0]) +
                static_cast<size_t>(j0) * static_cast<size_t>(a.x_strides[1]);
  for (int d = 0; d < a.axes; ++d) {
    int index;
    rest = a.others[d].divide(rest, &index);
    to += static_cast<size_t>(index) * static_cast<size_t>(a.y_others[d]);
    from += static_cast<size_t>(index) * static_cast<size_t>(a.x_others[d]);
  }
  const int count = a.tile[0] * a.tile[1];
#pragma unroll 4
  for (int e = static_cast<int>(threadIdx.x); e < count; e += kThreads) {  // along J
    int j;
    const int i = a.by_tile[1].divide(e, &j);
    if (i0 + i >= a.sizes[0] || j0 + j >= a.sizes[1]) continue;
    const T value = a.x.load(from + static_cast<size_t>(i) * static_cast<size_t>(a.x_strides[0]) +
                             static_cast<size_t>(j) * static_cast<size_t>(a.x_strides[1]));
    tile.store(static_cast<uint32_t>(i * a.shared_strides[0] + j * a.shared_strides[1]), value);
  }
  sync_threads();
#pragma unroll 4
  for (int e = static_cast<int>(threadIdx.x); e < count; e += kThreads) {  // along I
    int i;
    const int j = a.by_tile[0].divide(e, &i);
    if (i0 + i >= a.sizes[0] || j0 + j >= a.sizes[1]) continue;
    const uint32_t value = tile.load(static_cast<uint32_t>(i * a.shared_strides[0] + j * a.shared_strides[1]));
    a.y.store(to + static_cast<size_t>(i) * static_cast<size_t>(a.y_strides[0]) +
                  static_cast<size_t>(j) * static_cast<size_t>(a.y_strides[1]),
              static_cast<T>(value));
  }
}

// `inner` is the merged axis that is the innermost of x.
template <typename T>
Status transpose(const Call& call, const Tensor& to, const Tensor& from, const MergedStrides<2>& merged, int inner) {
  constexpr int64_t kMaxInt = 0x7fffffff;
  TransposeArgs<T> a{};
  a.y = global<T>(to), a.x = global<const T>(from);
  int64_t blocks = 1;
  const int pair[] = {0, inner};
  const int shorter = merged.size[0] <= merged.size[inner] ? 0 : 1, longer = 1 - shorter;
  for (int side = 0; side < 2; ++side) {
    const int64_t size = merged.size[pair[side]];
    if (size > kMaxInt) return {"permute: an axis of more than 2^31 elements"};
    a.sizes[side] = static_cast<int>(size);
    a.y_strides[side] = merged.stride[0][pair[side]], a.x_strides[side] = merged.stride[1][pair[side]];
  }
  a.tile[shorter] = a.sizes[shorter] < kShortSide ? a.sizes[shorter] : kShortSide;
  a.tile[longer] = kTile / a.tile[shorter] / kWarpSize * kWarpSize;
  // Rows of the shorter side start 32 / tile[shorter] banks apart, so that lanes along either side use all banks.
  a.shared_strides[longer] = 1;
  a.shared_strides[shorter] = a.tile[longer] + (kWarpSize + a.tile[shorter] - 1) / a.tile[shorter];
  for (int side = 0; side < 2; ++side) {
    const int64_t tiles = (a.sizes[side] + a.tile[side] - 1) / a.tile[side];
    a.by_tile[side] = FastDivmod(a.tile[side]), a.tiles[side] = FastDivmod(tiles);
    blocks *= tiles;
  }
  for (int d = 1; d < merged.axes; ++d) {
    if (d == inner) continue;
    a.others[a.axes] = FastDivmod(merged.size[d]);
    a.y_others[a.axes] = merged.stride[0][d], a.x_others[a.axes] = merged.stride[1][d];
    ++a.axes;
    blocks *= merged.size[d];
  }
  if (blocks > kMaxInt) return {"permute: more elements than one launch can address"};
  const auto shared = static_cast<size_t>(a.tile[shorter] * a.shared_strides[shorter]) * sizeof(uint32_t);
  return launch<transpose_kernel<T>>(Grid{blocks}, kThreads, shared, call.stream, a);
}

Status permute(const Call& call) {
  const PermuteAttributes attrs(call);
  const Tensor &x = call.in[0], &y = call.out[0];
  if (y.elements() == 0) return {};
  Tensor view = x;
  for (int i = 0; i < x.rank; ++i) {
    const int from = static_cast<int>(attrs.order[i]);
    view.shape[i] = x.shape[from];
    view.strides[i] = x.strides[from];
  }
  const Tensor operands[] = {y, view};
  const MergedStrides<2> merged(operands);
  int inner = 0;
  for (int d = 1; d < merged.axes && inner == 0; ++d) {
    if (merged.stride[1][d] == 1) inner = d;
  }
  if (inner == 0 || merged.stride[0][0] != 1) return strided_copy(call, y, view);
  return for_item(item_size(y.dtype),
                  [&](auto item) { return transpose<decltype(item)>(call, y, view, merged, inner); });
}

VIDEOCLIP_CUDA_KERNEL("permute", permute, no_workspace);

}  // namespace permute_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
