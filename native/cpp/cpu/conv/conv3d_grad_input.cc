#include "ops/conv/conv3d_grad_input.h"

#include <algorithm>

#include "cpu/gemm/gemm_tile.h"
#include "cpu/gemm/panels.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int64_t kZeroFloats = 4096;  // the row of zeros that padding points to; more channels are refused
const float kZeros[kZeroFloats] = {};
constexpr int64_t kMaxTaps = 343;   // taps of a depthwise window: 7x7x7
constexpr int64_t kBlockTiles = 8;  // tiles that reuse a weight panel while it is in the L2 cache

// The positions of dx whose coordinates have the same remainders modulo the strides. They use the same taps.
struct Phase {
  int64_t first[3], count[3], positions;

  Phase(const Conv3dGradInputArgs& a, const Tensor& dx, int64_t index) {
    positions = dx.shape[0];
    for (int i = 2; i >= 0; --i) {
      first[i] = index % a.stride[i], index /= a.stride[i];
      count[i] = ceil_div(max64(0, dx.shape[1 + i] - first[i]), a.stride[i]);
      positions *= count[i];
    }
  }
};

struct Place {
  int64_t n, at[3];
};

Place locate(const Conv3dGradInputArgs& a, const Phase& phase, int64_t m) {
  Place p;
  for (int i = 2; i >= 0; --i) p.at[i] = phase.first[i] + m % phase.count[i] * a.stride[i], m /= phase.count[i];
  p.n = m;
  return p;
}

// The index along an axis at which a tap at a position reads dy, or -1 if it reads no output.
inline int64_t source(const Conv3dGradInputArgs& a, const Tensor& dy, int axis, int64_t at, int64_t k) {
  const int64_t from = at + k - a.low[axis];
  if (from < 0 || from % a.stride[axis]) return -1;
  return from / a.stride[axis] < dy.shape[1 + axis] ? from / a.stride[axis] : -1;
}

// Row `r` of the pointers [taps][kTileRows] of a tile.
void tile_row(const Conv3dGradInputArgs& a, const Tensor& dy, const float* data, const Place& p, const float** row) {
  const int64_t* s = dy.strides;
  for (int64_t kt = 0; kt < a.kernel[0]; ++kt) {
    const int64_t t = source(a, dy, 0, p.at[0], kt);
    for (int64_t kh = 0; kh < a.kernel[1]; ++kh) {
      const int64_t h = source(a, dy, 1, p.at[1], kh);
      for (int64_t kw = 0; kw < a.kernel[2]; ++kw, row += kTileRows) {
        const int64_t w = t < 0 || h < 0 ? -1 : source(a, dy, 2, p.at[2], kw);
        *row = w < 0 ? kZeros : data + p.n * s[0] + t * s[1] + h * s[2] + w * s[3];
      }
    }
  }
}

bool is_depthwise(const Conv3dGradInputArgs& a, const Tensor& dy) {
  return a.groups > 1 && a.groups == a.in_channels && a.groups == dy.shape[4];
}

size_t workspace(const Call& call, int threads) {
  const Conv3dGradInputArgs a(call);
  if (is_depthwise(a, call.in[0])) return 0;
  return static_cast<size_t>(kBlockTiles * kTileRows * a.taps() * threads) * sizeof(float*);
}

// One group. The tasks are blocks of tiles of each phase, times chunks of the panels if there are few blocks.
void convolve(const Call& call, const Conv3dGradInputArgs& a, const float* data, const float* weight, float* out) {
  const Tensor &dy = call.in[0], &dx = call.out[0];
  const int64_t taps = a.taps(), unit = dy.shape[4] / a.groups, block = kBlockTiles * kTileRows;
  const int64_t phases = a.stride[0] * a.stride[1] * a.stride[2];
  const Panels p{a.in_channels / a.groups, taps * unit};
  const int64_t blocks = ceil_div(Phase(a, dx, 0).positions, block);  // no phase has more
  const int64_t chunks = min64(p.count(), ceil_div(16, max64(1, blocks * phases)));
  call.pool->parallel_for(phases * blocks * chunks, [&](int64_t task, int thread) {
    const int64_t chunk = task % chunks, first = task / chunks % blocks * block;
    const Phase phase(a, dx, task / chunks / blocks);
    if (first >= phase.positions) return;
    const int64_t rows_here = min64(block, phase.positions - first), tiles = ceil_div(rows_here, kTileRows);
    const float** rows = reinterpret_cast<const float**>(call.workspace) + thread * block * taps;
    float* to[kBlockTiles * kTileRows];
    for (int64_t m = 0; m < tiles * kTileRows; ++m) {
      const Place at = locate(a, phase, first + min64(m, rows_here - 1));
      tile_row(a, dy, data, at, rows + m / kTileRows * kTileRows * taps + m % kTileRows);
      to[m] =
          out + at.n * dx.strides[0] + at.at[0] * dx.strides[1] + at.at[1] * dx.strides[2] + at.at[2] * dx.strides[3];
    }
    // A tap of another phase, or one in the padding of all rows, adds nothing to the tile.
    for (int64_t i = 0; i < tiles * taps; ++i) {
      const float** row = rows + i * kTileRows;
      if (std::all_of(row, row + kTileRows, [](const float* x) { return x == kZeros; })) row[0] = nullptr;
    }
    for (int64_t i = p.count() * chunk / chunks; i < p.count() * (chunk + 1) / chunks; ++i) {
      const Epilogue e{nullptr, false, false, p.used(i)};
      for (int64_t tile = 0; tile < tiles; ++tile) {
        float* at[kTileRows];
        for (int r = 0; r < kTileRows; ++r) at[r] = to[tile * kTileRows + r] + p.first(i);
        gemm_panel(rows + tile * kTileRows * taps, taps, unit, weight + p.offset(i), p.width(i),
                   static_cast<int>(min64(kTileRows, rows_here - tile * kTileRows)), e, nullptr, at);
      }
    }
  });
}

// A lane is a channel; weight [taps][C]. The few taps that a position uses are determined once for all channels.
void depthwise(const Call& call, const Conv3dGradInputArgs& a) {
  const Tensor &dy = call.in[0], &dx = call.out[0];
  const int64_t C = a.in_channels, T = dx.shape[1], H = dx.shape[2], W = dx.shape[3];
  const float* weight = call.in[1].f32();
  call.pool->parallel_for(dx.shape[0] * T * H, [&](int64_t line, int) {
    const int64_t n = line / (T * H), t = line / H % T, h = line % H;
    const float* clip = dy.f32() + n * dy.strides[0];
    float* out = dx.f32() + n * dx.strides[0] + t * dx.strides[1] + h * dx.strides[2];
    const float *rows[kMaxTaps], *taps[kMaxTaps];
    for (int64_t w = 0; w < W; ++w, out += dx.strides[3]) {
      int count = 0;
      for (int64_t kt = 0; kt < a.kernel[0]; ++kt) {
        const int64_t ot = source(a, dy, 0, t, kt);
        if (ot < 0) continue;
        for (int64_t kh = 0; kh < a.kernel[1]; ++kh) {
          const int64_t oh = source(a, dy, 1, h, kh);
          if (oh < 0) continue;
          for (int64_t kw = 0; kw < a.kernel[2]; ++kw) {
            const int64_t ow = source(a, dy, 2, w, kw);
            if (ow < 0) continue;
            rows[count] = clip + ot * dy.strides[1] + oh * dy.strides[2] + ow * dy.strides[3];
            taps[count++] = weight + ((kt * a.kernel[1] + kh) * a.kernel[2] + kw) * C;
          }
        }
      }
      for (int64_t c = 0; c < C; c += kLanes) {
        Vec sum = {};
        for (int i = 0; i < count; ++i) sum += load_some(rows[i] + c, C - c) * load_some(taps[i] + c, C - c);
        store_some(out + c, sum, C - c);
      }
    }
  });
}

Status conv3d_grad_input(const Call& call) {
  const Conv3dGradInputArgs a(call);
  const Tensor& dy = call.in[0];
  const int64_t unit = dy.shape[4] / a.groups;
  if (call.out[0].elements() == 0) return {};
  if (is_depthwise(a, dy)) {
    if (a.taps() > kMaxTaps) return {"conv3d_grad_input: a depthwise window of more than 343 taps"};
    depthwise(call, a);
    return {};
  }
  if (unit > kZeroFloats) return {"conv3d_grad_input: more than 4096 output channels per group"};
  const Panels panels{a.in_channels / a.groups, a.taps() * unit};
  for (int64_t g = 0; g < a.groups; ++g) {
    convolve(call, a, dy.f32() + g * unit, call.in[1].f32() + g * panels.size(),
             call.out[0].f32() + g * panels.columns);
  }
  return {};
}

VIDEOCLIP_KERNEL("conv3d_grad_input", conv3d_grad_input, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
