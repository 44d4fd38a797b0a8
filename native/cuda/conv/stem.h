#pragma once
// The first convolution of a video network on tensor cores: 1x7x7 (S3D) or 1x3x3 (X3D), stride 1x2x2, 3 input channels.
//
// x is [N, T, H, W, 3], with contiguous lines of W * 3 values; weight is [Cout, kH, kW, 3]; bias, residual and outputs
// are those of conv3d.cu. Values are stored as bf16 or f16 and summed in f32.
//
// With 3 channels, a line of a window (kW * 3 values) may begin at any address, and the main loop of conv3d would
// gather it value by value. Here, a block copies the input lines of its 128 positions of a frame to shared memory, 16
// bytes at a time (8 or 4 if lines are not a multiple of 16), with zeros for the padding, and makes the fragments of A
// from there. K is the window line by line. Each line is padded to whole steps of 8, so that the pairs of a fragment do
// not cross lines. Pairs begin at even values; if the padding is odd, they begin one value before the window. The
// values of a pair outside the window are masked. The weights stay in shared memory, in the same order, for kBlockTiles
// tiles.
//
// The products read shared memory without bank conflicts: neighbouring positions are 3 words apart, the next line of
// positions continues in the banks that follow, and rows of weights are an odd number of 16-byte chunks. A copied line
// accesses at most one extra sector at each end. A tile has 128 positions x 64 or 32 outputs for 4 warps of 32
// positions. It takes 20 to 56 KB, and its registers allow 3 blocks per SM (64 outputs of 1x7x7: 2 on sm_80, because of
// shared memory). x is read about twice (the lines that two tiles share come from L2); y is written once. Bound by
// shared memory: a tile of 1x7x7 x 64 takes 352 wavefronts for A, 704 for B and 512 for the outputs.
#include "cuda/conv/conv_gemm.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace stem {

constexpr int kChannels = 3, kStride = 2, kThreads = 128, kBlockTiles = 8;
constexpr int kStepWords = kStride * kChannels / 2;  // words from one position to the next
constexpr int64_t kMaxShared = 99 * 1024;            // per block on sm_86 and sm_89

// 4 warps of 32 rows, each with all columns. The tile has no stages.
template <int kColumns>
using StemTile = gemm::Tile<128, kColumns, 32, kColumns, 3, 3>;

// K consists of kKernel lines of kGroups times 8 values.
template <int kKernel>
struct Depth {
  static constexpr int kGroups = (kKernel * kChannels + 1 + 7) / 8;
  static constexpr int kSteps = (kKernel * kGroups + 1) / 2;  // steps of mma.m16n8k16
  static constexpr int kRow = (2 * kSteps + 1) * 8;           // values per row of weights: an odd number of chunks
};

template <typename T>
struct Arguments {
  Global<const T> x, weight;
  gemm::Destination<T> out;
  int64_t clip_stride, frame_stride, line_stride;
  int H, W, low_h, low_w;
  int frame_tiles, frame_positions, tiles;
  int left;             // values of a staged line before the first value of x
  int line;             // values of a staged line
  int group;            // values from one pair of staged lines to the next
  uint32_t weights_at;  // bytes
  FastDivmod out_w, out_t, by_tiles, chunks;
  int stride_t;
};

// The bits that a lane keeps of the pairs of the first and of the last group of a window's line.
struct Masks {
  uint32_t first, last;
};

template <int kKernel>
VC_DEVICE Masks masks(int lead) {
  const int end = kKernel * kChannels + lead - (Depth<kKernel>::kGroups - 1) * 8 - lane_id() % 4 * 2;
  return {lead && lane_id() % 4 == 0 ? 0xffff0000u : ~0u, end >= 2 ? ~0u : end == 1 ? 0xffffu : 0u};
}

// Loads the weights of the block's columns in the order of K, with zeros outside the window.
template <typename T, int kKernel, int kColumns>
VC_DEVICE void load_weights(const Arguments<T>& p, Shared<T> weights, int n0) {
  using D = Depth<kKernel>;
  constexpr int kLine = kKernel * kChannels, kWindow = kKernel * kLine;
  const int thread = static_cast<int>(threadIdx.x), lead = p.low_w % 2;
  const T zero = from_float<T>(0.0f);
  for (int i = thread * 8; i < kColumns * D::kRow; i += kThreads * 8) {
    weights.template store_packed<8>(static_cast<uint32_t>(i), {{zero, zero, zero, zero, zero, zero, zero, zero}});
  }
  sync_threads();
  const int count = min(kColumns, p.out.columns - n0) * kWindow;
#pragma unroll 4
  for (int i = thread; i < count; i += kThreads) {
    const int o = i / kWindow, h = i % kWindow / kLine, j = i % kLine + lead;
    weights.store(static_cast<uint32_t>(o * D::kRow + h * D::kGroups * 8 + j),
                  p.weight.load(static_cast<size_t>(n0 * kWindow + i)));
  }
}

// The offset of line `line` in shared memory. Lines that the same tap reads at neighbouring positions are `group`
// values apart.
template <typename T>
VC_DEVICE int line_at(const Arguments<T>& p, int line) {
  return line / kStride * p.group + line % kStride * p.line;
}

// Copies `count` input lines from `first` on, V values at a time. Lines in the padding become zeros.
template <int V, typename T>
VC_DEVICE void load_lines(const Arguments<T>& p, Shared<T> lines, int64_t frame, int first, int count) {
  const int chunks = p.line / V;
  for (int i = static_cast<int>(threadIdx.x); i < count * chunks; i += kThreads) {
    int chunk;
    const int line = p.chunks.divide(i, &chunk), h = first + line, at = chunk * V - p.left;
    const bool inside = h >= 0 && h < p.H && at >= 0 && at < p.W * kChannels;
    cp_async<V* static_cast<int>(sizeof(T))>(lines, static_cast<uint32_t>(line_at(p, line) + chunk * V), p.x,
                                             inside ? static_cast<size_t>(frame + h * p.line_stride + at) : 0, inside);
  }
  cp_async_commit();
}

// Makes the fragments of A of one step. `base` has the offsets of the lane's rows, in values.
template <int kKernel, typename T, int kI>
VC_DEVICE void load_a(const Arguments<T>& p, Shared<T> lines, const int (&base)[kI][2], const Masks& mask, int step,
                      uint32_t (&a)[kI][4]) {
  using D = Depth<kKernel>;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int group = step * 2 + half, h = group / D::kGroups, j = group % D::kGroups;
    const int offset = line_at(p, h) + j * 8 + lane_id() % 4 * 2;
#pragma unroll
    for (int i = 0; i < kI; ++i) {
#pragma unroll
      for (int row = 0; row < 2; ++row) {
        uint32_t word = 0;
        if (h < kKernel) {
          const Packed<T, 2> pair = lines.template load_packed<2>(static_cast<uint32_t>(base[i][row] + offset));
          word = pair[0].bits | static_cast<uint32_t>(pair[1].bits) << 16;
          if (j == 0) word &= mask.first;
          if (j == D::kGroups - 1) word &= mask.last;
        }
        a[i][half * 2 + row] = word;
      }
    }
  }
}

template <typename T, int kKernel, int kColumns, int V>
__global__ void __launch_bounds__(kThreads, 3) stem_kernel(Arguments<T> p) {
  using Tile = StemTile<kColumns>;
  using D = Depth<kKernel>;
  const int lane = lane_id(), n0 = static_cast<int>(blockIdx.y) * kColumns;
  const Shared<T> lines = shared_array<T>(0, p.weights_at / sizeof(T));
  const Shared<T> weights = shared_array<T>(p.weights_at, kColumns * D::kRow);
  const int lead = p.low_w % 2;
  const Masks mask = masks<kKernel>(lead);
  load_weights<T, kKernel, kColumns>(p, weights, n0);

#pragma unroll 1
  for (int i = 0; i < kBlockTiles; ++i) {
    const int index = static_cast<int>(blockIdx.x) * kBlockTiles + i;
    if (index >= p.tiles) return;
    int tile, t;
    const int frame = p.by_tiles.divide(index, &tile), n = p.out_t.divide(frame, &t), m0 = tile * Tile::kM;
    const int last = min(m0 + Tile::kM, p.frame_positions) - 1;
    const int line0 = p.out_w.divide(m0), out_lines = p.out_w.divide(last) - line0 + 1;
    // The lines overwrite the outputs of the previous tile.
    sync_threads();
    load_lines<V>(p, lines, n * p.clip_stride + t * p.stride_t * p.frame_stride, line0 * kStride - p.low_h,
                  (out_lines - 1) * kStride + kKernel);

    // Compute the offsets of the lane's rows while the copies are in flight.
    gemm::TensorCores<T, Tile> math;
    int base[math.kI][2];
#pragma unroll
    for (int f = 0; f < math.kI; ++f) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        int w;
        const int m = min(m0 + math.warp_row() + f * 16 + half * 8 + lane / 4, last);
        const int line = p.out_w.divide(m, &w) - line0;
        base[f][half] = line * p.group + p.left + w * kStride * kChannels - p.low_w * kChannels - lead;
      }
    }
    cp_async_wait<0>();
    sync_threads();
    // Multiply the tile.
#pragma unroll
    for (int step = 0; step < D::kSteps; ++step) {
      uint32_t a[math.kI][4], b[math.kJ][2];
      load_a<kKernel>(p, lines, base, mask, step, a);
#pragma unroll
      for (int j = 0; j < math.kJ; j += 2) {
        const int row = j * 8 + lane / 16 * 8 + lane % 8;
        uint32_t both[4];
        ldmatrix_x4(both, weights, static_cast<uint32_t>(row * D::kRow + (step * 2 + lane / 8 % 2) * 8));
        b[j][0] = both[0], b[j][1] = both[1], b[j + 1][0] = both[2], b[j + 1][1] = both[3];
      }
      math.multiply(a, b);
    }
    // The outputs overwrite the lines.
    sync_threads();
    const int first = frame * p.frame_positions;
    gemm::finish<Tile, false, false>(math, p.out, {}, {first + m0, first + last + 1, 0, 0}, n0, 0);
  }
}

template <typename T, int kKernel, int kColumns, int V>
Status start(Arguments<T> p, Stream stream) {
  p.chunks = FastDivmod(p.line / V);
  const size_t shared = p.weights_at + size_t{kColumns * Depth<kKernel>::kRow} * sizeof(T);
  const Grid grid{(p.tiles + kBlockTiles - 1) / kBlockTiles, (p.out.columns + kColumns - 1) / kColumns};
  return launch<stem_kernel<T, kKernel, kColumns, V>>(grid, kThreads, shared, stream, p);
}

// Lays out the lines of x that one tile needs at most. Returns false if they do not fit in shared memory.
template <typename T, int kKernel, int kColumns>
bool lay_out(Arguments<T>& p, int out_w, int out_h) {
  const int before = p.low_w * kChannels + p.low_w % 2;
  // values after the first value of a line of x
  const int reach = (out_w - 1) * kStride * kChannels - before + Depth<kKernel>::kGroups * 8;
  p.left = (before + 7) / 8 * 8;
  p.line = p.left + (max(reach, p.W * kChannels) + 7) / 8 * 8;
  // The next line of positions continues 1 to 7 words after the last position of this one, in banks that 8 rows leave
  // free.
  p.group = kStride * p.line;
  const auto gap = [&] { return (p.group / 2 - kStepWords * out_w) % 32; };
  while (((gap() + 32) % 32) < 1 || ((gap() + 32) % 32) > 7) p.group += 8;
  const int out_lines = min(out_h, (out_w + StemTile<kColumns>::kM - 2) / out_w + 1);
  const int64_t lines = (int64_t{out_lines} - 1) * kStride + kKernel;
  const int64_t staged = ((lines + kStride - 1) / kStride) * p.group * static_cast<int64_t>(sizeof(T));
  const int64_t outputs = (StemTile<kColumns>::kM + 1) * kColumns * static_cast<int64_t>(sizeof(float));
  const int64_t weights_at = (max(staged, outputs) + 15) / 16 * 16;
  p.weights_at = static_cast<uint32_t>(weights_at);
  return weights_at + kColumns * Depth<kKernel>::kRow * static_cast<int64_t>(sizeof(T)) <= kMaxShared;
}

template <typename T, int kKernel, int kColumns>
bool run(Arguments<T> p, const Tensor& y, int vector, Stream stream, Status* status) {
  if (!lay_out<T, kKernel, kColumns>(p, static_cast<int>(y.shape[3]), static_cast<int>(y.shape[2]))) return false;
  p.frame_tiles = (p.frame_positions + StemTile<kColumns>::kM - 1) / StemTile<kColumns>::kM;
  const int64_t tiles = y.shape[0] * y.shape[1] * p.frame_tiles;
  p.tiles = static_cast<int>(tiles);
  p.by_tiles = FastDivmod(p.frame_tiles);
  *status = vector == 8   ? start<T, kKernel, kColumns, 8>(p, stream)
            : vector == 4 ? start<T, kKernel, kColumns, 4>(p, stream)
                          : start<T, kKernel, kColumns, 2>(p, stream);
  return true;
}

inline bool has_form(const Call& call, const Conv3dArgs& a) {
  const Tensor& x = call.in[0];
  return a.groups == 1 && a.split.count == 1 && !call.in[4] && x.shape[4] == kChannels && x.strides[3] == kChannels &&
         a.kernel[0] == 1 && a.low[0] == 0 && a.high[0] == 0 && a.kernel[1] == a.kernel[2] &&
         (a.kernel[1] == 3 || a.kernel[1] == 7) && a.stride[1] == kStride && a.stride[2] == kStride;
}

}  // namespace stem

// Runs the convolution if this kernel supports it; otherwise returns false. Needs at least one output.
template <typename T>
bool convolve_stem(const Call& call, const Conv3dArgs& a, Status* status) {
  const Tensor &x = call.in[0], &y = call.out[0];
  const int64_t rows = y.elements() / y.shape[4];
  Tensor lines = x;  // [N, T, H, W * 3]
  lines.rank = 4, lines.shape[3] = x.shape[3] * x.shape[4], lines.strides[3] = 1;
  const int vector = widest_vector(lines, lines.shape[3], 8);
  if (!stem::has_form(call, a) || vector < 2 || rows > 0x7fffffff) return false;
  stem::Arguments<T> p = {};
  p.x = global<const T>(x), p.weight = global<const T>(call.in[1]);
  p.out = destination<T>(call, a, static_cast<int>(rows), 0, 1, 0);
  p.clip_stride = x.strides[0], p.frame_stride = x.strides[1], p.line_stride = x.strides[2];
  p.H = static_cast<int>(x.shape[2]), p.W = static_cast<int>(x.shape[3]);
  p.low_h = static_cast<int>(a.low[1]), p.low_w = static_cast<int>(a.low[2]);
  p.stride_t = static_cast<int>(a.stride[0]);
  p.frame_positions = static_cast<int>(y.shape[2] * y.shape[3]);
  p.out_w = FastDivmod(y.shape[3]), p.out_t = FastDivmod(y.shape[1]);
  const bool narrow = y.shape[4] <= 32;
  if (a.kernel[1] == 7) {
    return narrow ? stem::run<T, 7, 32>(p, y, vector, call.stream, status)
                  : stem::run<T, 7, 64>(p, y, vector, call.stream, status);
  }
  return narrow ? stem::run<T, 3, 32>(p, y, vector, call.stream, status)
                : stem::run<T, 3, 64>(p, y, vector, call.stream, status);
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
