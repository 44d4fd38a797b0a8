// dx[p, c] = sum of dy over the windows whose maximum is at p: the first of equal values in the order T, H, W. If a
// zero of the padding comes first, the gradient of the window is dropped.
//
// x and dx [N, T, H, W, C] and dy [N, T', H', W', C] are of T (f32, bf16 or f16); each may be a channel slice. Sums are
// in f32. There are two kernels; in both a thread has a vector of up to 16 bytes of channels. The first stores the tap
// of the maximum of each output, 16 bits per channel, in the workspace [N, T', H', W', C]. The second sums, for each
// input, over the windows whose maximum is there, in a fixed order and without atomics. No shared memory. x and dy are
// read from memory once and dx is written once; the taps are moved twice. Overlapping windows come from L1 and L2.
#include "cuda/pool/window_gather.h"
#include "ops/pool/max_pool3d_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace max_pool3d_grad_op {

constexpr int kNoTap = 0xffff;

template <typename T>
struct MaxGradArgs {
  Global<T> dx;
  Global<const T> x, dy;
  Global<uint16_t> taps;
  Pool pool;
  int64_t dx_stride[4];
  Positions positions;  // positions of y in the first kernel, of x in the second
};

template <int V>
VC_DEVICE void store_taps(Global<uint16_t> to, size_t at, const int (&tap)[V]) {
  if constexpr (V == 1) {
    to.store(at, static_cast<uint16_t>(tap[0]));
  } else {
    Packed<uint16_t, V> packed;
#pragma unroll
    for (int i = 0; i < V; ++i) packed[i] = static_cast<uint16_t>(tap[i]);
    to.template store_packed<V>(at, packed);
  }
}

template <int V>
VC_DEVICE void load_taps(Global<const uint16_t> from, size_t at, int (&tap)[V]) {
  if constexpr (V == 1) {
    tap[0] = from.load(at);
  } else {
    const Packed<uint16_t, V> packed = from.template load_packed<V>(at);
#pragma unroll
    for (int i = 0; i < V; ++i) tap[i] = packed[i];
  }
}

template <typename T, int V>
__global__ void __launch_bounds__(kGatherThreads, kGatherBlocks) find_maxima_kernel(MaxGradArgs<T> a) {
  int n, at[3], column, index;
  if (!a.positions.locate(&n, at, &column, &index)) return;
  const PoolAxis* axis = a.pool.axis;
  int start[3], padded[3];
#pragma unroll
  for (int i = 0; i < 3; ++i) {
    start[i] = at[i] * axis[i].stride - axis[i].low;
    padded[i] = Window(axis[i], at[i]).padded;
  }
  float best[V];
  int tap[V];
#pragma unroll
  for (int i = 0; i < V; ++i) best[i] = bits_to_float(0xff800000u), tap[i] = kNoTap;  // -inf
  for (int kt = 0; kt < padded[0]; ++kt) {
    for (int kh = 0; kh < padded[1]; ++kh) {
      const int t = start[0] + kt, h = start[1] + kh;
      const bool inside = t >= 0 && t < axis[0].in && h >= 0 && h < axis[1].in;
      for (int kw = 0; kw < padded[2]; ++kw) {
        const int w = start[2] + kw;
        const bool real = inside && w >= 0 && w < axis[2].in;
        if (!real && !a.pool.padding_counts) continue;
        float v[V] = {};
        if (real) load_values(a.x, pool_offset(a.pool.x, n, t, h, w) + static_cast<size_t>(column * V), v);
        const int this_tap = real ? (kt * axis[1].kernel + kh) * axis[2].kernel + kw : kNoTap;
#pragma unroll
        for (int i = 0; i < V; ++i) {
          if (v[i] > best[i]) best[i] = v[i], tap[i] = this_tap;
        }
      }
    }
  }
  store_taps(a.taps, static_cast<size_t>(index) * V, tap);
}

template <typename T, int V>
__global__ void __launch_bounds__(kGatherThreads, kGatherBlocks) gather_kernel(MaxGradArgs<T> a) {
  int n, at[3], column, index;
  if (!a.positions.locate(&n, at, &column, &index)) return;
  const PoolAxis* axis = a.pool.axis;
  const WindowRange wt(axis[0], at[0]), wh(axis[1], at[1]), ww(axis[2], at[2]);
  const auto c = static_cast<size_t>(column * V);
  float sum[V] = {};
  for (int ot = wt.begin; ot < wt.end; ++ot) {
    const int kt = at[0] + axis[0].low - ot * axis[0].stride;
    for (int oh = wh.begin; oh < wh.end; ++oh) {
      const int kh = at[1] + axis[1].low - oh * axis[1].stride;
      for (int ow = ww.begin; ow < ww.end; ++ow) {
        const int kw = at[2] + axis[2].low - ow * axis[2].stride;
        const int this_tap = (kt * axis[1].kernel + kh) * axis[2].kernel + kw;
        const size_t row = ((static_cast<size_t>(n) * static_cast<size_t>(axis[0].out) + static_cast<size_t>(ot)) *
                                static_cast<size_t>(axis[1].out) +
                            static_cast<size_t>(oh)) *
                               static_cast<size_t>(axis[2].out) +
                           static_cast<size_t>(ow);
        int tap[V];
        float v[V];
        load_taps(a.taps, row * static_cast<size_t>(a.pool.channels) + c, tap);
        load_values(a.dy, pool_offset(a.pool.y, n, ot, oh, ow) + c, v);
#pragma unroll
        for (int i = 0; i < V; ++i) sum[i] += tap[i] == this_tap ? v[i] : 0.0f;
      }
    }
  }
  store_values(a.dx, pool_offset(a.dx_stride, n, at[0], at[1], at[2]) + c, sum);
}

size_t workspace(const Call& call, int) { return static_cast<size_t>(call.in[1].elements()) * sizeof(uint16_t); }

Status max_pool3d_grad(const Call& call) {
  const Tensor &x = call.in[0], &dy = call.in[1], &dx = call.out[0];
  if (dx.elements() == 0) return {};
  const MaxPool3dAttributes attrs(call);
  const Pool pool(attrs, attrs.zero_padding, x, dy);
  if (int64_t{pool.axis[0].kernel} * pool.axis[1].kernel * pool.axis[2].kernel >= kNoTap) {
    return {"max_pool3d_grad: a window of more than 65534 taps"};
  }
  int width = 8;
  for (const Tensor* t : {&x, &dy, &dx}) width = widest_vector(*t, pool.channels, width);
  return for_float(dx.dtype, [&](auto type) {
    using T = decltype(type);
    return for_width<T>(width, [&](auto width) -> Status {
      const auto taps =
          Global<uint16_t>(reinterpret_cast<uint16_t*>(call.workspace), static_cast<size_t>(dy.elements()));
      MaxGradArgs<T> args{global<T>(dx), global<const T>(x), global<const T>(dy), taps, pool, {}, {}};
      for (int i = 0; i < 4; ++i) args.dx_stride[i] = dx.strides[i];
      Status status;
      args.positions = Positions(dy, width, &status);
      if (status && dy.elements() > 0) {
        status = launch<find_maxima_kernel<T, width>>(args.positions.grid(), kGatherThreads, 0, call.stream, args);
      }
      if (!status) return status;
      args.positions = Positions(dx, width, &status);
      if (!status) return status;
      return launch<gather_kernel<T, width>>(args.positions.grid(), kGatherThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("max_pool3d_grad", max_pool3d_grad, workspace);

}  // namespace max_pool3d_grad_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
