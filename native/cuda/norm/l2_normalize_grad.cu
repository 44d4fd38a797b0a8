// n = max(||x||, eps);  dx = (dy - x (x . dy) / n^2) / n, without the second term where ||x|| <= eps
//
// x, dy, dx [rows, C] of T (f32, bf16 or f16), any may be a channel slice; arithmetic in f32.
// A row of up to 1024 elements is shared by a warp, a longer one by a block of 256 threads (32 bytes of shared memory);
// it is read three times, from the caches all but once. One element an access. Bytes: one read of x and dy, one write
// of dx: bound by memory. Share of the roofline: not yet measured.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/row_team.h"
#include "ops/norm/l2_normalize_grad.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {

template <typename T>
struct Arguments {
  Global<T> dx;
  int64_t dx_stride;
  Global<const T> x;
  int64_t x_stride;
  Global<const T> dy;
  int64_t dy_stride;
  int64_t rows, C;
  float eps;
};

template <typename T, bool kWide>
__global__ void __launch_bounds__(kTeamThreads) l2_normalize_grad_kernel(Arguments<T> p) {
  const RowTeam<kWide> team;
  if (team.row >= p.rows) return;
  float square = 0;
  for (int64_t c = team.thread; c < p.C; c += team.kSize) {
    const float v = to_float(p.x.load(static_cast<size_t>(team.row * p.x_stride + c)));
    square = fma(v, v, square);
  }
  const float norm = ::sqrtf(team.sum(square)), divisor = norm <= p.eps ? p.eps : norm;  // of NaN all are NaN
  float product = 0;
  for (int64_t c = team.thread; c < p.C; c += team.kSize) {
    product = fma(to_float(p.x.load(static_cast<size_t>(team.row * p.x_stride + c))) / divisor,
                  to_float(p.dy.load(static_cast<size_t>(team.row * p.dy_stride + c))), product);
  }
  product = team.sum(product);
  const float along = norm > p.eps ? product : 0.0f;
  for (int64_t c = team.thread; c < p.C; c += team.kSize) {
    const float unit = to_float(p.x.load(static_cast<size_t>(team.row * p.x_stride + c))) / divisor;
    p.dx.store(
        static_cast<size_t>(team.row * p.dx_stride + c),
        from_float<T>((to_float(p.dy.load(static_cast<size_t>(team.row * p.dy_stride + c))) - unit * along) / divisor));
  }
}

Status l2_normalize_grad(const Call& call) {
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
                         static_cast<float>(call.attrs[0])};
    const Grid grid{team_blocks(p.rows, p.C)};
    if (p.C > kWideRow)
      return launch(l2_normalize_grad_kernel<T, true>, grid, kTeamThreads, kTeamBytes, call.stream, p);
    return launch(l2_normalize_grad_kernel<T, false>, grid, kTeamThreads, 0, call.stream, p);
  });
}

VIDEOCLIP_CUDA_KERNEL("l2_normalize_grad", l2_normalize_grad, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
