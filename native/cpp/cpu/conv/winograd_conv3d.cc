// A block of tiles goes through three steps while its values are in the L2 cache: the input transform to V
// [points][tiles][channels]; then, for each panel of output channels, one matrix product per point into M
// [points][tiles][width], and the output transform with bias, residual and activation. Tiles are at fixed positions of
// a clip, so that a result depends neither on the batch nor on the grouping of tiles.
#include "ops/conv/winograd_conv3d.h"

#include "cpu/elementwise/activation.h"
#include "cpu/gemm/gemm_tile.h"
#include "cpu/gemm/panels.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int P = Winograd::kPoints, O = Winograd::kOutputs;
constexpr int64_t kZeroFloats = 4096;  // the row of zeros that padding points to
const float kZeros[kZeroFloats] = {};
constexpr int64_t kBlockBytes = 600 << 10;  // V and M of a block take most of a 1 MiB L2 cache; weights use the rest
constexpr int64_t kMaxTiles = 16 * kTileRows;

constexpr float a = Winograd::kA, b = Winograd::kB, a2 = a * a, b2 = b * b;

// v = Bt d along one axis. The elements of d are `from` vectors apart, those of v `to` vectors.
inline void input_transform(const Vec* d, int from, Vec* v, int to) {
  const Vec d1 = d[from], d2 = d[2 * from], d3 = d[3 * from], d4 = d[4 * from];
  const Vec even_a = d4 - b2 * d2, odd_a = a * (d3 - b2 * d1);
  const Vec even_b = d4 - a2 * d2, odd_b = b * (d3 - a2 * d1);
  v[0] = d4 - (a2 + b2) * d2 + (a2 * b2) * d[0];
  v[to] = even_a + odd_a;
  v[2 * to] = even_a - odd_a;
  v[3 * to] = even_b + odd_b;
  v[4 * to] = even_b - odd_b;
  v[5 * to] = d[5 * from] - (a2 + b2) * d3 + (a2 * b2) * d1;
}

// y = At m along one axis, with the same distances.
inline void output_transform(const Vec* m, int from, Vec* y, int to) {
  const Vec sum_a = m[from] + m[2 * from], odd_a = m[from] - m[2 * from];
  const Vec sum_b = m[3 * from] + m[4 * from], odd_b = m[3 * from] - m[4 * from];
  y[0] = m[0] + sum_a + sum_b;
  y[to] = a * odd_a + b * odd_b;
  y[2 * to] = a2 * sum_a + b2 * sum_b;
  y[3 * to] = (a2 * a) * odd_a + (b2 * b) * odd_b + m[5 * from];
}

struct Problem {
  bool spatial;
  int64_t points;        // per tile
  int64_t stepT, stepS;  // distances of tiles in frames and pixels
  int64_t N, T, H, W, C, sN, sT, sH, sW;
  int64_t oT, oH, oW, tT, tH, tW;  // outputs, tiles
  int64_t low_t, low_h, low_w;
  int64_t tiles, padded;  // padded: channels rounded up to vectors
  Panels panels;

  explicit Problem(const Call& call) : panels{call.out[0].shape[4], 0} {
    const Conv3dArgs args(call);
    const Tensor &x = call.in[0], &y = call.out[0];
    spatial = args.kernel[0] == 1;
    points = spatial ? P * P : P;
    stepT = spatial ? 1 : O;
    stepS = spatial ? O : 1;
    N = x.shape[0], T = x.shape[1], H = x.shape[2], W = x.shape[3], C = x.shape[4];
    sN = x.strides[0], sT = x.strides[1], sH = x.strides[2], sW = x.strides[3];
    oT = y.shape[1], oH = y.shape[2], oW = y.shape[3];
    tT = spatial ? oT : ceil_div(oT, O);
    tH = spatial ? ceil_div(oH, O) : oH;
    tW = spatial ? ceil_div(oW, O) : oW;
    low_t = args.low[0], low_h = args.low[1], low_w = args.low[2];
    tiles = N * tT * tH * tW;
    padded = ceil_div(C, kLanes) * kLanes;
    panels.depth = points * C;
  }

  // The tiles per block: as many as fit the cache, with the same number of blocks for every thread if there are few.
  int64_t block_tiles(int threads) const {
    const int64_t fit = kBlockBytes / (points * 4 * (padded + kPanel)) / kTileRows * kTileRows;
    const int64_t most = max64(kTileRows, min64(fit, kMaxTiles));
    const int64_t blocks = ceil_div(ceil_div(tiles, most), threads) * threads;
    return ceil_div(ceil_div(tiles, blocks), kTileRows) * kTileRows;
  }
  int64_t v_floats(int64_t block) const { return points * block * padded; }
  int64_t m_floats(int64_t block) const { return points * block * kPanel; }
};

struct Output {
  const Tensor &y, &residual;
  const float* bias;
  int64_t activation;
  bool streams;
};

// The first output of a tile.
struct Place {
  int64_t n, t, h, w;

  Place(const Problem& p, int64_t tile) {
    w = tile % p.tW * p.stepS, tile /= p.tW;
    h = tile % p.tH * p.stepS, tile /= p.tH;
    t = tile % p.tT * p.stepT;
    n = tile / p.tT;
  }
  void next(const Problem& p) {
    if ((w += p.stepS) < p.oW) return;
    w = 0;
    if ((h += p.stepS) < p.oH) return;
    h = 0;
    if ((t += p.stepT) < p.oT) return;
    t = 0, ++n;
  }
};

template <typename T>
inline T* row_of(const Tensor& y, int64_t n, int64_t t, int64_t h, int64_t w) {
  return values<T>(y) + n * y.strides[0] + t * y.strides[1] + h * y.strides[2] + w * y.strides[3];
}

// The steps of a tile whose inputs and outputs are of type T.
template <typename T, bool kSpatial>
struct Tile {
  static constexpr int kPoints = kSpatial ? P * P : P, kOutputs = kSpatial ? O * O : O;

  // The row of a tile in V, in all points.
  static void transform(const Problem& p, const Tensor& x, const Place& at, float* v, int64_t v_point) {
    const T* in[kPoints];
    for (int e = 0; e < kPoints; ++e) {
      const int64_t t = at.t - p.low_t + (kSpatial ? 0 : e);
      const int64_t h = at.h - p.low_h + (kSpatial ? e / P : 0), w = at.w - p.low_w + (kSpatial ? e % P : 0);
      const bool inside = t >= 0 && t < p.T && h >= 0 && h < p.H && w >= 0 && w < p.W;
      in[e] = inside ? row_of<T>(x, at.n, t, h, w) : reinterpret_cast<const T*>(kZeros);
    }
    for (int64_t c = 0; c < p.C; c += kLanes) {
      const int64_t count = p.C - c;
      Vec d[P], out[P], half[kPoints];
      for (int i = 0; i < kPoints / P; ++i) {
#pragma GCC unroll 6
        for (int e = 0; e < P; ++e) d[e] = load_some(in[i * P + e] + c, count);
        input_transform(d, 1, half + i * P, 1);
      }
      for (int i = 0; kSpatial && i < P; ++i) {
        input_transform(half + i, P, out, 1);
#pragma GCC unroll 6
        for (int e = 0; e < P; ++e) store(v + (e * P + i) * v_point + c, out[e]);
      }
#pragma GCC unroll 6
      for (int e = 0; !kSpatial && e < P; ++e) store(v + e * v_point + c, half[e]);
    }
  }

  // The rows of a tile's outputs in a view, from column `column` on; null outside the clip.
  static void outputs(const Problem& p, const Tensor& y, const Place& at, int64_t column, T** rows) {
    for (int e = 0; e < kOutputs; ++e) {
      const int64_t t = at.t + (kSpatial ? 0 : e), h = at.h + (kSpatial ? e / O : 0), w = at.w + (kSpatial ? e % O : 0);
      const bool inside = y.data && t < p.oT && h < p.oH && w < p.oW;
      rows[e] = inside ? row_of<T>(y, at.n, t, h, w) + column : nullptr;
    }
  }

  // The outputs of a tile in the columns of one panel, from its rows of M.
  static void finish(const Problem& p, const Output& o, const Place& at, int64_t panel, const float* m,
                     int64_t m_point) {
    const int64_t column = p.panels.first(panel), used = p.panels.used(panel);
    T *rows[kOutputs], *residual[kOutputs];
    outputs(p, o.y, at, column, rows);
    outputs(p, o.residual, at, column, residual);
    for (int64_t c = 0; c < used; c += kLanes) {
      Vec in[P], out[O], half[kSpatial ? P * O : 1];
      for (int i = 0; kSpatial && i < P; ++i) {
#pragma GCC unroll 6
        for (int e = 0; e < P; ++e) in[e] = load(m + (i * P + e) * m_point + c);
        output_transform(in, 1, half + i * O, 1);
      }
      for (int i = 0; i < kOutputs / O; ++i) {
        if (kSpatial) {
          output_transform(half + i, O, out, 1);  // column i of the tile
        } else {
#pragma GCC unroll 6
          for (int e = 0; e < P; ++e) in[e] = load(m + e * m_point + c);
          output_transform(in, 1, out, 1);
        }
        for (int e = 0; e < O; ++e) {
          const int64_t row = kSpatial ? e * O + i : e;
          if (!rows[row]) continue;
          const int64_t n = used - c;
          Vec y = out[e];
          if (o.bias) y += load_some(o.bias + column + c, n);
          if (residual[row]) y += load_some(residual[row] + c, n);
          y = activated(o.activation, y);
          if (o.streams && n >= kLanes) {
            stream(rows[row] + c, y);
          } else {
            store_some(rows[row] + c, y, n);
          }
        }
      }
    }
  }
};

size_t workspace(const Call& call, int threads) {
  const Problem p(call);
  const int64_t block = p.block_tiles(threads);
  return static_cast<size_t>((p.v_floats(block) + p.m_floats(block)) * 4 * threads);
}

template <typename T, bool kSpatial>
void convolve(const Call& call, const Problem& p) {
  using Step = Tile<T, kSpatial>;
  const int64_t activation = Conv3dArgs(call).activation;
  const Output o{call.out[0], call.in[3], call.in[2].data ? call.in[2].f32() : nullptr, activation,
                 streams(call.out[0])};
  const int threads = call.pool->threads();
  const int64_t block = p.block_tiles(threads), blocks = ceil_div(p.tiles, block), count = p.panels.count();
  // If there are fewer blocks than threads, the panels are divided too, and each chunk of them transforms the input
  // again.
  const int64_t chunks = blocks < threads ? min64(count, ceil_div(threads, blocks)) : 1;

  call.pool->parallel_for(blocks * chunks, [&](int64_t task, int thread) {
    const int64_t first = task / chunks * block, chunk = task % chunks;
    const int64_t here = min64(block, p.tiles - first), groups = ceil_div(here, kTileRows);
    float* v = reinterpret_cast<float*>(call.workspace) + thread * (p.v_floats(block) + p.m_floats(block));
    float* m = v + p.v_floats(block);
    const int64_t v_point = block * p.padded;
    const Place begin(p, first);
    Place at = begin;
    for (int64_t i = 0; i < here; ++i, at.next(p)) Step::transform(p, call.in[0], at, v + i * p.padded, v_point);

    for (int64_t panel = chunk * count / chunks; panel < (chunk + 1) * count / chunks; ++panel) {
      const int64_t width = p.panels.width(panel), m_point = groups * kTileRows * width;
      const float* weight = call.in[1].f32() + p.panels.offset(panel);
      for (int64_t e = 0; e < p.points; ++e, weight += p.C * width) {
        for (int64_t g = 0; g < groups; ++g) {
          const float* rows[kTileRows];
          for (int r = 0; r < kTileRows; ++r) {
            rows[r] = v + e * v_point + min64(g * kTileRows + r, here - 1) * p.padded;
          }
          float* out = m + e * m_point + g * kTileRows * width;
          if (width == kPanel) {
            gemm_tile<2>(rows, 1, p.C, weight, out);
          } else {
            gemm_tile<1>(rows, 1, p.C, weight, out);
          }
        }
      }
      at = begin;
      for (int64_t i = 0; i < here; ++i, at.next(p)) Step::finish(p, o, at, panel, m + i * width, m_point);
    }
    if (o.streams) stream_end();
  });
}

Status winograd_conv3d(const Call& call) {
  const Problem p(call);
  if (p.C > kZeroFloats) return {"winograd_conv3d: more than 4096 input channels"};
  for_storage(call.in[0], [&](auto zero) {
    using T = decltype(zero);
    p.spatial ? convolve<T, true>(call, p) : convolve<T, false>(call, p);
  });
  return {};
}

VIDEOCLIP_KERNEL("winograd_conv3d", winograd_conv3d, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
