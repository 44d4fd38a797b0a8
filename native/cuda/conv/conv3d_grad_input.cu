// dx[n,t,h,w,i] = sum over taps k and channels o of dy[n, (t+kt-lt)/st, (h+kh-lh)/sh, (w+kw-lw)/sw, o] W[i,k,o], over
// the taps whose quotients are whole and inside dy.
//
// dy [N, T', H', W', Cout] is channels-last and may be a channel slice. W [Cin, kT, kH, kW, Cout / groups] is dense. dx
// is [N, T, H, W, Cin]. Values are stored as f32, bf16 or f16 and summed in f32.
//
// The kernel is an implicit GEMM (gemm/mainloop.h): rows are positions of dx; K runs over taps and, within a tap, over
// channels of dy (SpreadWindows in gemm/operands.h). Tiles, threads and shared memory are in gemm/tiles.h. Depthwise: a
// thread computes up to 16 bytes of channels of one position. Convolutions of stride 1 do not use this op, because
// their gradient is a convolution (conv3d.cu).
//
// dy is read once for each tap that L2 does not serve, W once for each range of rows; dx is written once. FLOPs: 2 N T'
// H' W' Cout taps Cin / groups. The rows of a tile use different taps, so the product computes this number times the
// product of the strides. Bound by tensor cores.
#include "cuda/gemm/mainloop.h"
#include "cuda/gemm/windows.h"
#include "cuda/pool/window_gather.h"
#include "ops/conv/conv3d_grad_input.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace conv3d_grad_input_op {

template <typename T>
Status convolve(const Call& call, const Conv3dGradInputArgs& a) {
  const Tensor &dy = call.in[0], &weight = call.in[1], &dx = call.out[0];
  const int64_t rows = dx.elements() / a.in_channels, unit = dy.shape[4] / a.groups, K = a.taps() * unit;
  if (rows > 0x7fffffff || K > 0x7fffffff - 128) {
    return {"conv3d_grad_input: more than 2^31 - 1 positions or taps"};
  }
  if (a.kernel[0] + a.kernel[1] + a.kernel[2] > gemm::kWindowBits) {
    return {"conv3d_grad_input: a window of more than 63 taps along its three axes together"};
  }
  gemm::Arguments<T, gemm::SpreadWindows<T>> p = {};
  p.a = gemm::windows_of<gemm::SpreadWindows<T>>(dy, dx, a, static_cast<int>(rows), static_cast<int>(K));
  auto& out = p.out;
  out.rows = static_cast<int>(rows);
  out.columns = static_cast<int>(a.in_channels / a.groups);
  out.data[0] = global<T>(dx);
  out.stride[0] = dx.strides[3];
  for (int s = 1; s < gemm::kMaxOutputs; ++s) out.first[s] = static_cast<int>(a.in_channels);
  out.activation = kIdentity;
  out.vector = widest_vector(dx, a.in_channels / a.groups, 8);
  p.b = {global<const T>(weight), K, out.columns, static_cast<int>(K)};
  p.groups = static_cast<int>(a.groups);
  p.group_channels = static_cast<int>(unit);
  const int vector = min(widest_vector(dy, unit, 8), widest_vector(weight, unit, 8));
  return gemm::multiply<gemm::Features<false, false, false>>(p, rows / dx.shape[0], vector, call);
}

template <typename T>
struct DepthwiseArgs {
  Global<T> dx;
  Global<const T> dy, weight;
  int64_t x[4], y[4];  // strides of N, T, H, W
  int size[3], kernel[3], stride[3], low[3];
  int taps;
  Positions positions;
};

template <typename T, int V>
__global__ void __launch_bounds__(kGatherThreads, kGatherBlocks) depthwise_grad_input_kernel(DepthwiseArgs<T> a) {
  int n, at[3], column, index;
  if (!a.positions.locate(&n, at, &column, &index)) return;
  const auto c = static_cast<size_t>(column * V);
  float sum[V] = {};
  const auto source = [&](int axis, int k) {
    const int from = at[axis] + k - a.low[axis];
    return from >= 0 && from % a.stride[axis] == 0 ? from / a.stride[axis] : a.size[axis];
  };
  for (int kt = 0; kt < a.kernel[0]; ++kt) {
    const int t = source(0, kt);
    if (t >= a.size[0]) continue;
    for (int kh = 0; kh < a.kernel[1]; ++kh) {
      const int h = source(1, kh);
      if (h >= a.size[1]) continue;
      for (int kw = 0; kw < a.kernel[2]; ++kw) {
        const int w = source(2, kw);
        if (w >= a.size[2]) continue;
        float v[V];
        load_values(a.dy, pool_offset(a.y, n, t, h, w) + c, v);
        const int tap = (kt * a.kernel[1] + kh) * a.kernel[2] + kw;
#pragma unroll
        for (int i = 0; i < V; ++i) {
          const size_t channel = c + static_cast<size_t>(i);
          sum[i] = fma(v[i], to_float(a.weight.load(channel * static_cast<size_t>(a.taps) + static_cast<size_t>(tap))),
                       sum[i]);
        }
      }
    }
  }
  store_values(a.dx, pool_offset(a.x, n, at[0], at[1], at[2]) + c, sum);
}

template <typename T>
Status depthwise(const Call& call, const Conv3dGradInputArgs& a) {
  const Tensor &dy = call.in[0], &dx = call.out[0];
  DepthwiseArgs<T> p = {};
  p.dx = global<T>(dx);
  p.dy = global<const T>(dy);
  p.weight = global<const T>(call.in[1]);
  for (int i = 0; i < 4; ++i) p.x[i] = dx.strides[i], p.y[i] = dy.strides[i];
  for (int i = 0; i < 3; ++i) {
    p.size[i] = static_cast<int>(dy.shape[1 + i]);
    p.kernel[i] = static_cast<int>(a.kernel[i]);
    p.stride[i] = static_cast<int>(a.stride[i]);
    p.low[i] = static_cast<int>(a.low[i]);
  }
  p.taps = static_cast<int>(a.taps());
  const int width = widest_vector(dy, a.in_channels, widest_vector(dx, a.in_channels, 8));
  return for_width<T>(width, [&](auto width) -> Status {
    Status status;
    p.positions = Positions(dx, width, &status);
    if (!status) return status;
    return launch<depthwise_grad_input_kernel<T, width>>(p.positions.grid(), kGatherThreads, 0, call.stream, p);
  });
}

Status conv3d_grad_input(const Call& call) {
  const Conv3dGradInputArgs a(call);
  if (call.out[0].elements() == 0) return {};
  return for_float(call.in[0].dtype, [&](auto type) {
    using T = decltype(type);
    const bool by_channel = a.groups > 1 && a.groups == a.in_channels && a.groups == call.in[0].shape[4];
    return by_channel ? depthwise<T>(call, a) : convolve<T>(call, a);
  });
}

VIDEOCLIP_CUDA_KERNEL("conv3d_grad_input", conv3d_grad_input, no_workspace);

}  // namespace conv3d_grad_input_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
