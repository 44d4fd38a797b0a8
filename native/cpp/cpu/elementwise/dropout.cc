#include "ops/elementwise/dropout.h"

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int kBlocks = 16;  // blocks of four draws that are computed side by side

typedef uint32_t Words __attribute__((vector_size(kBlocks * 4)));
typedef uint64_t Products __attribute__((vector_size(kBlocks * 8)));

struct Key {
  uint32_t seed, stream, step;
};

inline void multiply(uint32_t a, const Words& b, Words* high, Words* low) {
  const Products p = __builtin_convertvector(b, Products) * a;
  *high = __builtin_convertvector(p >> 32, Words);
  *low = __builtin_convertvector(p, Words);
}

// out[4 b + w]: word w of block `first` + b.
void draw(const Key& key, int64_t first, uint32_t* out) {
  Words x0, x1, x2 = Words{} + key.step, x3 = {};
  for (int b = 0; b < kBlocks; ++b) {
    const auto block = static_cast<uint64_t>(first + b);
    x0[b] = static_cast<uint32_t>(block), x1[b] = static_cast<uint32_t>(block >> 32);
  }
  uint32_t k0 = key.seed, k1 = key.stream;
  for (int round = 0; round < 10; ++round) {
    Words high0, low0, high1, low1;
    multiply(0xd2511f53u, x0, &high0, &low0);
    multiply(0xcd9e8d57u, x2, &high1, &low1);
    x0 = high1 ^ x1 ^ k0, x1 = low1, x2 = high0 ^ x3 ^ k1, x3 = low0;
    k0 += 0x9e3779b9u, k1 += 0xbb67ae85u;
  }
  for (int b = 0; b < kBlocks; ++b) {
    out[4 * b] = x0[b], out[4 * b + 1] = x1[b], out[4 * b + 2] = x2[b], out[4 * b + 3] = x3[b];
  }
}

Status dropout(const Call& call) {
  const DropoutAttributes attrs(call);
  const Rows x(call.in[0]), y(call.out[0]);
  const int32_t* given = call.in[1].i32();
  const Key key{static_cast<uint32_t>(given[0]), static_cast<uint32_t>(attrs.stream), static_cast<uint32_t>(given[1])};
  const auto threshold = static_cast<double>(attrs.threshold);  // 2^32 at most
  const auto scale = static_cast<float>(attrs.scale);
  constexpr int64_t kDraws = 4 * kBlocks, kPerTask = 256 * kDraws;
  const int64_t count = x.rows * x.channels;
  const auto limit = static_cast<uint64_t>(threshold);
  call.pool->parallel_for(ceil_div(count, kPerTask), [&](int64_t task, int) {
    uint32_t draws[kDraws];
    int64_t i = task * kPerTask;
    int64_t r = i / x.channels, c = i % x.channels;
    const int64_t end = min64(count, i + kPerTask);
    while (i < end) {
      draw(key, i / 4, draws);
      for (int64_t k = 0; k < min64(kDraws, end - i); ++k) {
        y.data[r * y.stride + c] = draws[k] < limit ? 0.0f : x.data[r * x.stride + c] * scale;
        if (++c == x.channels) c = 0, ++r;
      }
      i += kDraws;
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("dropout", dropout, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
