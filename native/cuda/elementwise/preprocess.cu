// y = (x[n, t, top + h, left + w, c] / 255 - mean[c]) / std[c], optionally followed by space_to_depth.
//
// x u8 [N, T, H, W, 3] is dense; y [N, T, h, w, 3] or [N, T/2, h/2, w/2, 24] is of T (f32, bf16 or f16). Each value
// takes one multiplication and addition in f32, x * 1/(255 std) - mean/std, with factors rounded from f64. A block has
// 256 threads, and a thread has 4 vectors of up to 16 bytes of y; it reads the bytes of x one by one, because a crop
// may begin anywhere (the lines come from L1). No shared memory. A position is a run of 3 bytes. A space-to-depth block
// is 4 runs of 6 bytes (dt, dh), and 16 bytes of y are a part of it. 1 byte is read and 2 or 4 bytes are written per
// value: bound by memory.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/math.h"
#include "cuda/primitives/strided_iterator.h"
#include "cuda/primitives/vector_access.h"
#include "ops/elementwise/preprocess.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace preprocess_op {

template <typename T>
struct PreprocessArgs {
  Global<T> y;
  Global<const uint8_t> x;
  StridedIterator<2> iterator;  // rows of y, and the offset of each in x; a row has W' x 3 or W' x 24 values
  int64_t x_frame, x_line;
  float scale[3], shift[3];
};

template <typename T, int V, bool kSpaceToDepth>
__global__ void __launch_bounds__(kIteratorThreads) preprocess_kernel(PreprocessArgs<T> a) {
#pragma unroll 2
  for (int u = 0; u < kIteratorUnroll; ++u) {
    size_t at[2];
    int column;
    if (!a.iterator.template offsets<V>(u, at, &column)) return;
    const int first = column * V;
    float v[V];
    if constexpr (kSpaceToDepth) {
      const int block = first / 24, channel = first % 24;
#pragma unroll
      for (int i = 0; i < V; ++i) {  // V divides 24
        const int run = (channel + i) / 6, rest = (channel + i) % 6;
        const size_t from = at[1] + static_cast<size_t>(run / 2 * a.x_frame + run % 2 * a.x_line) +
                            static_cast<size_t>(block * 6 + rest);
        const int c = rest % 3;
        const float scale = c == 0 ? a.scale[0] : c == 1 ? a.scale[1] : a.scale[2];
        const float shift = c == 0 ? a.shift[0] : c == 1 ? a.shift[1] : a.shift[2];
        v[i] = fma(to_float(a.x.load(from)), scale, shift);
      }
    } else {
      // the three channels in the order in which they occur in this vector
      const int c0 = first % 3, c1 = c0 == 2 ? 0 : c0 + 1, c2 = 3 - c0 - c1;
      const float scale[] = {a.scale[c0], a.scale[c1], a.scale[c2]}, shift[] = {a.shift[c0], a.shift[c1], a.shift[c2]};
#pragma unroll
      for (int i = 0; i < V; ++i) {
        v[i] = fma(to_float(a.x.load(at[1] + static_cast<size_t>(first + i))), scale[i % 3], shift[i % 3]);
      }
    }
    store_values(a.y, at[0], v);
  }
}

Status preprocess(const Call& call) {
  const Tensor &x = call.in[0], &y = call.out[0];
  if (y.elements() == 0) return {};
  const PreprocessAttributes attrs(call);
  const bool space_to_depth = attrs.space_to_depth;
  const int64_t step = space_to_depth ? 2 : 1, row = y.shape[3] * y.shape[4];
  // [N, T, h, row]: the strides of x are those between the beginnings of rows
  Tensor operands[] = {y, y};
  for (Tensor& t : operands) t.rank = 4, t.shape[3] = row;
  operands[0].strides[3] = 1;
  operands[1].dtype = DType::u8;
  operands[1].data = x.data;
  operands[1].strides[0] = x.strides[0];
  for (int d = 1; d < 3; ++d) operands[1].strides[d] = step * x.strides[d];
  operands[1].strides[3] = 0;
  if (y.strides[3] != y.shape[4]) return {"preprocess: dense rows expected"};
  const MergedStrides<2> merged(operands);
  return for_float(y.dtype, [&](auto type) {
    using T = decltype(type);
    return for_width<T>(row == 1 ? 1 : merged.width(operands), [&](auto width) -> Status {
      Status status;
      const StridedIterator<2> iterator(merged, width, &status);
      if (!status) return status;
      const Global<const uint8_t> frames = global<const uint8_t>(x);
      PreprocessArgs<T> args{global<T>(y),
                             frames.offset(static_cast<size_t>(attrs.top * x.strides[2] + attrs.left * x.strides[3])),
                             iterator,
                             x.strides[1],
                             x.strides[2],
                             {},
                             {}};
      for (int c = 0; c < 3; ++c) {
        args.scale[c] = static_cast<float>(1 / (255 * attrs.std[c]));
        args.shift[c] = static_cast<float>(-attrs.mean[c] / attrs.std[c]);
      }
      const Grid grid{iterator.blocks};
      return space_to_depth ? launch<preprocess_kernel<T, width, true>>(grid, kIteratorThreads, 0, call.stream, args)
                            : launch<preprocess_kernel<T, width, false>>(grid, kIteratorThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("preprocess", preprocess, no_workspace);

}  // namespace preprocess_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
