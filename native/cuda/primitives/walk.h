#pragma once
// Element by element over K operands of one shape, whatever their strides: the host merges axes that lie one behind the
// other in all of them, the rest is divided out once per vector. A dense tensor so becomes one long row.
#include "cuda/primitives/divider.h"
#include "cuda/primitives/target.h"
#include "runtime/status.h"
#include "runtime/tensor.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

constexpr int kWalkThreads = 256;
constexpr int kWalkUnroll = 4;  // vectors of a thread: 4 x 16 bytes in flight cover the latency at half occupancy
constexpr int64_t kWalkVectors = kWalkThreads * kWalkUnroll;

// Views of one shape after merging; axis 0 is the innermost. Operand 0 is the output: its order is the order of work.
template <int K>
struct Views {
  int axes = 0;
  int64_t size[kMaxRank] = {}, stride[K][kMaxRank] = {};

  // All operands have the shape of the first; distances of 0 repeat.
  explicit Views(const Tensor (&operands)[K]) {
    const Tensor& y = operands[0];
    for (int d = y.rank - 1; d >= 0; --d) {
      if (y.shape[d] == 1) continue;
      bool merges = axes > 0;
      for (int k = 0; k < K && merges; ++k) {
        merges = operands[k].strides[d] == size[axes - 1] * stride[k][axes - 1];
      }
      if (merges) {
        size[axes - 1] *= y.shape[d];
        continue;
      }
      size[axes] = y.shape[d];
      for (int k = 0; k < K; ++k) stride[k][axes] = operands[k].strides[d];
      ++axes;
    }
    if (axes == 0) {  // one element
      axes = 1, size[0] = 1;
      for (int k = 0; k < K; ++k) stride[k][0] = 1;
    }
  }

  // The most elements of 16 bytes, a power of two, that every operand gives at once (or repeats).
  int width(const Tensor (&operands)[K]) const {
    int v = 16;
    for (int k = 0; k < K; ++k) {
      const auto bytes = static_cast<int>(item_size(operands[k].dtype));
      if (stride[k][0] == 0) continue;
      if (stride[k][0] != 1) return 1;
      while (v * bytes > 16) v /= 2;
      while (v > 1 && !fits(k, v, operands[k].data, bytes)) v /= 2;
    }
    return v;
  }

 private:
  bool fits(int k, int v, const char* data, int bytes) const {
    if (size[0] % v || reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(v * bytes)) return false;
    for (int d = 1; d < axes; ++d) {
      if (stride[k][d] % v) return false;
    }
    return true;
  }
};

// What a kernel needs of it: rows of vectors of V elements, several rows a block or several blocks a row.
template <int K>
struct Walk {
  uint32_t rows = 0, columns = 0, rows_per_block = 1, blocks_per_row = 1;
  int axes = 0;
  Divider by_columns, by_blocks, size[kMaxRank - 1];
  int64_t stride[K][kMaxRank - 1] = {}, step[K] = {};
  int64_t blocks = 0;

  Walk(const Views<K>& views, int V, Status* status) {
    constexpr int64_t kMost = 0x7fffffff;
    const int64_t row = views.size[0] / V;
    int64_t count = 1;
    for (int d = 1; d < views.axes; ++d) {
      count *= views.size[d];
      size[d - 1] = Divider(views.size[d]);
      for (int k = 0; k < K; ++k) stride[k][d - 1] = views.stride[k][d];
    }
    axes = views.axes - 1;
    for (int k = 0; k < K; ++k) step[k] = views.stride[k][0];
    if (row == 0 || count == 0) return;
    const int64_t wide = (row + kWalkVectors - 1) / kWalkVectors, many = wide > 1 ? 1 : kWalkVectors / row;
    const int64_t all = (count + many - 1) / many * wide;
    if (row > kMost || count > kMost || all > kMost) {
      *status = {"more elements than one launch can address"};
      return;
    }
    rows = static_cast<uint32_t>(count), columns = static_cast<uint32_t>(row);
    rows_per_block = static_cast<uint32_t>(many), blocks_per_row = static_cast<uint32_t>(wide);
    by_columns = Divider(row), by_blocks = Divider(wide);
    blocks = all;
  }

  // Where the thread's u-th vector begins in each operand; false when it has none. Which vector of its row it is,
  // through `of_row`.
  template <int V>
  VC_DEVICE bool place(int u, size_t (&at)[K], int* of_row = nullptr) const {
    const int local = u * kWalkThreads + static_cast<int>(threadIdx.x);
    int column = local, row = static_cast<int>(blockIdx.x);
    if (blocks_per_row > 1) {
      int part;
      row = by_blocks.divide(row, &part);
      column += part * static_cast<int>(kWalkVectors);
    } else {
      const int r = by_columns.divide(local, &column);
      if (r >= static_cast<int>(rows_per_block)) return false;
      row = row * static_cast<int>(rows_per_block) + r;
    }
    if (static_cast<uint32_t>(row) >= rows || static_cast<uint32_t>(column) >= columns) return false;
    if (of_row) *of_row = column;
#pragma unroll
    for (int k = 0; k < K; ++k) at[k] = static_cast<size_t>(column) * V * static_cast<size_t>(step[k]);
    for (int d = 0; d < axes; ++d) {
      int i = row;
      if (d + 1 < axes) row = size[d].divide(row, &i);
#pragma unroll
      for (int k = 0; k < K; ++k) at[k] += static_cast<size_t>(i) * static_cast<size_t>(stride[k][d]);
    }
    return true;
  }
};

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
