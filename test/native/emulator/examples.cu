// Compiles the example kernels with nvcc: every kernel of the emulator must also compile for devices.
#include "example_gemm.h"
#include "example_reduction.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace examples {

template <typename T>
Status run_linear(const Call& call) {
  const Tensor &a = call.in[0], &b = call.in[1];
  return gemm<T, true>({global<float>(call.out[0]), global<const T>(a), global<const T>(b),
                        static_cast<int>(a.shape[0]), static_cast<int>(b.shape[0]), static_cast<int>(a.shape[1])},
                       call.stream);
}

struct EveryArguments {
  Global<float> out;
  Global<const float> x;
};

// Uses the primitives that the examples leave out.
__global__ void every_kernel(EveryArguments p) {
  const Shared<float> s = shared_array<float>(0, 256);
  const Shared<bf16> h = shared_array<bf16>(1024, 512);
  cp_async<8>(s, threadIdx.x * 2, p.x, threadIdx.x * 2, threadIdx.x < 5);
  cp_async<4>(s, 128 + threadIdx.x, p.x, threadIdx.x, true);
  cp_async_commit();
  cp_async_wait<0>();
  h.store_packed<2>(threadIdx.x * 2,
                    p.x ? Packed<bf16, 2>{{from_float<bf16>(1), from_float<bf16>(2)}} : Packed<bf16, 2>{});
  named_barrier_sync(1, 64);
  named_barrier_arrive(2, 64);
  sync_warp();
  uint32_t r[4] = {}, q[2] = {};
  ldmatrix_x4_trans(r, h, static_cast<uint32_t>(lane_id()) * 8);
  ldmatrix_x2_trans(q, h, static_cast<uint32_t>(lane_id() % 16) * 8);
  float d[4] = {};
  mma_m16n8k16<f16>(d, r, q);
  r[0] = to_tf32(s.load(threadIdx.x));
  mma_m16n8k8_tf32(d, r, q);
  const float x = shuffle(d[0], 3) + shuffle_down(d[1], 1) + warp_max(d[2]) + to_float(from_float<f16>(d[3]));
  const bool some = vote_any(x > 0) && !vote_all(x > 1) && ballot(x > 2) != 0;
  const float y = exp_approx(x) * rsqrt_approx(x) + reciprocal_approx(fma(x, x, min(x, 1.0f)));
  const uint32_t pair = pack_pair<bf16>(x, y) ^ pack_pair<f16>(y, x);
  p.out.store_packed<4>(threadIdx.x * 4, {{x, y, some ? 1.0f : 0.0f, bits_to_float(pair)}});
}

Status run_every(const Call& call) {
  return launch<every_kernel>(Grid{}, 64, 2048, call.stream,
                EveryArguments{global<float>(call.out[0]), global<const float>(call.in[0])});
}

Status run_reduction(const Call& call) {
  const Tensor& x = call.in[0];
  return reduction<f16>({global<float>(call.out[0]), global<const f16>(x), static_cast<int>(x.shape[1])},
                        static_cast<int>(x.shape[0]), call.stream);
}

}  // namespace examples

namespace linear_example {
VIDEOCLIP_CUDA_KERNEL("example_linear", run_linear<bf16>, no_workspace);
}
namespace reduction_example {
VIDEOCLIP_CUDA_KERNEL("example_reduction", run_reduction, no_workspace);
}
namespace every_example {
VIDEOCLIP_CUDA_KERNEL("example_every", run_every, no_workspace);
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
