// dx = y (dy - sum(y dy)), or with log dx = dy - exp(y) sum(dy); sums over the last axis
//
// y, dy, dx [rows, C] of T (f32, bf16 or f16), any may be a channel slice; arithmetic in f32.
// A row of up to 1024 elements is shared by a warp, a longer one by a block of 256 threads (32 bytes of shared memory);
// it is read twice, from the caches all but once. One element an access. Bytes: one read of y and dy, one write of dx:
// bound by memory. Share of the roofline: not yet measured.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/row_team.h"
#include "ops/attention/softmax_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {

template <typename T>
struct Arguments {
  Global<T> dx;
  int64_t dx_stride;
  Global<const T> y;
  int64_t y_stride;
  Global<const T> dy;
  int64_t dy_stride;
  int64_t rows, C;
  int log;
};

template <typename T, bool kWide>
__global__ void __launch_bounds__(kTeamThreads) softmax_grad_kernel(Arguments<T> p) {
  const RowTeam<kWide> team;
  if (team.row >= p.rows) return;
  float sum = 0;
  for (int64_t c = team.thread; c < p.C; c += team.kSize) {
    const float d = to_float(p.dy.load(static_cast<size_t>(team.row * p.dy_stride + c)));
    sum += p.log ? d : d * to_float(p.y.load(static_cast<size_t>(team.row * p.y_stride + c)));
  }
  sum = team.sum(sum);
  for (int64_t c = team.thread; c < p.C; c += team.kSize) {
    const float y = to_float(p.y.load(static_cast<size_t>(team.row * p.y_stride + c))),
                d = to_float(p.dy.load(static_cast<size_t>(team.row * p.dy_stride + c)));
    p.dx.store(static_cast<size_t>(team.row * p.dx_stride + c),
               from_float<T>(p.log ? d - ::expf(y) * sum : y * (d - sum)));
  }
}

Status softmax_grad(const Call& call) {
  const Rows rows(call.out[0]);
  if (rows.rows == 0 || rows.channels == 0) return {};
  if (rows.rows > 0x7fffffff) return {"more than 2^31 - 1 rows"};
  return for_float(call.out[0].dtype, [&](auto type) {
    using T = decltype(type);
    const Arguments<T> p{global<T>(call.out[0]),
                         Rows(call.out[0]).stride,
                         global<const T>(call.in[0]),
                         Rows(call.in[0]).stride,
                         global<const T>(call.in[1]),
                         Rows(call.in[1]).stride,
                         rows.rows,
                         rows.channels,
                         static_cast<int>(call.attrs[0])};
    const Grid grid{team_blocks(p.rows, p.C)};
    if (p.C > kWideRow) return launch(softmax_grad_kernel<T, true>, grid, kTeamThreads, kTeamBytes, call.stream, p);
    return launch(softmax_grad_kernel<T, false>, grid, kTeamThreads, 0, call.stream, p);
  });
}

VIDEOCLIP_CUDA_KERNEL("softmax_grad", softmax_grad, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
