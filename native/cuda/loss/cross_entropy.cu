// LSE_m = log sum_c exp x[m, c];  over the rows m whose target t is not ignored:
//   loss = sum_m ((1 - e) w[t] (LSE_m - x[m, t]) + e / C sum_c w[c] (LSE_m - x[m, c])) / sum_m w[t]
//
// x [M, C] of T (f32, bf16 or f16), may be a channel slice; target i32 [M], w [C], LSE [M] and loss [1] f32; sums in
// f32. A row of up to 1024 classes is shared by a warp, a longer one by a block of 256 threads (32 bytes of shared
// memory); it is read twice, three times with smoothing. Terms of the rows stay in the workspace; one block adds them,
// each thread every 256th, then as a tree. A target that is no class gives NaN, since a kernel cannot fail. Bytes: one
// read of x: bound by memory. Share of the roofline: not yet measured.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/math.h"
#include "cuda/primitives/row_team.h"
#include "ops/loss/cross_entropy.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {

constexpr float kNone = -__builtin_huge_valf();

template <typename T>
struct Arguments {
  Global<const T> x;
  Global<const int32_t> target;
  Global<const float> weight;
  Global<float> lse, terms;  // terms [M, 2]: of the loss, and the row's weight
  int64_t rows, C, stride;
  int ignored;
  float smoothing;
};

template <typename T, bool kWide>
__global__ void __launch_bounds__(kTeamThreads) row_kernel(Arguments<T> p) {
  const RowTeam<kWide> team;
  if (team.row >= p.rows) return;
  const auto x = [&](int64_t c) { return to_float(p.x.load(static_cast<size_t>(team.row * p.stride + c))); };
  const auto w = [&](int64_t c) { return p.weight ? p.weight.load(static_cast<size_t>(c)) : 1.0f; };
  float top = kNone, sum = 0, below = 0, all = 0;
  for (int64_t c = team.thread; c < p.C; c += team.kSize) top = max(top, x(c));
  top = team.largest(top);
  for (int64_t c = team.thread; c < p.C; c += team.kSize) sum += ::expf(x(c) - top);
  const float log_sum = ::logf(team.sum(sum));
  if (p.smoothing > 0) {
    for (int64_t c = team.thread; c < p.C; c += team.kSize) {
      below = fma(w(c), top - x(c), below);
      all += w(c);
    }
    below = team.sum(below);
    all = team.sum(all);
  }
  if (team.thread != 0) return;
  const auto row = static_cast<size_t>(team.row);
  p.lse.store(row, top + log_sum);
  const int32_t target = p.target.load(row);
  float loss = 0, own = 0;
  if (target != p.ignored && (target < 0 || target >= p.C)) {
    loss = own = bits_to_float(0x7fc00000u);
  } else if (target != p.ignored) {
    own = w(target);
    loss = (1 - p.smoothing) * own * (log_sum + (top - x(target)));
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

__global__ void __launch_bounds__(kTeamThreads) loss_kernel(LossArguments p) {
  const RowTeam<true> team;
  float loss = 0, weight = 0;
  for (int64_t r = team.thread; r < p.rows; r += kTeamThreads) {
    loss += p.terms.load(static_cast<size_t>(2 * r));
    weight += p.terms.load(static_cast<size_t>(2 * r + 1));
  }
  loss = team.sum(loss);
  weight = team.sum(weight);
  if (team.thread == 0) p.loss.store(0, weight == 0 ? 0.0f : loss / weight);
}

size_t workspace(const Call& call, int) { return static_cast<size_t>(2 * call.in[1].elements()) * sizeof(float); }

Status cross_entropy(const Call& call) {
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
                         static_cast<int>(call.attrs[0]),
                         static_cast<float>(call.attrs[1])};
    const Grid grid{team_blocks(p.rows, p.C)};
    if (p.C > kWideRow) return launch(row_kernel<T, true>, grid, kTeamThreads, kTeamBytes, call.stream, p);
    return launch(row_kernel<T, false>, grid, kTeamThreads, 0, call.stream, p);
  });
  if (!status) return status;
  return launch(loss_kernel, Grid{}, kTeamThreads, kTeamBytes, call.stream,
                LossArguments{global<float>(call.out[0]), terms, x.rows});
}

VIDEOCLIP_CUDA_KERNEL("cross_entropy", cross_entropy, workspace);

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
