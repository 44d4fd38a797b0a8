// with p = exp(x[m, c] - LSE_m), W = sum_c w[c], and the sum over rows that are not ignored,
//   dx[m, c] = dloss / sum_m w[t] (p ((1 - e) w[t] + e W / C) - e w[c] / C - (c = t) (1 - e) w[t]);  0 where ignored
//
// x and dx [M, C] are of T (f32, bf16 or f16); either may be a channel slice. target is i32 [M]; w [C], LSE [M] and
// dloss [1] are f32. Arithmetic is in f32. One block first sums the weights of the rows and of the classes. Then a warp
// computes a row of up to 1024 classes, a block of 256 threads a longer one (32 bytes of shared memory). x is read once
// and dx is written once: bound by memory.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/math.h"
#include "cuda/primitives/row_group.h"
#include "ops/loss/cross_entropy_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace cross_entropy_grad_op {

template <typename T>
struct Arguments {
  Global<T> dx;
  Global<const T> x;
  Global<const int32_t> target;
  Global<const float> weight, lse, d_loss;
  Global<float> totals;  // dloss / sum_m w[t], and W
  int64_t rows, C, x_stride, dx_stride;
  int ignored;
  float smoothing;

  VC_DEVICE float w(int64_t c) const { return weight ? weight.load(static_cast<size_t>(c)) : 1.0f; }
  // A target that is not a class makes the whole result NaN, since a kernel cannot report an error.
  VC_DEVICE float of_target(int32_t t) const { return t < 0 || t >= C ? bits_to_float(0x7fc00000u) : w(t); }
};

template <typename T>
__global__ void __launch_bounds__(kRowGroupThreads) total_kernel(Arguments<T> p) {
  const RowGroup<true> group;
  float count = 0, all = 0;
  for (int64_t r = group.thread; r < p.rows; r += kRowGroupThreads) {
    const int32_t t = p.target.load(static_cast<size_t>(r));
    if (t != p.ignored) count += p.of_target(t);
  }
  for (int64_t c = group.thread; c < p.C; c += kRowGroupThreads) all += p.w(c);
  count = group.sum(count);
  all = group.sum(all);
  if (group.thread != 0) return;
  p.totals.store(0, count == 0 ? 0.0f : p.d_loss.load(0) / count);
  p.totals.store(1, all);
}

template <typename T, bool kWide>
__global__ void __launch_bounds__(kRowGroupThreads) row_kernel(Arguments<T> p) {
  const RowGroup<kWide> group;
  if (group.row >= p.rows) return;
  const int32_t target = p.target.load(static_cast<size_t>(group.row));
  const float factor = p.totals.load(0), share = p.smoothing / static_cast<float>(p.C);
  const float own = target == p.ignored ? 0.0f : (1 - p.smoothing) * p.of_target(target);
  const float scale = own + share * p.totals.load(1), max_shift = p.lse.load(static_cast<size_t>(group.row));
  for (int64_t c = group.thread; c < p.C; c += group.kSize) {
    float d = 0;
    if (target != p.ignored) {
      d = scale * ::expf(to_float(p.x.load(static_cast<size_t>(group.row * p.x_stride + c))) - max_shift);
      d = factor * (d - share * p.w(c) - (c == target ? own : 0.0f));
    }
    p.dx.store(static_cast<size_t>(group.row * p.dx_stride + c), from_float<T>(d));
  }
}

size_t workspace(const Call&, int) { return 2 * sizeof(float); }

Status cross_entropy_grad(const Call& call) {
  const CrossEntropyAttributes attrs(call);
  const Rows x(call.in[0]);
  if (x.rows == 0) return {};
  if (x.rows > 0x7fffffff) return {"more than 2^31 - 1 rows"};
  return for_float(call.in[0].dtype, [&](auto type) -> Status {
    using T = decltype(type);
    const Arguments<T> p{global<T>(call.out[0]),
                         global<const T>(call.in[0]),
                         global<const int32_t>(call.in[1]),
                         global<const float>(call.in[2]),
                         global<const float>(call.in[3]),
                         global<const float>(call.in[4]),
                         Global<float>(reinterpret_cast<float*>(call.workspace), 2),
                         x.rows,
                         x.channels,
                         x.stride,
                         Rows(call.out[0]).stride,
                         static_cast<int>(attrs.ignore_index),
                         static_cast<float>(attrs.smoothing)};
    const Status status = launch<total_kernel<T>>(Grid{}, kRowGroupThreads, kRowGroupBytes, call.stream, p);
    if (!status) return status;
    return launch_rows<row_kernel<T, true>, row_kernel<T, false>>(p, call.stream);
  });
}

VIDEOCLIP_CUDA_KERNEL("cross_entropy_grad", cross_entropy_grad, workspace);

}  // namespace cross_entropy_grad_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
