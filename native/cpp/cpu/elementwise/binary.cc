#include "ops/elementwise/binary.h"

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

// The elements c, c + 1, ... of an operand with a distance of `step`, or `only` if the operand repeats one value.
inline Vec elements(const float* x, int64_t step, int64_t c, int64_t n, Vec only) {
  if (step == 1) return load_some(x + c, n);
  if (step == 0) return only;
  Vec v = {};
  for (int64_t i = 0; i < min64(n, kLanes); ++i) v[i] = x[(c + i) * step];
  return v;
}

template <typename F>
inline void map(const float* a, int64_t step_a, const float* b, int64_t step_b, float* out, int64_t n, const F& f) {
  const Vec only_a = splat(*a), only_b = splat(*b);
  for (int64_t c = 0; c < n; c += kLanes) {
    store_some(out + c, f(elements(a, step_a, c, n - c, only_a), elements(b, step_b, c, n - c, only_b)), n - c);
  }
}

void apply(int kind, const float* a, int64_t step_a, const float* b, int64_t step_b, float* out, int64_t n) {
  switch (kind) {
    case kAdd:
      return map(a, step_a, b, step_b, out, n, [](Vec x, Vec y) { return x + y; });
    case kSub:
      return map(a, step_a, b, step_b, out, n, [](Vec x, Vec y) { return x - y; });
    case kMul:
      return map(a, step_a, b, step_b, out, n, [](Vec x, Vec y) { return x * y; });
    case kDiv:
      return map(a, step_a, b, step_b, out, n, [](Vec x, Vec y) { return x / y; });
    default:
      return map(a, step_a, b, step_b, out, n, [](Vec x, Vec y) { return x >= y || x != x ? x : y; });
  }
}

Status binary(const Call& call) {
  const Tensor& y = call.out[0];
  const int kind = static_cast<int>(BinaryAttributes(call).kind);
  int64_t step[2][kMaxRank] = {};  // element distance along each axis of y, 0 where the operand repeats
  for (int i = 0; i < 2; ++i) {
    const Tensor& x = call.in[i];
    for (int d = 0; d < x.rank; ++d) step[i][d + y.rank - x.rank] = x.shape[d] == 1 ? 0 : x.strides[d];
  }
  const int last = y.rank - 1;
  const int64_t inner = y.rank ? y.shape[last] : 1, outer = inner ? y.elements() / inner : 0;
  const int64_t per_task = rows_per_task(inner);
  call.pool->parallel_for(ceil_div(outer, per_task), [&](int64_t task, int) {
    for (int64_t r = task * per_task; r < min64(outer, (task + 1) * per_task); ++r) {
      const float *a = call.in[0].f32(), *b = call.in[1].f32();
      float* out = y.f32();
      int64_t rest = r;
      for (int d = last - 1; d >= 0; --d) {
        const int64_t i = rest % y.shape[d];
        rest /= y.shape[d];
        a += i * step[0][d], b += i * step[1][d], out += i * y.strides[d];
      }
      const int64_t sa = y.rank ? step[0][last] : 0, sb = y.rank ? step[1][last] : 0;
      apply(kind, a, sa, b, sb, out, inner);
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("binary", binary, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
