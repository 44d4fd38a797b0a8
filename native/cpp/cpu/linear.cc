#include "ops/linear.h"

#include "cpu/activation.h"
#include "cpu/gemm_tile.h"
#include "cpu/panels.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status linear(const Call& call) {
  const Rows x(call.in[0]), y(call.out[0]);
  const float* bias = call.in[2].data ? call.in[2].f32() : nullptr;
  const int activation = static_cast<int>(call.attrs[0]);
  const Panels p{y.channels, x.channels};
  const int64_t tiles = ceil_div(x.rows, kTileRows);
  call.pool->parallel_for(tiles * p.count(), [&](int64_t task, int) {
    const int64_t i = task / tiles, first = task % tiles * kTileRows;  // a panel's tiles follow each other
    const int count = static_cast<int>(min64(kTileRows, x.rows - first));
    const float* rows[kTileRows];
    float* out[kTileRows];
    for (int r = 0; r < kTileRows; ++r) {
      const int64_t m = min64(first + r, x.rows - 1);
      rows[r] = x.data + m * x.stride;
      out[r] = y.data + m * y.stride + p.first(i);
    }
    const Epilogue e{bias ? bias + p.first(i) : nullptr, activation == 0, false, p.used(i)};
    gemm_panel(rows, 1, x.channels, call.in[1].f32() + p.offset(i), p.width(i), count, e, nullptr, out);
    if (activation <= 0) return;
    for (int r = 0; r < count; ++r) {
      for (int64_t c = 0; c < p.used(i); ++c) out[r][c] = activate(activation, out[r][c]);
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("linear", linear, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
