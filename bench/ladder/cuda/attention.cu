// Attention with CUDA, from three plain kernels to the package's one.
//
// y[i, h] = sum_j softmax_j(q[i, h] . k[j, h] / sqrt(64)) v[j, h] for every head h; q, k, v and y are
// [length, heads, 64], f16, length a multiple of 64; scores, maxima and sums are f32. FLOP: 4 length^2 64 per head.
#include "ladder.h"
#include "tile_product.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace ladder {
inline namespace attention_ladder {

constexpr int kSize = 64;  // channels of a head
constexpr float kScale = 0.125f, kLog2E = 1.4426950408889634f;
constexpr float kInfinity = __builtin_huge_valf();

struct Arguments {
  Global<const f16> q, k, v;
  Global<f16> y;
  Global<float> scores;  // [heads, length, length], of step 1
  int length, heads;

  VC_DEVICE size_t at(int position, int head) const {
    return (static_cast<size_t>(position) * static_cast<size_t>(heads) + static_cast<size_t>(head)) * kSize;
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Step 1: plain. One kernel makes all scores, a thread each; one makes the softmax of each row, a warp each; one makes
// the weighted sums, a thread each. The scores go to device memory and back three times.
__global__ void plain_scores(Arguments p) {
  const size_t thread = size_t{blockIdx.x} * kThreads + threadIdx.x;
  const auto length = static_cast<size_t>(p.length);
  const int j = static_cast<int>(thread % length), i = static_cast<int>(thread / length % length);
  const int head = static_cast<int>(thread / length / length);
  float sum = 0;
  for (size_t c = 0; c < kSize; ++c) {
    sum = fma(to_float(p.q.load(p.at(i, head) + c)), to_float(p.k.load(p.at(j, head) + c)), sum);
  }
  p.scores.store(thread, sum * kScale);
}

__global__ void plain_softmax(Arguments p) {
  const auto length = static_cast<size_t>(p.length), first = static_cast<size_t>(lane_id());
  const size_t row = (size_t{blockIdx.x} * (kThreads / kWarpSize) + static_cast<size_t>(warp_id())) * length;
  float row_max = -kInfinity, sum = 0;
  for (size_t j = first; j < length; j += kWarpSize) row_max = max(row_max, p.scores.load(row + j));
  row_max = warp_max(row_max);
  for (size_t j = first; j < length; j += kWarpSize) sum += exp_approx(p.scores.load(row + j) - row_max);
  sum = warp_sum(sum);
  for (size_t j = first; j < length; j += kWarpSize) {
    p.scores.store(row + j, exp_approx(p.scores.load(row + j) - row_max) / sum);
  }
}

__global__ void plain_values(Arguments p) {
  const size_t thread = size_t{blockIdx.x} * kThreads + threadIdx.x;
  const auto length = static_cast<size_t>(p.length);
  const size_t c = thread % kSize, i = thread / kSize % length, head = thread / kSize / length;
  float sum = 0;
  for (int j = 0; j < p.length; ++j) {
    const float weight = p.scores.load((head * length + i) * length + static_cast<size_t>(j));
    sum = fma(weight, to_float(p.v.load(p.at(j, static_cast<int>(head)) + c)), sum);
  }
  p.y.store(p.at(static_cast<int>(i), static_cast<int>(head)) + c, from_float<f16>(sum));
}

// ---------------------------------------------------------------------------------------------------------------------
// Step 2: tiles of keys in shared memory and an online softmax, in one kernel. A block has 64 queries, a thread one of
// them: its q and its sums stay in registers. The 64 threads share every load of k and v. The maximum and sum of a row
// are carried from key to key (Milakov and Gimelshein 2018), so scores are never stored.
constexpr int kQueries = 64, kKeys = 32;

__global__ void __launch_bounds__(kQueries) shared_tiles(Arguments p) {
  const Shared<f16> k_tile = shared_array<f16>(0, kKeys * kSize);
  const Shared<f16> v_tile = shared_array<f16>(kKeys * kSize * sizeof(f16), kKeys * kSize);
  const auto block = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const int tiles = p.length / kQueries, head = block / tiles, query = block % tiles * kQueries + thread;
  float q[kSize], o[kSize] = {}, row_max = -kInfinity, sum = 0;
#pragma unroll
  for (int c = 0; c < kSize; c += 8) {
    const Packed<f16, 8> part = p.q.load_packed<8>(p.at(query, head) + static_cast<size_t>(c));
#pragma unroll
    for (int e = 0; e < 8; ++e) q[c + e] = to_float(part[e]) * (kScale * kLog2E);
  }

  for (int key0 = 0; key0 < p.length; key0 += kKeys) {
    // The threads copy the tiles together, neighbouring threads neighbouring 16 bytes.
    sync_threads();
    for (int i = thread; i < kKeys * kSize / 8; i += kQueries) {
      const size_t from = p.at(key0 + i / 8, head) + static_cast<size_t>(i % 8) * 8;
      k_tile.store_packed<8>(static_cast<uint32_t>(i) * 8, p.k.load_packed<8>(from));
      v_tile.store_packed<8>(static_cast<uint32_t>(i) * 8, p.v.load_packed<8>(from));
    }
    sync_threads();
    for (uint32_t key = 0; key < kKeys; ++key) {
      float score = 0;
#pragma unroll
      for (int c = 0; c < kSize; c += 8) {
        const Packed<f16, 8> part = k_tile.load_packed<8>(key * kSize + static_cast<uint32_t>(c));
#pragma unroll
        for (int e = 0; e < 8; ++e) score = fma(q[c + e], to_float(part[e]), score);
      }
      const float before = row_max;
      row_max = max(row_max, score);
      const float factor = exp2_approx(before - row_max), weight = exp2_approx(score - row_max);
      sum = fma(sum, factor, weight);
#pragma unroll
      for (int c = 0; c < kSize; c += 8) {
        const Packed<f16, 8> part = v_tile.load_packed<8>(key * kSize + static_cast<uint32_t>(c));
#pragma unroll
        for (int e = 0; e < 8; ++e) o[c + e] = fma(weight, to_float(part[e]), o[c + e] * factor);
      }
    }
  }

#pragma unroll
  for (int c = 0; c < kSize; c += 8) {
    Packed<f16, 8> part;
#pragma unroll
    for (int e = 0; e < 8; ++e) part[e] = from_float<f16>(o[c + e] / sum);
    p.y.store_packed<8>(p.at(query, head) + static_cast<size_t>(c), part);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Steps 3 to 5: tensor cores (Dao 2023, FlashAttention-2). A block has 64 queries of a head, a warp 16 of them. For
// tiles of 64 keys: scores by mma; maximum, sum and factor of each row in registers; the weights of the score fragments
// are, as they lie, the A fragments of the product with v.
//
// Step 3 keeps tiles as they are in memory, so reads of shared memory conflict. Step 4 swizzles them (tile_product.h).
// Step 5 has two stages of tiles: cp.async brings the next k and v while this tile is computed.
template <bool kSwizzle, bool kAsync>
__global__ void __launch_bounds__(kThreads) tensor_cores(Arguments p) {
  constexpr int kStages = kAsync ? 2 : 1, kFragments = kTile / 8;
  const Shared<f16> q_tile = shared_array<f16>(0, kTileElements);
  const Shared<f16> stages = shared_array<f16>(kTileElements * sizeof(f16), kStages * 2 * kTileElements);
  const int blocks = p.length / kTile, head = static_cast<int>(blockIdx.x) / blocks;
  const int query0 = static_cast<int>(blockIdx.x) % blocks * kTile, lane = lane_id();
  const auto row_at = [&](int first) {
    return [&p, head, first](int row) { return static_cast<int64_t>(p.at(first + row, head)); };
  };
  const auto stage = [&](int tile) { return stages.offset(static_cast<uint32_t>(tile % kStages) * 2 * kTileElements); };
  const auto load = [&](int tile) {
    if (tile < blocks) {
      load_tile<kSwizzle, kAsync>(stage(tile), p.k, row_at(tile * kTile));
      load_tile<kSwizzle, kAsync>(stage(tile).offset(kTileElements), p.v, row_at(tile * kTile));
    }
    if (kAsync) cp_async_commit();
  };

  // q, as fragments, for the whole kernel.
  load_tile<kSwizzle, false>(q_tile, p.q, row_at(query0));
  if (kAsync) load(0);
  sync_threads();
  uint32_t q[kSize / 16][4];
#pragma unroll
  for (int d = 0; d < kSize / 16; ++d) {
    ldmatrix_x4(q[d], q_tile, tile_at<kSwizzle>(warp_id() * 16 + lane % 16, 2 * d + lane / 16));
  }

  float o[kFragments][4] = {}, row_max[2] = {-kInfinity, -kInfinity}, sum[2] = {};
  for (int tile = 0; tile < blocks; ++tile) {
    sync_threads();  // all threads are done with the stage that is filled next
    if (kAsync) {
      load(tile + 1);
      cp_async_wait<1>();
    } else {
      load(tile);
    }
    sync_threads();
    const Shared<f16> k_tile = stage(tile), v_tile = k_tile.offset(kTileElements);

    // Scores of 16 queries and 64 keys.
    float s[kFragments][4] = {};
#pragma unroll
    for (int d = 0; d < kSize / 16; ++d) {
#pragma unroll
      for (int j = 0; j < kFragments; j += 2) {
        uint32_t b[4];
        ldmatrix_x4(b, k_tile, tile_at<kSwizzle>(j * 8 + lane / 16 * 8 + lane % 8, 2 * d + lane / 8 % 2));
        mma_m16n8k16<f16>(s[j], q[d], b);
        mma_m16n8k16<f16>(s[j + 1], q[d], b + 2);
      }
    }

    // Online softmax of the two rows that this thread has a part of; four neighbouring lanes share them.
    uint32_t weights[kTile / 16][4];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float before = row_max[half];
#pragma unroll
      for (int j = 0; j < kFragments; ++j) row_max[half] = max(row_max[half], max(s[j][2 * half], s[j][2 * half + 1]));
      row_max[half] = max(row_max[half], shuffle_xor(row_max[half], 1));
      row_max[half] = max(row_max[half], shuffle_xor(row_max[half], 2));
      const float factor = exp2_approx((before - row_max[half]) * (kScale * kLog2E));
      sum[half] *= factor;
#pragma unroll
      for (int j = 0; j < kFragments; ++j) {
        const float low = exp2_approx((s[j][2 * half] - row_max[half]) * (kScale * kLog2E));
        const float high = exp2_approx((s[j][2 * half + 1] - row_max[half]) * (kScale * kLog2E));
        sum[half] += low + high;
        weights[j / 2][j % 2 * 2 + half] = pack_pair<f16>(low, high);
        o[j][2 * half] *= factor;
        o[j][2 * half + 1] *= factor;
      }
    }

    // Weighted sums: o += weights v.
#pragma unroll
    for (int j = 0; j < kTile / 16; ++j) {
#pragma unroll
      for (int c = 0; c < kFragments; c += 2) {
        uint32_t b[4];
        ldmatrix_x4_trans(b, v_tile, tile_at<kSwizzle>(j * 16 + lane % 16, c + lane / 16));
        mma_m16n8k16<f16>(o[c], weights[j], b);
        mma_m16n8k16<f16>(o[c + 1], weights[j], b + 2);
      }
    }
  }

#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float total = sum[half] + shuffle_xor(sum[half], 1);
    total += shuffle_xor(total, 2);
    const size_t row = p.at(query0 + warp_id() * 16 + half * 8 + lane / 4, head) + static_cast<size_t>(lane % 4) * 2;
#pragma unroll
    for (int c = 0; c < kFragments; ++c) {
      const uint32_t pair = pack_pair<f16>(o[c][2 * half] / total, o[c][2 * half + 1] / total);
      p.y.store_packed<2>(row + static_cast<size_t>(c) * 8, unpack_pair<f16>(pair));
    }
  }
}

template <bool kSwizzle, bool kAsync>
Status start_tensor_cores(const Arguments& p, Stream stream) {
  constexpr size_t kBytes = sizeof(f16) * kTileElements * (kAsync ? 5 : 3);
  return launch<tensor_cores<kSwizzle, kAsync>>(Grid{int64_t{p.heads} * p.length / kTile}, kThreads, kBytes, stream, p);
}

// In float64, from the numbers as they are stored.
std::vector<double> reference(const std::vector<float>& q, const std::vector<float>& k, const std::vector<float>& v,
                              size_t length, size_t heads) {
  std::vector<double> y(q.size()), weights(length);
  for (size_t h = 0; h < heads; ++h) {
    for (size_t i = 0; i < length; ++i) {
      const size_t row = (i * heads + h) * kSize;
      double sum = 0;
      for (size_t j = 0; j < length; ++j) {
        double dot = 0;
        for (size_t c = 0; c < kSize; ++c) dot += double{q[row + c]} * k[(j * heads + h) * kSize + c];
        sum += weights[j] = std::exp(dot * kScale);
      }
      for (size_t j = 0; j < length; ++j) {
        for (size_t c = 0; c < kSize; ++c) y[row + c] += weights[j] / sum * v[(j * heads + h) * kSize + c];
      }
    }
  }
  return y;
}

int run(int argc, char** argv) {
  const Options options(argc, argv);
  const int length = options.kSmall ? 256 : 2048, heads = options.kSmall ? 2 : 16;
  const int64_t rows = length, channels = int64_t{heads} * kSize, count = rows * channels, scores = rows * rows * heads;
  const std::vector<f16> q = to_f16(numbers(count, 1, 2)), k = to_f16(numbers(count, 2, 2)),
                         v = to_f16(numbers(count, 3));
  const std::vector<double> expected =
      reference(to_floats(q), to_floats(k), to_floats(v), static_cast<size_t>(length), static_cast<size_t>(heads));
  Device device;
  Arguments p{};
  p.q = device.upload(q), p.k = device.upload(k), p.v = device.upload(v);
  p.y = device.allocate<f16>(static_cast<size_t>(count));
  p.scores = device.allocate<float>(static_cast<size_t>(scores));
  p.length = length, p.heads = heads;
  const Stream stream = device.stream();
  const auto shape = {int64_t{1}, rows, channels};
  const PackageKernel ours(device, "attention", {tensor(p.q, shape), tensor(p.k, shape), tensor(p.v, shape), Tensor()},
                           {tensor(p.y, shape)}, {double(heads), kScale, 0});

  Ladder ladder(4.0 * static_cast<double>(rows * count));
  ladder.step("plain: scores in device memory", [=] {
    Status status = launch<plain_scores>(Grid{scores / kThreads}, kThreads, 0, stream, p);
    if (status) status = launch<plain_softmax>(Grid{rows * heads / (kThreads / kWarpSize)}, kThreads, 0, stream, p);
    if (status) status = launch<plain_values>(Grid{count / kThreads}, kThreads, 0, stream, p);
    return status;
  });
  ladder.step("shared-memory tiles, online softmax", [=] {
    const size_t bytes = 2 * kKeys * kSize * sizeof(f16);
    return launch<shared_tiles>(Grid{int64_t{heads} * length / kQueries}, kQueries, bytes, stream, p);
  });
  ladder.step("tensor cores", [=] { return start_tensor_cores<false, false>(p, stream); });
  ladder.step("swizzled tiles", [=] { return start_tensor_cores<true, false>(p, stream); });
  ladder.step("asynchronous copies, two stages", [=] { return start_tensor_cores<true, true>(p, stream); });
  ladder.step("the package's kernel", ours);
  // weights and results are rounded to f16, whose unit roundoff is 5e-4
  return ladder.run(device, p.y, expected, 1e-3, options.rounds);
}

}  // namespace attention_ladder
}  // namespace ladder
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip

int main(int argc, char** argv) { return videoclip::VIDEOCLIP_CUDA::ladder::run(argc, argv); }
