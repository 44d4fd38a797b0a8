// The matrix products of conv3d and linear are exact on integers and free of bank conflicts, and no access of device
// memory wastes part of a sector, in every tile.
#include <memory>

#include "check.h"
#include "cuda/gemm/mainloop.h"

namespace videoclip {
namespace emulated {
namespace {

using gemm::Arguments;
using gemm::Matrix;
using gemm::Windows;
using Plain = gemm::Features<false, false, false>;

template <typename T>
std::vector<T> integers(size_t count, int salt) {
  std::vector<T> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = from_float<T>(small_integer(i, salt));
  return values;
}

// out = relu(a b^T + bias + residual) in one channel range per entry of `widths`.
template <typename T>
struct Product {
  int M, N, K;
  Device<T> b, residual;
  Device<float> bias;
  std::vector<std::unique_ptr<Device<T>>> outs;
  std::vector<int> widths;

  Product(int m, std::vector<int> w, int k)
      : M(m),
        N(0),
        K(k),
        b(integers<T>(size(w) * static_cast<size_t>(k), 2)),
        residual(integers<T>(size(w) * static_cast<size_t>(m), 3)),
        bias(integers<float>(size(w), 4)),
        widths(std::move(w)) {
    for (int width : widths) {
      N += width;
      outs.push_back(std::make_unique<Device<T>>(static_cast<size_t>(m * width)));
    }
  }

  static size_t size(const std::vector<int>& widths) {
    size_t sum = 0;
    for (int width : widths) sum += static_cast<size_t>(width);
    return sum;
  }

  template <class A>
  Arguments<T, A> arguments(const A& a) const {
    Arguments<T, A> p = {};
    p.a = a;
    p.b = {b.global(), K, N, K};
    p.groups = 1;
    int first = 0;
    for (size_t s = 0; s < gemm::kMaxOutputs; ++s) {
      p.out.first[s] = first;
      if (s >= widths.size()) continue;
      p.out.data[s] = outs[s]->global();
      p.out.stride[s] = widths[s];
      first += widths[s];
    }
    p.out.bias = bias.global();
    p.out.residual = residual.global();
    p.out.residual_stride = N;
    p.out.rows = M;
    p.out.columns = N;
    p.out.activation = kRelu;
    p.out.vector = 16 / static_cast<int>(sizeof(T));
    return p;
  }

  // a(m, k): the element of the operand.
  template <class F>
  void check_values(F a) const {
    bool exact = true;
    for (int m = 0; m < M; ++m) {
      for (int n = 0, s = 0, begin = 0; n < N; ++n) {
        if (n - begin == widths[static_cast<size_t>(s)]) begin = n, ++s;
        const auto width = static_cast<size_t>(widths[static_cast<size_t>(s)]);
        float sum = bias[static_cast<size_t>(n)] + to_float(residual[static_cast<size_t>(m * N + n)]);
        for (int k = 0; k < K; ++k) sum += a(m, k) * to_float(b[static_cast<size_t>(n * K + k)]);
        const float got =
            to_float((*outs[static_cast<size_t>(s)])[static_cast<size_t>(m) * width + static_cast<size_t>(n - begin)]);
        exact = exact && got == to_float(from_float<T>(sum < 0 ? 0 : sum));
      }
    }
    check(exact, "a product is exact on integers");
  }
};

void check_counters(bool whole_sectors) {
  const emulator::Counters counted = emulator::counters();
  check(counted.bank_conflicts == 0, "a product has no bank conflicts");
  if (whole_sectors) check(counted.excess_sectors == 0, "a product accesses whole sectors");
}

// Rows, columns and K do not fill their tiles, but all are multiples of the 16 channels of a sector.
template <typename T, class Tile, bool kTensorCores>
void test_pointwise(std::vector<int> widths) {
  constexpr int K = 2 * gemm::kStep<T> + 16, M = Tile::kM + 13, V = 16 / static_cast<int>(sizeof(T));
  const Product<T> product(M, std::move(widths), K);
  const Device<T> a(integers<T>(size_t{M} * K, 1));
  emulator::reset_counters();
  const Matrix<T> rows = {a.global(), K, M, K};
  check_ok(gemm::start<Plain, Tile, V, kTensorCores>(product.arguments(rows), nullptr), "a product runs");
  check_counters(true);
  product.check_values([&](int m, int k) { return to_float(a[static_cast<size_t>(m * K + k)]); });
}

// 1x3x3 with padding over two clips of 2 x 7 x 9.
template <typename T, class Tile, bool kTensorCores>
void test_windows(int N) {
  constexpr int C = 32, T_ = 2, H = 7, W = 9, V = 16 / static_cast<int>(sizeof(T));
  const Product<T> product(2 * T_ * H * W, {N}, 9 * C);
  const Device<T> x(integers<T>(size_t{2} * T_ * H * W * C, 1));
  Windows<T> w = {};
  w.data = x.global();
  const int strides[4] = {T_ * H * W * C, H * W * C, W * C, C}, sizes[3] = {T_, H, W}, kernel[3] = {1, 3, 3};
  for (int i = 0; i < 4; ++i) w.stride[i] = strides[i];
  for (int i = 0; i < 3; ++i) {
    w.size[i] = sizes[i], w.kernel[i] = kernel[i], w.step[i] = 1, w.low[i] = kernel[i] / 2;
  }
  w.rows = product.M, w.columns = product.K;
  w.channels = FastDivmod(C), w.taps_h = w.taps_w = FastDivmod(3);
  w.row_t = FastDivmod(T_), w.row_h = FastDivmod(H), w.row_w = FastDivmod(W);
  emulator::reset_counters();
  check_ok(gemm::start<Plain, Tile, V, kTensorCores>(product.arguments(w), nullptr), "a product over windows runs");
  check_counters(true);
  product.check_values([&](int m, int k) {
    const int h = m / W % H + k / C / 3 - 1, column = m % W + k / C % 3 - 1;
    if (h < 0 || h >= H || column < 0 || column >= W) return 0.0f;
    return to_float(x[static_cast<size_t>(((m / (W * H) * H + h) * W + column) * C + k % C)]);
  });
}

}  // namespace

void test_products() {
  test_pointwise<bf16, gemm::Tile128x128, true>({64, 96, 16});
  test_pointwise<f16, gemm::Tile128x96, true>({112});
  test_pointwise<bf16, gemm::Tile128x64, true>({80});
  test_pointwise<f16, gemm::Tile128x32, true>({48});
  test_pointwise<bf16, gemm::Tile64x64, true>({16, 64});
  test_pointwise<float, gemm::TileF32, false>({80});
  test_pointwise<float, gemm::Tile128x64, true>({48, 32});  // tf32: small integers survive the rounding
  test_windows<bf16, gemm::Tile128x128, true>(144);
  test_windows<bf16, gemm::Tile128x96, true>(48);
  test_windows<bf16, gemm::Tile64x64, true>(80);
  test_windows<float, gemm::TileF32, false>(16);
}

}  // namespace emulated
}  // namespace videoclip
