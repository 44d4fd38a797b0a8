// A separable convolution with CUDA, from a plain kernel to the package's one: 1x3x3 within frames, then 3x1x1 across
// frames, each with zero padding that keeps the size.
//
// x, y and the output of the first layer are [T, H, W, channels], weights [out, taps, in], all f16 with sums in f32;
// channels are multiples of 64. FLOP: 2 positions (9 C M + 3 M M).
#include "ladder.h"
#include "tile_product.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace ladder {
inline namespace conv_ladder {

struct Layer {
  Global<const f16> x, weight;
  Global<f16> y;
  bool spatial;  // a window of three along H and W, or along T
  int T, H, W, in, out;

  VC_HOST_DEVICE int positions() const { return T * H * W; }
  VC_HOST_DEVICE int taps() const { return spatial ? 9 : 3; }
  // Position that a tap of the window at `position` reads, or -1 in the padding.
  VC_HOST_DEVICE int source(int position, int tap) const {
    int w = position % W, h = position / W % H, t = position / W / H;
    if (spatial) {
      h += tap / 3 - 1, w += tap % 3 - 1;
    } else {
      t += tap - 1;
    }
    return t < 0 || t >= T || h < 0 || h >= H || w < 0 || w >= W ? -1 : (t * H + h) * W + w;
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Step 1: plain. A thread makes one output. Neighbouring threads have neighbouring output channels: they share the
// reads of x, but each reads a different row of weights.
__global__ void plain(Layer p) {
  const size_t thread = size_t{blockIdx.x} * kThreads + threadIdx.x, in = static_cast<size_t>(p.in);
  const auto out = static_cast<size_t>(p.out);
  const auto position = static_cast<int>(thread / out);
  float sum = 0;
  for (int tap = 0; tap < p.taps(); ++tap) {
    const int source = p.source(position, tap);
    if (source < 0) continue;
    const size_t x = static_cast<size_t>(source) * in;
    const size_t weight = (thread % out * static_cast<size_t>(p.taps()) + static_cast<size_t>(tap)) * in;
    for (size_t c = 0; c < in; ++c) {
      sum = fma(to_float(p.x.load(x + c)), to_float(p.weight.load(weight + c)), sum);
    }
  }
  p.y.store(thread, from_float<f16>(sum));
}

// A block of the later steps makes 64 positions x 64 output channels. This is its place, and the rows of its tiles at
// a step, which is 64 channels of one tap.
struct Block {
  const Layer& p;
  int position, channel;

  VC_DEVICE explicit Block(const Layer& layer)
      : p(layer),
        position(static_cast<int>(blockIdx.x) / (p.out / kTile) * kTile),
        channel(static_cast<int>(blockIdx.x) % (p.out / kTile) * kTile) {}

  VC_DEVICE int steps() const { return p.taps() * p.in / kTile; }
  // Element of x where the row of a position begins, or -1 in the padding.
  VC_DEVICE int64_t x_row(int step, int row) const {
    const int per_tap = p.in / kTile, at = position + row;
    const int source = at < p.positions() ? p.source(at, step / per_tap) : -1;
    return source < 0 ? -1 : int64_t{source} * p.in + step % per_tap * kTile;
  }
  VC_DEVICE int64_t weight_row(int step, int row) const {
    return (int64_t{channel} + row) * p.taps() * p.in + step * kTile;
  }
  VC_DEVICE size_t y_at(int row, int column) const {
    return static_cast<size_t>(position + row) * static_cast<size_t>(p.out) + static_cast<size_t>(channel + column);
  }
  VC_DEVICE bool exists(int row) const { return position + row < p.positions(); }
};

// ---------------------------------------------------------------------------------------------------------------------
// Step 2: implicit GEMM with tiles in shared memory. Rows of the product are positions, its depth is (tap, channel). A
// number that is loaded serves 64 products instead of one. The windows are looked up while tiles are copied, so no
// matrix of windows is ever made.
__global__ void __launch_bounds__(kThreads) shared_tiles(Layer p) {
  const Block block(p);
  FmaSums sums;
  multiply_by_fma(
      block.steps(),
      [&](int step, Shared<f16> a, Shared<f16> b) {
        load_padded(a, p.x, [&](int row) { return block.x_row(step, row); });
        load_padded(b, p.weight, [&](int row) { return block.weight_row(step, row); });
      },
      &sums);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      const int row = FmaSums::row(i);
      if (block.exists(row)) p.y.store(block.y_at(row, FmaSums::column(j)), from_float<f16>(sums.v[i][j]));
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Steps 3 to 5: tensor cores. The same product by mma.sync of 16 x 8 x 16. Step 3 stores tiles as they are in memory,
// and reads of shared memory conflict; step 4 swizzles them; step 5 has three stages filled by cp.async, so that two
// steps are on their way while one is multiplied (tile_product.h).
template <bool kSwizzle, int kStages>
__global__ void __launch_bounds__(kThreads) tensor_cores(Layer p) {
  const Block block(p);
  TensorCoreSums sums;
  multiply<kSwizzle, kStages>(
      block.steps(),
      [&](int step, Shared<f16> a, Shared<f16> b) {
        load_tile<kSwizzle, (kStages > 1)>(a, p.x, [&](int row) { return block.x_row(step, row); });
        load_tile<kSwizzle, (kStages > 1)>(b, p.weight, [&](int row) { return block.weight_row(step, row); });
      },
      &sums);
  sums.for_pairs([&](int row, int column, float first, float second) {
    if (!block.exists(row)) return;
    p.y.store_packed<2>(block.y_at(row, column), unpack_pair<f16>(pack_pair<f16>(first, second)));
  });
}

Grid tiles_of(const Layer& p) { return Grid{int64_t{p.positions() + kTile - 1} / kTile * (p.out / kTile)}; }

template <bool kSwizzle, int kStages>
Status start_tensor_cores(const Layer& p, Stream stream) {
  constexpr size_t kBytes = sizeof(f16) * kStages * 2 * kTileElements;
  return launch<tensor_cores<kSwizzle, kStages>>(tiles_of(p), kThreads, kBytes, stream, p);
}

// y of a layer in float64, from numbers as they are stored; not rounded.
std::vector<double> reference(const Layer& p, const std::vector<double>& x, const std::vector<float>& weight) {
  const auto in = static_cast<size_t>(p.in), out = static_cast<size_t>(p.out), taps = static_cast<size_t>(p.taps());
  std::vector<double> y(static_cast<size_t>(p.positions()) * out);
  for (int position = 0; position < p.positions(); ++position) {
    for (size_t tap = 0; tap < taps; ++tap) {
      const int source = p.source(position, static_cast<int>(tap));
      if (source < 0) continue;
      const double* row = x.data() + static_cast<size_t>(source) * in;
      for (size_t o = 0; o < out; ++o) {
        double sum = 0;
        for (size_t c = 0; c < in; ++c) sum += row[c] * weight[(o * taps + tap) * in + c];
        y[static_cast<size_t>(position) * out + o] += sum;
      }
    }
  }
  return y;
}

PackageKernel package_layer(Device& device, const Layer& p) {
  const double window[3] = {p.spatial ? 1.0 : 3.0, p.spatial ? 3.0 : 1.0, p.spatial ? 3.0 : 1.0};
  std::vector<double> attrs = {1, double(p.out), -1};  // groups, outputs, no activation
  attrs.insert(attrs.end(), window, window + 3);
  attrs.insert(attrs.end(), {1, 1, 1});  // stride
  for (int side = 0; side < 2; ++side) {
    for (double n : window) attrs.push_back((n - 1) / 2);  // padding
  }
  attrs.push_back(p.out);
  const int64_t out = p.out, in = p.in, taps = p.taps();
  return PackageKernel(
      device, "conv3d",
      {tensor(p.x, {1, p.T, p.H, p.W, in}), tensor(p.weight, {out, taps, in}), Tensor(), Tensor(), Tensor()},
      {tensor(p.y, {1, p.T, p.H, p.W, out})}, attrs);
}

int run(int argc, char** argv) {
  const Options options(argc, argv);
  Layer one{}, two{};
  one.spatial = true;
  one.T = options.kSmall ? 4 : 16, one.H = one.W = options.kSmall ? 8 : 56;
  one.in = 64, one.out = options.kSmall ? 64 : 192;
  const int64_t positions = one.positions(), C = one.in, M = one.out;
  const std::vector<f16> x = to_f16(numbers(positions * C, 1)), space = to_f16(numbers(M * 9 * C, 2, 0.1f));
  const std::vector<f16> time = to_f16(numbers(M * 3 * M, 3, 0.1f));
  Device device;
  one.x = device.upload(x), one.weight = device.upload(space);
  const Global<f16> middle = device.allocate<f16>(static_cast<size_t>(positions * M));
  one.y = middle;
  two = one;
  two.spatial = false;
  two.in = one.out;
  two.x = middle, two.weight = device.upload(time);
  two.y = device.allocate<f16>(static_cast<size_t>(positions * M));

  const std::vector<float> x_floats = to_floats(x);
  std::vector<double> between = reference(one, {x_floats.begin(), x_floats.end()}, to_floats(space));
  for (double& n : between) n = f16_to_float(float_to_f16(static_cast<float>(n)));
  const std::vector<double> expected = reference(two, between, to_floats(time));

  const Stream stream = device.stream();
  const auto both = [&](const std::function<Status(const Layer&)>& start) {
    return [=] {
      const Status status = start(one);
      return status ? start(two) : status;
    };
  };
  const PackageKernel ours_one = package_layer(device, one), ours_two = package_layer(device, two);
  Ladder ladder(2.0 * static_cast<double>(positions * (9 * C * M + 3 * M * M)));
  ladder.step("plain", both([=](const Layer& p) {
                return launch<plain>(Grid{int64_t{p.positions()} * p.out / kThreads}, kThreads, 0, stream, p);
              }));
  ladder.step("implicit GEMM in shared-memory tiles", both([=](const Layer& p) {
                return launch<shared_tiles>(tiles_of(p), kThreads, sizeof(f16) * 2 * kPaddedElements, stream, p);
              }));
  ladder.step("tensor cores", both([=](const Layer& p) { return start_tensor_cores<false, 1>(p, stream); }));
  ladder.step("swizzled tiles", both([=](const Layer& p) { return start_tensor_cores<true, 1>(p, stream); }));
  ladder.step("asynchronous copies, three stages",
              both([=](const Layer& p) { return start_tensor_cores<true, 3>(p, stream); }));
  ladder.step("the package's kernel", [=] {
    const Status status = ours_one();
    return status ? ours_two() : status;
  });
  // the outputs of both layers are rounded to f16, whose unit roundoff is 5e-4
  return ladder.run(device, two.y, expected, 1e-3, options.rounds);
}

}  // namespace conv_ladder
}  // namespace ladder
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip

int main(int argc, char** argv) { return videoclip::VIDEOCLIP_CUDA::ladder::run(argc, argv); }
