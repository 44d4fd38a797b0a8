#pragma once
// A strided iterator over the elements of K operands of one shape. The host merges axes that are contiguous in all
// operands; the kernel divides an index by the remaining sizes once per vector. A dense tensor thus becomes one long
// row.
#include "cuda/primitives/fast_divmod.h"
#include "cuda/primitives/target.h"
#include "runtime/status.h"
#include "runtime/tensor.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

constexpr int kIteratorThreads = 256;
constexpr int kIteratorUnroll = 4;  // vectors per thread; 4 x 16 bytes in flight cover the latency at half occupancy
constexpr int64_t kIteratorVectors = kIteratorThreads * kIteratorUnroll;

// Sizes and strides of operands of one shape after merging; axis 0 is the innermost. Operand 0 is the output, and its
// order is the order of the threads.
template <int K>
struct MergedStrides {
  int axes = 0;
  int64_t size[kMaxRank] = {}, stride[K][kMaxRank] = {};

  // All operands have the shape of the first; a stride of 0 repeats an operand along an axis.
  explicit MergedStrides(const Tensor (&operands)[K]) {
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

  // The largest power of two of elements, at most 16 bytes, that one access to every operand can load or repeat.
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

// The part of the iteration that a kernel needs: rows of vectors of V elements, with several rows per block or several
// blocks per row.
template <int K>
struct StridedIterator {
  uint32_t rows = 0, columns = 0, rows_per_block = 1, blocks_per_row = 1;
  int axes = 0;
  FastDivmod by_columns, by_blocks, size[kMaxRank - 1];
  int64_t stride[K][kMaxRank - 1] = {}, step[K] = {};
  int64_t blocks = 0;

  StridedIterator(const MergedStrides<K>& merged, int V, Status* status) {
    constexpr int64_t kMaxInt = 0x7fffffff;
    const int64_t row = merged.size[0] / V;
    int64_t count = 1;
    for (int d = 1; d < merged.axes; ++d) {
      count *= merged.size[d];
      size[d - 1] = FastDivmod(merged.size[d]);
      for (int k = 0; k < K; ++k) stride[k][d - 1] = merged.stride[k][d];
    }
    axes = merged.axes - 1;
    for (int k = 0; k < K; ++k) step[k] = merged.stride[k][0];
    if (row == 0 || count == 0) return;
    const int64_t wide = (row + kIteratorVectors - 1) / kIteratorVectors, many = wide > 1 ? 1 : kIteratorVectors / row;
    const int64_t all = (count + many - 1) / many * wide;
    if (row > kMaxInt || count > kMaxInt || all > kMaxInt) {
      *status = {"more elements than one launch can address"};
      return;
    }
    rows = static_cast<uint32_t>(count), columns = static_cast<uint32_t>(row);
    rows_per_block = static_cast<uint32_t>(many), blocks_per_row = static_cast<uint32_t>(wide);
    by_columns = FastDivmod(row), by_blocks = FastDivmod(wide);
    blocks = all;
  }

  // Stores the offset of the thread's u-th vector in each operand. Returns false if there is no such vector.
  // `column_out` receives the index of the vector in its row.
  template <int V>
  VC_DEVICE bool offsets(int u, size_t (&at)[K], int* column_out = nullptr) const {
    const int local = u * kIteratorThreads + static_cast<int>(threadIdx.x);
    int column = local, row = static_cast<int>(blockIdx.x);
    if (blocks_per_row > 1) {
      int part;
      row = by_blocks.divide(row, &part);
      column += part * static_cast<int>(kIteratorVectors);
    } else {
      const int r = by_columns.divide(local, &column);
      if (r >= static_cast<int>(rows_per_block)) return false;
      row = row * static_cast<int>(rows_per_block) + r;
    }
    if (static_cast<uint32_t>(row) >= rows || static_cast<uint32_t>(column) >= columns) return false;
    if (column_out) *column_out = column;
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
