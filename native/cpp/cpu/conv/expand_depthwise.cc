#include "ops/conv/expand_depthwise.h"

#include "cpu/conv/depthwise_sliding.h"
#include "cpu/conv/implicit_gemm.h"
#include "cpu/gemm/panel_tile.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

// A task is a band of output lines in a run of frames. The expanded lines that its window needs are in a ring buffer of
// as many frames as the window has taps. Lines between two bands are expanded twice.
struct Bands {
  int64_t lines, bands, frames, runs, expanded_lines, ring_floats;

  Bands(const Conv3dArgs& a, const Geometry& g) {
    constexpr int64_t kRingFloats = 160 << 10;  // 640 KiB of an L2 cache of 1 MiB
    const int64_t line_floats = g.W * a.out_channels;
    lines = (kRingFloats / (a.kernel[0] * line_floats) - a.kernel[1]) / a.stride[1] + 1;
    lines = max64(1, min64(lines, g.oH));
    bands = ceil_div(g.oH, lines);
    lines = ceil_div(g.oH, bands);
    frames = bands * g.N < 8 ? 8 : 32;
    runs = ceil_div(g.oT, frames);
    expanded_lines = (lines - 1) * a.stride[1] + a.kernel[1];
    ring_floats = a.kernel[0] * expanded_lines * line_floats;
  }
};

size_t expand_depthwise_workspace(const Call& call, int threads) {
  const Bands b{Conv3dArgs(call), Geometry(call)};
  return static_cast<size_t>(b.ring_floats * threads) * sizeof(float);
}

// relu(W1 x + b1) of `count` consecutive positions from x on, to dense rows.
void expand(const Call& call, const Geometry& g, const float* x, int64_t count, int64_t C, float* out) {
  constexpr int64_t kBlock = 2 * kTileRows;  // positions that reuse a panel in the L1 cache
  const Panels p{C, g.C};
  for (int64_t first = 0; first < count; first += kBlock) {
    const int64_t end = min64(first + kBlock, count);
    for (int64_t i = 0; i < p.count(); ++i) {
      for (int64_t m = first; m < end; m += kTileRows) {
        const float* rows[kTileRows];
        for (int r = 0; r < kTileRows; ++r) rows[r] = x + min64(m + r, count - 1) * g.sW;
        panel(PanelTile<float>{rows, 1, g.C, call.in[1].f32() + p.offset(i), p.width(i), p.used(i),
                               call.in[2].data ? call.in[2].f32() + p.first(i) : nullptr, nullptr,
                               out + m * C + p.first(i), 0, C, static_cast<int>(min64(kTileRows, end - m)), kRelu,
                               false});
      }
    }
  }
}

Status expand_depthwise(const Call& call) {
  const Conv3dArgs a(call);
  const Geometry g(call);
  if (!is_sliding(a)) return {"expand_depthwise: a window that depthwise_sliding.h does not have"};
  const int64_t C = a.out_channels;
  const Bands b(a, g);
  const Rows y(call.out[0]);

  call.pool->parallel_for(g.N * b.runs * b.bands, [&](int64_t task, int thread) {
    const int64_t band = task % b.bands, run = task / b.bands % b.runs, n = task / (b.bands * b.runs);
    const int64_t h0 = band * g.oH / b.bands, h1 = (band + 1) * g.oH / b.bands;
    const int64_t first_line = max64(0, h0 * a.stride[1] - a.low[1]);
    const int64_t last_line = min64(g.H, (h1 - 1) * a.stride[1] - a.low[1] + a.kernel[1]);
    float* ring = reinterpret_cast<float*>(call.workspace) + thread * b.ring_floats;
    const auto slot = [&](int64_t t) { return ring + t % a.kernel[0] * b.expanded_lines * g.W * C; };
    SlidingTile<float> tile;
    tile.input_stride = tile.channels = C;
    tile.bias = call.in[4].data ? call.in[4].f32() : nullptr;
    tile.activation = a.activation;
    tile.out_stride = y.stride, tile.residual_stride = 0;

    int64_t expanded = 0;  // frames below are expanded, or not needed
    for (int64_t t = run * b.frames; t < min64(g.oT, (run + 1) * b.frames); ++t) {
      const int64_t begin = t * a.stride[0] - a.low[0], end = min64(g.T, begin + a.kernel[0]);
      for (expanded = max64(expanded, begin); expanded < end; ++expanded) {
        const float* x = call.in[0].f32() + n * g.sN + expanded * g.sT + first_line * g.sH;
        expand(call, g, x, (last_line - first_line) * g.W, C, slot(expanded));
      }
      for (int64_t h = h0; h < h1; ++h) {
        const float* lines[kMaxLines];
        tile.lines = 0;
        for (int64_t kt = 0; kt < a.kernel[0]; ++kt) {
          for (int64_t kh = 0; kh < a.kernel[1]; ++kh) {
            const int64_t it = begin + kt, ih = h * a.stride[1] - a.low[1] + kh;
            if (it < 0 || it >= g.T || ih < 0 || ih >= g.H) continue;
            lines[tile.lines] = slot(it) + (ih - first_line) * g.W * C;
            tile.weight[tile.lines++] = call.in[3].f32() + (kt * a.kernel[1] + kh) * 3 * C;
          }
        }
        slide<float>(a, g, lines, y.data + ((n * g.oT + t) * g.oH + h) * g.oW * y.stride, nullptr, tile);
      }
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("expand_depthwise", expand_depthwise, expand_depthwise_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
