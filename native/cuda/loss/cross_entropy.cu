// LSE_m = log sum_c exp x[m, c];  over the rows m whose target t is not ignored:
//   loss = sum_m ((1 - e) w[t] (LSE_m - x[m, t]) + e / C sum_c w[c] (LSE_m - x[m, c])) / sum_m w[t]
//
// x [M, C] is of T (f32, bf16 or f16) and may be a channel slice; target is i32 [M]; w [C], LSE [M] and loss [1] are
// f32. Sums are in f32. A warp computes a row of up to 1024 classes; a block of 256 threads computes a longer one (32
// bytes of shared memory). A row is read twice, with label smoothing three times. The terms of the rows stay in the
// workspace. One block adds them: each thread adds every 256th, then their sums are added as a tree. A target that is
// not a class gives NaN, since a kernel cannot report an error. x is read once from memory: bound by memory.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/math.h"
#include "cuda/primitives/row_group.h"
#include "ops/loss/cross_entropy.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace cross_entropy_op {

constexpr float kMinusInfinity = -__builtin_huge_valf();

template <typename T>
struct Arguments {
  Global<const T> x;
  Global<const int32_t> target;
  Global<const float> weight;
  Global<float> lse, terms;  // terms [M, 2]: the term of the loss, and the weight of the row
  int64_t rows, C, stride;
  int ignored;
  float smoothing;
};

template <typename T, bool kWide>
__global__ void __launch_bounds__(kRowGroupThreads) row_kernel(Arguments<T> p) {
  const RowGroup<kWide> group;
  if (group.row >= p.rows) return;
  const auto x = [&](int64_t c) { return to_float(p.x.load(static_cast<size_t>(group.row * p.stride + c))); };
  const auto w = [&](int64_t c) { return p.weight ? p.weight.load(static_cast<size_t>(c)) : 1.0f; };
  float row_max = kMinusInfinity, sum = 0, below = 0, all = 0;
  for (int64_t c = group.thread; c < p.C; c += group.kSize) row_max = max(row_max, x(c));
  row_max = group.largest(row_max);
  for (int64_t c = group.thread; c < p.C; c += group.kSize) sum += ::expf(x(c) - row_max);
  const float log_sum = ::logf(group.sum(sum));
  if (p.smoothing > 0) {
    for (int64_t c = group.thread; c < p.C; c += group.kSize) {
      below = fma(w(c), row_max - x(c), below);
      all += w(c);
    }
    below = group.sum(below);
    all = group.sum(all);
  }
  if (group.thread != 0) return;
  const auto row = static_cast<size_t>(group.row);
  p.lse.store(row, row_max + log_sum);
  const int32_t target = p.target.load(row);
  float loss = 0, own = 0;
  if (target != p.ignored && (target < 0 || target >= p.C)) {
    loss = own = bits_to_float(0x7fc00000u);
  } else if (target != p.ignored) {
    own = w(target);
    loss = (1 - p.smoothing) * own * (log_sum + (row_max - x(target)));
    if (p.smoothing > 0) loss += p.smoothing / static_cast<float>(p.C) * fma(all, log_sum, below);
  }
  p.terms.store(2 * row, loss);
  p.terms.store(2 * row + 1, own);
}

struct LossArguments {
  Global<float> loss;
  Global<const float> terms;
  int64_t rows;
};

__global__ void __launch_bounds__(kRowGroupThreads) loss_kernel(LossArguments p) {
  const RowGroup<true> group;
  float loss = 0, weight = 0;
  for (int64_t r = group.thread; r < p.rows; r += kRowGroupThreads) {
    loss += p.terms.load(static_cast<size_t>(2 * r));
    weight += p.terms.load(static_cast<size_t>(2 * r + 1));
  }
  loss = group.sum(loss);
  weight = group.sum(weight);
  if (group.thread == 0) p.loss.store(0, weight == 0 ? 0.0f : loss / weight);
}

size_t workspace(const Call& call, int) { return static_cast<size_t>(2 * call.in[1].elements()) * sizeof(float); }

Status cross_entropy(const Call& call) {
  const CrossEntropyAttributes attrs(call);
  const Rows x(call.in[0]);
  if (x.rows > 0x7fffffff) return {"more than 2^31 - 1 rows"};
  const Global<float> terms(reinterpret_cast<float*>(call.workspace), static_cast<size_t>(2 * x.rows));
  const Status status = for_float(call.in[0].dtype, [&](auto type) -> Status {
    using T = decltype(type);
    if (x.rows == 0) return {};
    const Arguments<T> p{global<const T>(call.in[0]),
                         global<const int32_t>(call.in[1]),
                         global<const float>(call.in[2]),
                         global<float>(call.out[1]),
                         terms,
                         x.rows,
                         x.channels,
                         x.stride,
                         static_cast<int>(attrs.ignore_index),
                         static_cast<float>(attrs.smoothing)};
    return launch_rows<row_kernel<T, true>, row_kernel<T, false>>(p, call.stream);
  });
  if (!status) return status;
  return launch<loss_kernel>(Grid{}, kRowGroupThreads, kRowGroupBytes, call.stream,
                             LossArguments{global<float>(call.out[0]), terms, x.rows});
}

VIDEOCLIP_CUDA_KERNEL("cross_entropy", cross_entropy, workspace);

}  // namespace cross_entropy_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
