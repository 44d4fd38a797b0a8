// A separable convolution on the CPU, from plain loops to the package's kernels: 1x3x3 within frames, then 3x1x1 across
// frames, each with zero padding that keeps the size (S3D's "sepInc" layers; batch normalisation folded away).
//
// FLOP: 2 positions (9 C M + 3 M M), with C input channels and M channels after each of the two.
#include <algorithm>

#include "ladder.h"
#include "package_kernel.h"
#include "register_tile.h"
#include "winograd.h"

using namespace ladder;

namespace {

struct Problem {
  int64_t T, H, W, C, M;      // C, M: multiples of kPanel; H, W, T: multiples of 4
  const float* x;             // [T, H, W, C]
  const float *space, *time;  // published weights: [M, C, 1, 3, 3], [M, M, 3, 1, 1]
  float *middle, *y;          // [T, H, W, M]

  int64_t positions() const { return T * H * W; }
};

// One of the two convolutions: a window of three along H and W, or along T.
struct Layer {
  bool spatial;
  int64_t T, H, W, in, out;

  int64_t taps() const { return spatial ? 9 : 3; }
  // Position that a tap of the window at (t, h, w) reads, or -1 in the padding.
  int64_t source(int64_t t, int64_t h, int64_t w, int64_t tap) const {
    if (spatial) {
      h += tap / 3 - 1, w += tap % 3 - 1;
    } else {
      t += tap - 1;
    }
    return t < 0 || t >= T || h < 0 || h >= H || w < 0 || w >= W ? -1 : (t * H + h) * W + w;
  }
};

Layer space_layer(const Problem& p) { return {true, p.T, p.H, p.W, p.C, p.M}; }
Layer time_layer(const Problem& p) { return {false, p.T, p.H, p.W, p.M, p.M}; }

// ---------------------------------------------------------------------------------------------------------------------
// Step 1: plain loops over PyTorch's layout. x and y are [channels, T, H, W], weights [out, in, taps]; an output is one
// sum over input channels and taps. S is the type of the sum; in double, this step is the reference.
template <typename S, typename X>
void plain_layer(const Layer& l, const X* x, const float* weight, S* y) {
  const int64_t positions = l.T * l.H * l.W;
  for (int64_t o = 0; o < l.out; ++o) {
    for (int64_t at = 0; at < positions; ++at) {
      S sum = 0;
      for (int64_t c = 0; c < l.in; ++c) {
        for (int64_t tap = 0; tap < l.taps(); ++tap) {
          const int64_t from = l.source(at / l.W / l.H, at / l.W % l.H, at % l.W, tap);
          if (from >= 0) sum += static_cast<S>(x[c * positions + from]) * weight[(o * l.in + c) * l.taps() + tap];
        }
      }
      y[o * positions + at] = sum;
    }
  }
}

// [rows][columns] to [columns][rows].
template <typename T, typename U>
void transpose(const T* from, int64_t rows, int64_t columns, U* to) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) to[c * rows + r] = static_cast<U>(from[r * columns + c]);
  }
}

// The step and its change of layouts, which is not part of its time.
template <typename S>
struct Plain {
  std::vector<float> x;
  std::vector<S> middle, y;

  explicit Plain(const Problem& p) : x(p.positions() * p.C), middle(p.positions() * p.M), y(p.positions() * p.M) {
    transpose(p.x, p.positions(), p.C, x.data());
  }
  void run(const Problem& p) {
    plain_layer<S>(space_layer(p), x.data(), p.space, middle.data());
    plain_layer<S>(time_layer(p), middle.data(), p.time, y.data());
  }
};

// ---------------------------------------------------------------------------------------------------------------------
// Step 2: channels-last, vectors over output channels. A position's outputs are consecutive; every input number is
// broadcast and multiplied by the weights of kLanes outputs, and the sums of a position stay in the L1 cache. Weights
// are [taps, in, out].
void channels_last_layer(const Layer& l, const float* x, const float* weight, float* y) {
  for (int64_t at = 0; at < l.T * l.H * l.W; ++at) {
    float* sums = y + at * l.out;
    std::fill_n(sums, l.out, 0.0f);
    for (int64_t tap = 0; tap < l.taps(); ++tap) {
      const int64_t from = l.source(at / l.W / l.H, at / l.W % l.H, at % l.W, tap);
      if (from < 0) continue;
      for (int64_t c = 0; c < l.in; ++c) {
        const Vec value = splat(x[from * l.in + c]);
        const float* w = weight + (tap * l.in + c) * l.out;
        for (int64_t o = 0; o < l.out; o += kLanes) store(sums + o, load(sums + o) + value * load(w + o));
      }
    }
  }
}

// Published weights [out, in, taps] to [taps, in, out].
std::vector<float> channels_last_weight(const Layer& l, const float* weight) {
  std::vector<float> to(static_cast<size_t>(l.taps() * l.in * l.out));
  transpose(weight, l.out, l.in * l.taps(), to.data());  // [in, taps, out]
  std::vector<float> out(to.size());
  for (int64_t c = 0; c < l.in; ++c) {
    for (int64_t tap = 0; tap < l.taps(); ++tap) {
      std::copy_n(to.data() + (c * l.taps() + tap) * l.out, l.out, out.data() + (tap * l.in + c) * l.out);
    }
  }
  return out;
}

// ---------------------------------------------------------------------------------------------------------------------
// Step 3: implicit GEMM in register tiles. kTileRows positions times kPanel outputs are one product over (tap, channel)
// whose rows are pointers into x, or to zeros in the padding: no copy of the windows is made. Weights are packed once.
void register_tile_layer(const Layer& l, const float* x, const std::vector<float>& panels, float* y) {
  static const std::vector<float> zeros(4096);
  alignas(64) float sums[kTileRows * kPanel];
  const int64_t positions = l.T * l.H * l.W, depth = l.taps() * l.in;
  for (int64_t first = 0; first < positions; first += kTileRows) {
    const float* rows[9 * kTileRows];
    for (int64_t r = 0; r < kTileRows; ++r) {
      const int64_t at = std::min(first + r, positions - 1);
      for (int64_t tap = 0; tap < l.taps(); ++tap) {
        const int64_t from = l.source(at / l.W / l.H, at / l.W % l.H, at % l.W, tap);
        rows[tap * kTileRows + r] = from < 0 ? zeros.data() : x + from * l.in;
      }
    }
    for (int64_t o = 0; o < l.out; o += kPanel) {
      register_tile(rows, l.taps(), l.in, panels.data() + o * depth, sums);
      for (int64_t r = 0; r < std::min<int64_t>(kTileRows, positions - first); ++r) {
        std::copy_n(sums + r * kPanel, kPanel, y + (first + r) * l.out + o);
      }
    }
  }
}

std::vector<float> panels_of(const Layer& l, const float* weight) {
  const std::vector<float> last = channels_last_weight(l, weight);
  return pack(last.data(), l.taps() * l.in, l.out, l.out, 1);
}

// ---------------------------------------------------------------------------------------------------------------------
// Steps 4 and 5: Winograd's minimal filtering (Lavin and Gray 2016; winograd.h). Four outputs of a window of three take
// 6 products instead of 12, a square of 4x4 takes 36 instead of 144. A tile is transformed to its points, each point
// is one matrix product over channels, and the products are transformed to outputs.
//
// Step 4 takes all tiles through each of the three phases, so V and M, which are larger than the caches, go to memory
// and back. Step 5 takes `block` tiles at a time through all three, so that they stay in L2.
void winograd_layer(const Layer& l, const float* x, const std::vector<float>& panels, int64_t block, float* y) {
  const Tiles tiles(l.spatial, l.T, l.H, l.W);
  block = std::min(block, tiles.count());
  std::vector<float> v(static_cast<size_t>(tiles.points() * block * l.in));
  std::vector<float> m(static_cast<size_t>(tiles.points() * (block + kTileRows) * kPanel));
  for (int64_t first = 0; first < tiles.count(); first += block) {
    const int64_t here = std::min(block, tiles.count() - first);

    // Phase 1: V [points][tiles][in].
    for (int64_t i = 0; i < here; ++i) tiles.transform_input(first + i, x, l.in, v.data() + i * l.in, block * l.in);

    for (int64_t o = 0; o < l.out; o += kPanel) {
      // Phase 2: M [points][tiles][kPanel], one product per point.
      const int64_t m_point = (block + kTileRows) * kPanel;
      for (int64_t point = 0; point < tiles.points(); ++point) {
        const float* panel = panels.data() + (o * tiles.points() + point * kPanel) * l.in;
        for (int64_t i = 0; i < here; i += kTileRows) {
          const float* rows[kTileRows];
          for (int64_t r = 0; r < kTileRows; ++r)
            rows[r] = v.data() + (point * block + std::min(i + r, here - 1)) * l.in;
          register_tile(rows, 1, l.in, panel, m.data() + point * m_point + i * kPanel);
        }
      }

      // Phase 3: outputs.
      for (int64_t i = 0; i < here; ++i) tiles.transform_output(first + i, m.data() + i * kPanel, m_point, o, l.out, y);
    }
  }
}

// Tiles whose V and M take about 600 KB, most of an L2 cache of 1 MB.
int64_t cached_tiles(const Layer& l) {
  const int64_t bytes = (l.spatial ? 36 : 6) * 4 * (l.in + kPanel);
  return std::max<int64_t>(1, (600 << 10) / bytes / kTileRows) * kTileRows;
}

// Weights of a layer for the package's Winograd kernel.
std::vector<float> packed_by_package(const Layer& l, const float* weight) {
  const std::vector<int64_t> window = l.spatial ? std::vector<int64_t>{1, 3, 3} : std::vector<int64_t>{3, 1, 1};
  std::vector<float> packed(static_cast<size_t>(ceil_div(l.out, kPanel) * kPanel * (l.spatial ? 36 : 6) * l.in));
  PackageKernel("pack_winograd_weight", {tensor(weight, {l.out, l.in, window[0], window[1], window[2]})},
                {tensor(packed.data(), {static_cast<int64_t>(packed.size())})}, {}, 1)();
  return packed;
}

PackageKernel package_layer(const Layer& l, const float* x, const std::vector<float>& packed, float* y, int threads) {
  const std::vector<double> window = l.spatial ? std::vector<double>{1, 3, 3} : std::vector<double>{3, 1, 1};
  std::vector<double> attrs = {1, static_cast<double>(l.out), -1};  // groups, outputs, no activation
  attrs.insert(attrs.end(), window.begin(), window.end());
  attrs.insert(attrs.end(), {1, 1, 1});  // stride
  for (int side = 0; side < 2; ++side) {
    for (double n : window) attrs.push_back((n - 1) / 2);  // padding
  }
  attrs.push_back(static_cast<double>(l.out));
  return PackageKernel("winograd_conv3d",
                       {tensor(x, {1, l.T, l.H, l.W, l.in}),
                        tensor(packed.data(), {static_cast<int64_t>(packed.size())}), Tensor(), Tensor(), Tensor()},
                       {tensor(y, {1, l.T, l.H, l.W, l.out})}, attrs, threads);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Problem p{};
  p.T = options.small ? 4 : 8, p.H = p.W = options.small ? 8 : 28;
  p.C = 64, p.M = 96;
  const std::vector<float> x = numbers(p.positions() * p.C, 1), space = numbers(p.M * p.C * 9, 2, 0.1f);
  const std::vector<float> time = numbers(p.M * p.M * 3, 3, 0.1f);
  std::vector<float> middle(static_cast<size_t>(p.positions() * p.M)), y(middle.size());
  p.x = x.data(), p.space = space.data(), p.time = time.data(), p.middle = middle.data(), p.y = y.data();
  const Layer first = space_layer(p), second = time_layer(p);

  Plain<double> reference(p);
  reference.run(p);
  std::vector<double> expected(y.size());
  transpose(reference.y.data(), p.M, p.positions(), expected.data());

  Plain<float> plain(p);
  const auto last1 = channels_last_weight(first, p.space), last2 = channels_last_weight(second, p.time);
  const auto panels1 = panels_of(first, p.space), panels2 = panels_of(second, p.time);
  const auto points1 = winograd_panels(true, p.space, p.M, p.C), points2 = winograd_panels(false, p.time, p.M, p.M);
  const auto packed1 = packed_by_package(first, p.space), packed2 = packed_by_package(second, p.time);
  const auto ours = [&](int threads) {
    return [one = package_layer(first, p.x, packed1, p.middle, threads),
            two = package_layer(second, p.middle, packed2, p.y, threads)] {
      one();
      two();
    };
  };

  Ladder ladder(options, 2.0 * static_cast<double>(p.positions() * (9 * p.C * p.M + 3 * p.M * p.M)));
  constexpr double kBound = 2e-6, kWinogradBound = 4e-6;
  ladder.step(
      "plain loops", kBound, [&] { plain.run(p); }, [&] { transpose(plain.y.data(), p.M, p.positions(), p.y); });
  ladder.step("channels-last, vectors over outputs", kBound, [&] {
    channels_last_layer(first, p.x, last1.data(), p.middle);
    channels_last_layer(second, p.middle, last2.data(), p.y);
  });
  ladder.step("implicit GEMM in register tiles", kBound, [&] {
    register_tile_layer(first, p.x, panels1, p.middle);
    register_tile_layer(second, p.middle, panels2, p.y);
  });
  ladder.step("Winograd, phase by phase", kWinogradBound, [&] {
    winograd_layer(first, p.x, points1, 1 << 30, p.middle);
    winograd_layer(second, p.middle, points2, 1 << 30, p.y);
  });
  ladder.step("Winograd in blocks that fit L2", kWinogradBound, [&] {
    winograd_layer(first, p.x, points1, cached_tiles(first), p.middle);
    winograd_layer(second, p.middle, points2, cached_tiles(second), p.y);
  });
  ladder.step("the package's kernel", kBound, ours(1));
  ladder.step("the package's kernel, 2 threads", kBound, ours(2));
  return ladder.run(y, expected);
}
