#pragma once
// The micro-kernel of bf16: kBf16Rows rows times the columns of a panel, with sums in f32, by vectors or by the tiles of
// a matrix unit.
#include "cpu/elementwise/activation.h"
#if defined(VIDEOCLIP_TILES)
#include "cpu/gemm/bf16_matrix.h"
#else
#include "cpu/gemm/bf16_dot.h"
#endif

namespace videoclip {
namespace VIDEOCLIP_ISA {

// The rows of a tile whose values are of storage type T.
template <typename T>
constexpr int kRowsOf = sizeof(T) == 2 ? kBf16Rows : kTileRows;

// Stores `count` rows of sums [kBf16Rows][width] plus bias (may be null) plus residual (may be null), after the
// activation. Row r of residual and out is r strides further.
template <typename T>
__attribute__((noinline)) void store_sums(float* sums, int64_t width, int64_t count, int64_t used, const float* bias,
                                          const T* residual, int64_t residual_stride, int64_t activation, bool streams,
                                          T* out, int64_t stride) {
  const bool plain = activation <= kRelu;
  for (int64_t r = 0; r < count; ++r, out += stride, sums += width) {
    for (int64_t c = 0; c < used; c += kLanes) {
      const int64_t n = used - c;
      Vec y = load(sums + c);
      if (bias) y += load_some(bias + c, n);
      if (residual) y += load_some(residual + r * residual_stride + c, n);
      if (activation == kRelu) y = relu(y);
      if (!plain) {
        store(sums + c, y);
      } else if (streams && n >= kLanes) {
        stream(out + c, y);
      } else {
        store_some(out + c, y, n);
      }
    }
    if (plain) continue;
    activate(static_cast<int>(activation), sums, sums, used);
    for (int64_t c = 0; c < used; c += kLanes) store_some(out + c, load(sums + c), used - c);
  }
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
