#pragma once
// The windows of a convolution as an operand of a product.
#include "cuda/gemm/operands.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/math.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace gemm {

// W: Windows<T> or SpreadWindows<T>. `data` is the tensor that the windows read; the rows of the operand are the
// positions of `grid`; `a` has the window (kernel, stride, low) and the groups of the op.
template <class W, class Args>
W windows_of(const Tensor& data, const Tensor& grid, const Args& a, int rows, int columns) {
  W w = {};
  w.data = global<const typename W::Type>(data);
  for (int i = 0; i < 4; ++i) w.stride[i] = data.strides[i];
  for (int i = 0; i < 3; ++i) {
    w.size[i] = static_cast<int>(data.shape[1 + i]);
    w.kernel[i] = static_cast<int>(a.kernel[i]);
    w.step[i] = static_cast<int>(a.stride[i]);
    w.low[i] = static_cast<int>(a.low[i]);
  }
  w.rows = rows;
  w.columns = columns;
  w.channels = FastDivmod(max<int64_t>(1, data.shape[4] / a.groups));
  w.taps_w = FastDivmod(a.kernel[2]);
  w.taps_h = FastDivmod(a.kernel[1]);
  w.row_w = FastDivmod(grid.shape[3]);
  w.row_h = FastDivmod(grid.shape[2]);
  w.row_t = FastDivmod(grid.shape[1]);
  return w;
}

}  // namespace gemm
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
