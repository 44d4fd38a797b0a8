#include "ops/optimizer/adam.h"

#include "cpu/optimizer/multi_tensor.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

struct Constants {
  Vec factor, shrink, coupled, take_first, keep_second, take_second, step, root, eps;
};

struct Moved {
  Vec p, m, v;
};

inline Moved move(const Constants& c, Vec p, Vec g, Vec m, Vec v) {
  g = g * c.factor + c.coupled * p;
  m = m + (g - m) * c.take_first;
  v = v * c.keep_second + c.take_second * g * g;
  return {p * c.shrink - c.step * m / (square_root(v) * c.root + c.eps), m, v};
}

Status adam(const Call& call) {
  const AdamAttributes attrs(call);
  if (!all_dense(call)) return {"adam: dense f32 operands expected"};
  const float* rates = call.in[0].f32();
  const auto weight_decay = static_cast<float>(attrs.weight_decay);
  const bool decoupled = attrs.decoupled, finite = is_finite(call.in[1]);
  const Constants constants{splat(call.in[1].f32()[1]),
                            splat(decoupled ? 1 - rates[0] * weight_decay : 1),
                            splat(decoupled ? 0 : weight_decay),
                            splat(static_cast<float>(1 - attrs.beta1)),  // in f64, since 1 - 0.98f is off by 1e-6
                            splat(static_cast<float>(attrs.beta2)),
                            splat(static_cast<float>(1 - attrs.beta2)),
                            splat(rates[1]),
                            splat(rates[2]),
                            splat(static_cast<float>(attrs.eps))};
  for_tensor_chunks(call, 2, 4, [&](int k, int64_t begin, int64_t end, int64_t) {
    const Tensor *in = call.in + 2 + 4 * k, *out = call.out + 3 * k;
    for (int64_t i = begin; i < end; i += kLanes) {
      const int64_t n = end - i;
      const auto at = [&](int operand) { return load_some(in[operand].f32() + i, n); };
      Moved next{at(0), at(2), at(3)};
      if (finite) next = move(constants, next.p, at(1), next.m, next.v);
      store_some(out[0].f32() + i, next.p, n);
      store_some(out[1].f32() + i, next.m, n);
      store_some(out[2].f32() + i, next.v, n);
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("adam", adam, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
