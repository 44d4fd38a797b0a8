#include "ops/loss/cross_entropy.h"

#include <cmath>

#include "cpu/primitives/row_sum.h"
#include "cpu/primitives/vector_math.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

// The term that a row adds to the loss before the division, and its weight.
struct Term {
  double loss, weight;
};

size_t workspace(const Call& call, int) { return static_cast<size_t>(call.in[1].elements()) * sizeof(Term); }

// LSE - x[c] is computed relative to the row max, where little is cancelled.
Term row_term(const float* x, const float* weight, int64_t target, double smoothing, int64_t C, float* lse) {
  Vec row_maxima = splat(x[0]);
  for (int64_t c = 0; c < C; c += kLanes) {
    Vec v = load_some(x + c, C - c);
    for (int64_t l = C - c; l < kLanes; ++l) v[l] = x[0];
    row_maxima = maximum(v, row_maxima);
  }
  const float row_max = max_lanes(row_maxima);
  const float sum = sum_row(C, [&](int64_t c, int64_t n) {
    const Vec e = exp(load_some(x + c, n) - splat(row_max));
    return n < kLanes ? first_lanes(e, n) : e;
  });
  const double log_sum = std::log(static_cast<double>(sum));
  *lse = static_cast<float>(row_max + log_sum);
  if (target < 0) return {0, 0};
  const double own = weight ? weight[target] : 1.0;
  Term term{(1 - smoothing) * own * (log_sum + (static_cast<double>(row_max) - x[target])), own};
  if (smoothing > 0) {
    const float below = sum_row(C, [&](int64_t c, int64_t n) {
      Vec d = splat(row_max) - load_some(x + c, n);
      if (weight) d *= load_some(weight + c, n);
      return n < kLanes ? first_lanes(d, n) : d;
    });
    const double all = weight ? sum_row(C, [&](int64_t c, int64_t n) { return load_some(weight + c, n); }) : C;
    term.loss += smoothing / static_cast<double>(C) * (all * log_sum + below);
  }
  return term;
}

Status cross_entropy(const Call& call) {
  const CrossEntropyAttributes attrs(call);
  const Rows x(call.in[0]);
  const int32_t* target = call.in[1].i32();
  const float* weight = call.in[2].f32();
  const auto ignored = static_cast<int32_t>(attrs.ignore_index);
  Term* terms = reinterpret_cast<Term*>(call.workspace);
  for (int64_t r = 0; r < x.rows; ++r) {
    if (target[r] != ignored && (target[r] < 0 || target[r] >= x.channels)) {
      return {"cross_entropy: a target is no class"};
    }
  }
  const int64_t step = rows_per_task(x.channels);
  call.pool->parallel_for(ceil_div(x.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(x.rows, (task + 1) * step); ++r) {
      terms[r] = row_term(x.data + r * x.stride, weight, target[r] == ignored ? -1 : target[r], attrs.smoothing,
                          x.channels, call.out[1].f32() + r);
    }
  });
  Term all{0, 0};
  for (int64_t r = 0; r < x.rows; ++r) all.loss += terms[r].loss, all.weight += terms[r].weight;
  call.out[0].f32()[0] = all.weight == 0 ? 0.0f : static_cast<float>(all.loss / all.weight);
  return {};
}

VIDEOCLIP_KERNEL("cross_entropy", cross_entropy, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
