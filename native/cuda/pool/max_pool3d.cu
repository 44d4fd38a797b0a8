// y[n, t, h, w, c] = max of x over the window; NaN wins. Padding counts as -inf, or as 0 if it takes part.
//
// x [N, T, H, W, C] and y [N, T', H', W', C] are of T (f32, bf16 or f16); either may be a channel slice. Maxima are
// computed in f32 and are exact, so that both methods give the same bits. Direct: a thread computes up to 16 bytes of
// channels of one output from its whole window. Sliding, for 3 frames at stride 1 and 3 columns at stride 1 (the pool
// of every inception block): a thread computes 16 bytes of channels of two outputs that are neighbours along W, and
// slides along T. It takes the maximum over H of each of 4 columns, then over W, then over the last 3 frames, which it
// keeps in registers. This needs 6 loads per output instead of 27, and 8 maxima instead of 26. A block of 256 threads
// computes a tile of channels (64 bytes, two sectors), W and H; rows are shared through L1. x is read once and y is
// written once: bound by memory, and by L1 where windows overlap. 27 x 16 bytes per output exceed the rate of L1
// twofold; 6 x 16 do not.
#include "cuda/pool/window.h"
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector.h"
#include "cuda/primitives/vector_access.h"
#include "ops/pool/max_pool3d.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace max_pool3d_op {

constexpr int kThreads = 256;
constexpr int kTileBytes = 64;  // bytes of channels per tile; the least that memory serves at full rate
constexpr int kTileW = 16;      // most columns of threads
constexpr int kFrames = 8;      // over which a thread slides; it reads 2 more, and one clip still gives enough blocks

// The threads of a block along C (fastest), W and H, and the number of blocks along each.
struct Tile {
  int size[3], blocks[3];

  Tile(int columns, int most_columns, int w, int h) {
    const int sizes[] = {columns, w, h};
    int left = kThreads;
    const int most[] = {most_columns, kTileW, kThreads};
    for (int i = 0; i < 3; ++i) {
      size[i] = min(min(sizes[i], most[i]), left);
      left /= size[i];
      blocks[i] = (sizes[i] + size[i] - 1) / size[i];
    }
  }

  // Returns false beyond the tile.
  VC_DEVICE bool locate(int* column, int* w, int* h) const {
    const int thread = static_cast<int>(threadIdx.x), block = static_cast<int>(blockIdx.x);
    *column = block % blocks[0] * size[0] + thread % size[0];
    *w = block / blocks[0] % blocks[1] * size[1] + thread / size[0] % size[1];
    *h = block / blocks[0] / blocks[1] * size[2] + thread / size[0] / size[1];
    return thread < size[0] * size[1] * size[2];
  }
};

template <typename T>
struct MaxPoolArgs {
  Global<T> y;
  Global<const T> x;
  Pool pool;
  Tile tile;
};

VC_DEVICE float lowest() { return bits_to_float(0xff800000u); }  // -inf

template <int V>
VC_DEVICE void keep_max(float (&best)[V], const float (&v)[V]) {
#pragma unroll
  for (int i = 0; i < V; ++i) best[i] = max_nan(best[i], v[i]);
}

template <int V>
VC_DEVICE void fill(float (&v)[V], float value) {
#pragma unroll
  for (int i = 0; i < V; ++i) v[i] = value;
}

// The initial value of a maximum: 0 if the window reaches into padding that takes part, otherwise -inf.
VC_DEVICE float start_of(const Pool& pool, const Window& t, const Window& h, const Window& w) {
  const bool all = t.inside() == t.padded && h.inside() == h.padded && w.inside() == w.padded;
  return pool.padding_counts && !all ? 0.0f : lowest();
}

template <typename T, int V>
__global__ void __launch_bounds__(kThreads, 4) max_pool_kernel(MaxPoolArgs<T> a) {
  int column, ow, oh;
  const bool active = a.tile.locate(&column, &ow, &oh);
  const auto& [at, ah, aw] = a.pool.axis;
  if (!active || column * V >= a.pool.channels || ow >= aw.out || oh >= ah.out) return;
  const Window h(ah, oh), w(aw, ow);
  const auto c = static_cast<size_t>(column) * V;
  for (int64_t n = blockIdx.z; n < a.pool.clips; n += gridDim.z) {
    for (int ot = static_cast<int>(blockIdx.y); ot < at.out; ot += static_cast<int>(gridDim.y)) {
      const Window t(at, ot);
      float best[V];
      fill(best, start_of(a.pool, t, h, w));
      for (int it = t.begin; it < t.end; ++it) {
        for (int ih = h.begin; ih < h.end; ++ih) {
          const size_t row = pool_offset(a.pool.x, n, it, ih, 0) + c;
#pragma unroll 4
          for (int iw = w.begin; iw < w.end; ++iw) {
            float v[V];
            load_values(a.x, row + static_cast<size_t>(iw * a.pool.x[3]), v);
            keep_max(best, v);
          }
        }
      }
      store_values(a.y, pool_offset(a.pool.y, n, ot, oh, ow) + c, best);
    }
  }
}

// The maximum over the window in one frame, for two neighbouring outputs.
template <typename T, int V>
VC_DEVICE void frame_max(const MaxPoolArgs<T>& a, int64_t n, int it, const Window& h, int first_w, size_t c,
                         float (&best)[2][V]) {
  float columns[4][V];
#pragma unroll
  for (int j = 0; j < 4; ++j) fill(columns[j], lowest());
  for (int ih = h.begin; ih < h.end; ++ih) {
    const size_t row = pool_offset(a.pool.x, n, it, ih, 0) + c;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int iw = first_w + j;
      if (iw < 0 || iw >= a.pool.axis[2].in) continue;
      float v[V];
      load_values(a.x, row + static_cast<size_t>(iw * a.pool.x[3]), v);
      keep_max(columns[j], v);
    }
  }
  keep_max(columns[1], columns[2]);
  keep_max(columns[0], columns[1]);
  keep_max(columns[3], columns[1]);
#pragma unroll
  for (int i = 0; i < V; ++i) best[0][i] = columns[0][i], best[1][i] = columns[3][i];
}

// Maxima as values of T, which they are, so that they take few registers. Packed values have at least 4 bytes.
template <typename T, int V>
using Held = Packed<T, V * sizeof(T) < 4 ? 2 : V>;

template <int V, class Values>
VC_DEVICE void keep_held_max(float (&best)[V], const Values& held) {
#pragma unroll
  for (int i = 0; i < V; ++i) best[i] = max_nan(best[i], to_float(held[i]));
}

template <typename T, int V>
__global__ void __launch_bounds__(kThreads, 2) sliding_max_pool_kernel(MaxPoolArgs<T> a) {
  int column, pair, oh;
  const bool active = a.tile.locate(&column, &pair, &oh);
  const auto& [at, ah, aw] = a.pool.axis;
  const int ow = 2 * pair;
  if (!active || column * V >= a.pool.channels || ow >= aw.out || oh >= ah.out) return;
  const Window h(ah, oh);
  const auto c = static_cast<size_t>(column) * V;
  for (int64_t n = blockIdx.z; n < a.pool.clips; n += gridDim.z) {
    const int first = static_cast<int>(blockIdx.y) * kFrames, last = min(first + kFrames, at.out);
    Held<T, V> held[2][2];  // maxima of the previous two frames
#pragma unroll 1
    for (int it = first - at.low; it < last - at.low + 2; ++it) {
      float frame[2][V];
      if (it >= 0 && it < at.in) {
        frame_max(a, n, it, h, ow - aw.low, c, frame);
      } else {
        fill(frame[0], lowest());
        fill(frame[1], lowest());
      }
      const int ot = it + at.low - 2;  // the output whose last frame this is
#pragma unroll
      for (int k = 0; k < 2; ++k) {
        if (ot >= first && ow + k < aw.out) {
          float best[V];
          fill(best, start_of(a.pool, Window(at, ot), h, Window(aw, ow + k)));
          keep_held_max(best, held[0][k]);
          keep_held_max(best, held[1][k]);
          keep_max(best, frame[k]);
          store_values(a.y, pool_offset(a.pool.y, n, ot, oh, ow + k) + c, best);
        }
#pragma unroll
        for (int i = 0; i < V; ++i) held[0][k][i] = held[1][k][i], held[1][k][i] = from_float<T>(frame[k][i]);
      }
    }
  }
}

Status max_pool3d(const Call& call) {
  const Tensor& y = call.out[0];
  if (y.elements() == 0) return {};
  const MaxPool3dAttributes attrs(call);
  const Pool pool(attrs, attrs.zero_padding, call.in[0], y);
  const PoolAxis &t = pool.axis[0], &w = pool.axis[2];
  // A last window that the end of the padding cuts short is no exception: positions beyond the end are -inf.
  const bool slides = t.kernel == 3 && t.stride == 1 && w.kernel == 3 && w.stride == 1;
  const auto limit = [](int64_t n) { return n < 65535 ? n : 65535; };
  const int64_t frames = slides ? limit((int64_t{t.out} + kFrames - 1) / kFrames) : limit(t.out);
  if (slides && frames * kFrames < t.out) return {"max_pool3d: more frames than one launch can address"};
  const int width = widest_vector(call.in[0], pool.channels, widest_vector(y, pool.channels, 8));
  return for_float(y.dtype, [&](auto type) {
    using T = decltype(type);
    return for_width<T>(width, [&](auto width) -> Status {
      const int most_columns = max(1, kTileBytes / static_cast<int>(width * sizeof(T)));
      const Tile tile(pool.channels / width, most_columns, slides ? (w.out + 1) / 2 : w.out, pool.axis[1].out);
      const MaxPoolArgs<T> args{global<T>(y), global<const T>(call.in[0]), pool, tile};
      const int64_t blocks = int64_t{tile.blocks[0]} * tile.blocks[1] * tile.blocks[2];
      if (blocks > 0x7fffffff) return {"max_pool3d: more outputs than one launch can address"};
      const Grid grid{blocks, frames, limit(pool.clips)};
      return slides ? launch<sliding_max_pool_kernel<T, width>>(grid, kThreads, 0, call.stream, args)
                    : launch<max_pool_kernel<T, width>>(grid, kThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("max_pool3d", max_pool3d, no_workspace);

}  // namespace max_pool3d_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
