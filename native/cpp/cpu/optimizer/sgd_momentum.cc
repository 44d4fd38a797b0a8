#include "ops/optimizer/sgd_momentum.h"

#include "cpu/optimizer/multi_tensor.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

Status sgd_momentum(const Call& call) {
  const SgdMomentumAttributes attrs(call);
  if (!all_dense(call)) return {"sgd_momentum: dense f32 operands expected"};
  const Vec rate = splat(call.in[0].f32()[0]), factor = splat(call.in[1].f32()[1]);
  const Vec momentum = splat(static_cast<float>(attrs.momentum)), decay = splat(static_cast<float>(attrs.weight_decay));
  const bool nesterov = attrs.nesterov, finite = is_finite(call.in[1]);
  for_tensor_chunks(call, 2, 3, [&](int k, int64_t begin, int64_t end, int64_t) {
    const Tensor *in = call.in + 2 + 3 * k, *out = call.out + 2 * k;
    for (int64_t i = begin; i < end; i += kLanes) {
      const int64_t n = end - i;
      const auto at = [&](int operand) { return load_some(in[operand].f32() + i, n); };
      Vec p = at(0), buffer = at(2);
      if (finite) {
        const Vec g = at(1) * factor + p * decay;
        buffer = buffer * momentum + g;
        p -= rate * (nesterov ? g + momentum * buffer : buffer);
      }
      store_some(out[0].f32() + i, p, n);
      store_some(out[1].f32() + i, buffer, n);
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("sgd_momentum", sgd_momentum, no_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
