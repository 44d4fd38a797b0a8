// The contrastive loss with CUDA, from plain kernels to the package's one.
//
// s[i, j] = scale a[i] . b[j]; rows[i] = LSE_j s[i, j]; columns[j] = LSE_i s[i, j]; the loss is a mean of these and of
// the diagonal. a and b are [count, depth], f16, of unit length, both sizes multiples of 64; scores and sums are f32.
// FLOP: 2 count^2 depth.
#include "ladder.h"
#include "tile_product.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace ladder {
inline namespace contrastive_ladder {

constexpr float kInfinity = __builtin_huge_valf();

struct Arguments {
  Global<const f16> a, b;
  Global<float> scores;    // [count, count], of steps 1 to 3
  Global<float> partials;  // [2 (rows, columns), tiles, count, 2 (maximum, sum)], of step 4
  Global<float> sums;      // [2 (rows, columns), count]: the results
  int count, depth;
  float scale;

  VC_HOST_DEVICE int tiles() const { return count / kTile; }
};

// ---------------------------------------------------------------------------------------------------------------------
// Step 1: plain. A thread makes one score and stores it; then a thread goes along each row and one down each column.
__global__ void plain_scores(Arguments p) {
  const size_t thread = size_t{blockIdx.x} * kThreads + threadIdx.x;
  const auto count = static_cast<size_t>(p.count), depth = static_cast<size_t>(p.depth);
  const size_t a = thread / count * depth, b = thread % count * depth;
  float sum = 0;
  for (size_t c = 0; c < depth; ++c) sum = fma(to_float(p.a.load(a + c)), to_float(p.b.load(b + c)), sum);
  p.scores.store(thread, sum * p.scale);
}

__global__ void plain_sums(Arguments p) {
  const size_t thread = size_t{blockIdx.x} * kThreads + threadIdx.x, count = static_cast<size_t>(p.count);
  if (thread >= 2 * count) return;
  const bool is_column = thread >= count;
  const size_t first = is_column ? thread - count : thread * count, step = is_column ? count : 1;
  float highest = -kInfinity, sum = 0;
  for (size_t i = 0; i < count; ++i) highest = max(highest, p.scores.load(first + i * step));
  for (size_t i = 0; i < count; ++i) sum += exp_approx(p.scores.load(first + i * step) - highest);
  p.sums.store(thread, highest + ::logf(sum));
}

// Rows by a warp each, whose lanes read neighbouring scores; columns by a thread each, as before.
__global__ void row_sums(Arguments p) {
  const auto count = static_cast<size_t>(p.count), first = static_cast<size_t>(lane_id());
  const size_t row = size_t{blockIdx.x} * (kThreads / kWarpSize) + static_cast<size_t>(warp_id());
  float highest = -kInfinity, sum = 0;
  for (size_t j = first; j < count; j += kWarpSize) highest = max(highest, p.scores.load(row * count + j));
  highest = warp_max(highest);
  for (size_t j = first; j < count; j += kWarpSize) sum += exp_approx(p.scores.load(row * count + j) - highest);
  sum = warp_sum(sum);
  if (lane_id() == 0) p.sums.store(row, highest + ::logf(sum));
}
__global__ void column_sums(Arguments p) {
  const size_t column = size_t{blockIdx.x} * kThreads + threadIdx.x, count = static_cast<size_t>(p.count);
  if (column >= count) return;
  float highest = -kInfinity, sum = 0;
  for (size_t i = 0; i < count; ++i) highest = max(highest, p.scores.load(i * count + column));
  for (size_t i = 0; i < count; ++i) sum += exp_approx(p.scores.load(i * count + column) - highest);
  p.sums.store(count + column, highest + ::logf(sum));
}

// A block of the later steps makes 64 x 64 scores. This is its place, and the rows of its tiles at a step, which is 64
// channels.
struct Block {
  const Arguments& p;
  int row, column;

  VC_DEVICE explicit Block(const Arguments& arguments)
      : p(arguments),
        row(static_cast<int>(blockIdx.x) / p.tiles() * kTile),
        column(static_cast<int>(blockIdx.x) % p.tiles() * kTile) {}

  VC_DEVICE int steps() const { return p.depth / kTile; }
  VC_DEVICE int64_t a_row(int step, int r) const { return (int64_t{row} + r) * p.depth + step * kTile; }
  VC_DEVICE int64_t b_row(int step, int c) const { return (int64_t{column} + c) * p.depth + step * kTile; }
  VC_DEVICE size_t score_at(int r, int c) const {
    return static_cast<size_t>(row + r) * static_cast<size_t>(p.count) + static_cast<size_t>(column + c);
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Step 2: tiles in shared memory. A number that is loaded serves 64 products instead of one.
__global__ void __launch_bounds__(kThreads) shared_tiles(Arguments p) {
  const Block block(p);
  FmaSums sums;
  multiply_by_fma(
      block.steps(),
      [&](int step, Shared<f16> a, Shared<f16> b) {
        load_padded(a, p.a, [&](int r) { return block.a_row(step, r); });
        load_padded(b, p.b, [&](int c) { return block.b_row(step, c); });
      },
      &sums);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      p.scores.store(block.score_at(FmaSums::row(i), FmaSums::column(j)), sums.v[i][j] * p.scale);
    }
  }
}

// The scores of the block, on tensor cores, from swizzled tiles in three stages (tile_product.h).
constexpr int kStages = 3;
constexpr size_t kStageBytes = sizeof(f16) * kStages * 2 * kTileElements;

VC_DEVICE void score_tile(const Arguments& p, const Block& block, TensorCoreSums* sums) {
  multiply<true, kStages>(
      block.steps(),
      [&](int step, Shared<f16> a, Shared<f16> b) {
        load_tile<true, true>(a, p.a, [&](int r) { return block.a_row(step, r); });
        load_tile<true, true>(b, p.b, [&](int c) { return block.b_row(step, c); });
      },
      sums);
}

// ---------------------------------------------------------------------------------------------------------------------
// Step 3: tensor cores, with swizzled tiles and asynchronous copies at once (conv.cu takes these one by one).
__global__ void __launch_bounds__(kThreads) tensor_cores(Arguments p) {
  const Block block(p);
  TensorCoreSums sums;
  score_tile(p, block, &sums);
  sums.for_pairs([&](int r, int c, float first, float second) {
    p.scores.store_packed<2>(block.score_at(r, c), {{first * p.scale, second * p.scale}});
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Step 4: fused. A block reduces its scores in shared memory, where they take the place of the stages: a thread goes
// along one row or down one column of the tile. Only a maximum and a sum for each go to device memory: 16 times fewer
// numbers than scores. A second, small kernel joins the tiles.
constexpr uint32_t kScoreRow = kTile + 1;  // neither rows nor columns conflict

__global__ void __launch_bounds__(kThreads) fused(Arguments p) {
  const Block block(p);
  TensorCoreSums sums;
  score_tile(p, block, &sums);
  const Shared<float> scores = shared_array<float>(0, kTile * kScoreRow);
  sums.for_pairs([&](int r, int c, float first, float second) {
    const uint32_t at = static_cast<uint32_t>(r) * kScoreRow + static_cast<uint32_t>(c);
    scores.store(at, first * p.scale);
    scores.store(at + 1, second * p.scale);
  });
  sync_threads();

  const bool is_column = threadIdx.x >= kTile;
  const uint32_t line = threadIdx.x % kTile, step = is_column ? kScoreRow : 1;
  const uint32_t first = is_column ? line : line * kScoreRow;
  float highest = -kInfinity, sum = 0;
  for (uint32_t i = 0; i < kTile; ++i) highest = max(highest, scores.load(first + i * step));
  for (uint32_t i = 0; i < kTile; ++i) sum += exp_approx(scores.load(first + i * step) - highest);

  // Row sums of tile column t are line t of the first half, column sums of tile row t line t of the second.
  const int tile = is_column ? p.tiles() + block.row / kTile : block.column / kTile;
  const auto at = static_cast<size_t>(tile) * static_cast<size_t>(p.count) +
                  static_cast<size_t>(is_column ? block.column : block.row) + line;
  p.partials.store_packed<2>(2 * at, {{highest, sum}});
}

__global__ void join(Arguments p) {
  const size_t thread = size_t{blockIdx.x} * kThreads + threadIdx.x, count = static_cast<size_t>(p.count);
  if (thread >= 2 * count) return;
  const auto tiles = static_cast<size_t>(p.tiles());
  const size_t first = thread / count * tiles * count + thread % count;
  float highest = -kInfinity, sum = 0;
  for (size_t tile = 0; tile < tiles; ++tile) {
    const Packed<float, 2> part = p.partials.load_packed<2>(2 * (first + tile * count));
    const float before = highest;
    highest = max(highest, part[0]);
    sum = sum * exp_approx(before - highest) + part[1] * exp_approx(part[0] - highest);
  }
  p.sums.store(thread, highest + ::logf(sum));
}

// Rows, then columns, in float64 from numbers as they are stored.
std::vector<double> reference(const std::vector<float>& a, const std::vector<float>& b, size_t count, size_t depth,
                              double scale) {
  std::vector<double> sums(2 * count);
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j < count; ++j) {
      double dot = 0;
      for (size_t c = 0; c < depth; ++c) dot += double{a[i * depth + c]} * b[j * depth + c];
      sums[i] += std::exp(dot * scale);
      sums[count + j] += std::exp(dot * scale);
    }
  }
  for (double& sum : sums) sum = std::log(sum);
  return sums;
}

int run(int argc, char** argv) {
  const Options options(argc, argv);
  Arguments p{};
  p.count = options.kSmall ? 256 : 4096, p.depth = options.kSmall ? 128 : 512;
  p.scale = 20;
  const int64_t count = p.count, depth = p.depth;
  // about unit length
  const float size = std::sqrt(3.0f / static_cast<float>(depth));
  const std::vector<f16> a = to_f16(numbers(count * depth, 1, size)), b = to_f16(numbers(count * depth, 2, size));
  const std::vector<double> expected =
      reference(to_floats(a), to_floats(b), static_cast<size_t>(count), static_cast<size_t>(depth), p.scale);
  Device device;
  p.a = device.upload(a), p.b = device.upload(b);
  p.scores = device.allocate<float>(static_cast<size_t>(count * count));
  p.partials = device.allocate<float>(static_cast<size_t>(4 * p.tiles() * count));
  p.sums = device.allocate<float>(static_cast<size_t>(2 * count));
  const Stream stream = device.stream();
  const Global<float> loss = device.allocate<float>(1), positives = device.allocate<float>(static_cast<size_t>(count)),
                      other_positives = device.allocate<float>(static_cast<size_t>(count));
  const PackageKernel ours(
      device, "contrastive_loss", {tensor(p.a, {count, depth}), tensor(p.b, {count, depth}), Tensor()},
      {tensor(loss, {1}), tensor(p.sums, {count}), tensor(p.sums.offset(static_cast<size_t>(count)), {count}),
       tensor(positives, {count}), tensor(other_positives, {count})},
      {p.scale, 0.5, 0.5});

  const Grid rows{count / (kThreads / kWarpSize)}, columns{(count + kThreads - 1) / kThreads};
  const Grid lines{(2 * count + kThreads - 1) / kThreads}, tiles{int64_t{p.tiles()} * p.tiles()};
  const auto then_sums = [=](Status status) {
    if (status) status = launch<row_sums>(rows, kThreads, 0, stream, p);
    return status ? launch<column_sums>(columns, kThreads, 0, stream, p) : status;
  };
  Ladder ladder(2.0 * static_cast<double>(count * count * depth));
  ladder.step("plain: scores in device memory", [=] {
    const Status status = launch<plain_scores>(Grid{count * count / kThreads}, kThreads, 0, stream, p);
    return status ? launch<plain_sums>(lines, kThreads, 0, stream, p) : status;
  });
  ladder.step("shared-memory tiles", [=] {
    return then_sums(launch<shared_tiles>(tiles, kThreads, sizeof(f16) * 2 * kPaddedElements, stream, p));
  });
  ladder.step("tensor cores", [=] { return then_sums(launch<tensor_cores>(tiles, kThreads, kStageBytes, stream, p)); });
  ladder.step("fused: scores are not stored", [=] {
    const Status status = launch<fused>(tiles, kThreads, kStageBytes, stream, p);
    return status ? launch<join>(lines, kThreads, 0, stream, p) : status;
  });
  ladder.step("the package's kernel", ours);
  return ladder.run(device, p.sums, expected, 1e-5, options.rounds);
}

}  // namespace contrastive_ladder
}  // namespace ladder
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip

int main(int argc, char** argv) { return videoclip::VIDEOCLIP_CUDA::ladder::run(argc, argv); }
