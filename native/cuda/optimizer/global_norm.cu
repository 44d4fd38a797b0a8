// The 2-norm over many tensors, with the factor that clips and unscales them; the formula is in
// cpp/ops/optimizer/global_norm.h.
//
// The gradients are dense f32 of any size. A block of 256 threads sums the squares of 4096 elements of a tensor: each
// thread adds 16, a butterfly adds the lanes of a warp, and the 8 warps are added in order. The sums of all blocks are
// the workspace. One more block adds them in the same way; thread t takes the sums t, t + 256, and so on. The order
// follows from the sizes alone. 32 bytes of shared memory. One launch takes up to 96 tensors (as many as 4 KB of
// arguments describe). 4 bytes and 2 FLOP per element: bound by memory.
#include "cuda/optimizer/multi_tensor.h"
#include "cuda/primitives/math.h"
#include "cuda/primitives/warp.h"
#include "ops/optimizer/global_norm.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace global_norm_op {

constexpr int kMaxTensors = 96;
constexpr uint32_t kWarps = kTensorThreads / kWarpSize;

struct SumArguments {
  TensorTable<1, kMaxTensors> table;
  Global<float> sums;
};

// The sum is valid in thread 0.
VC_DEVICE float block_sum(float x) {
  const Shared<float> partial = shared_array<float>(0, kWarps);
  x = warp_sum(x);
  if (lane_id() == 0) partial.store(static_cast<uint32_t>(warp_id()), x);
  sync_threads();
  float sum = 0;
  if (threadIdx.x == 0) {
    for (uint32_t w = 0; w < kWarps; ++w) sum += partial.load(w);
  }
  return sum;
}

__global__ void __launch_bounds__(kTensorThreads) square_sum_kernel(SumArguments a) {
  const int k = a.table.tensor();
  float sum = 0;
  for_elements(a.table, k, [&](size_t i) {
    const float g = a.table.operands[0][k].load(i);
    sum = fma(g, g, sum);
  });
  sum = block_sum(sum);
  if (threadIdx.x == 0) a.sums.store(blockIdx.x, sum);
}

struct NormArguments {
  Global<const float> sums, unscale;
  Global<float> control;
  unsigned count;
  float most;
};

__global__ void __launch_bounds__(kTensorThreads) norm_kernel(NormArguments a) {
  float sum = 0;
  for (unsigned i = threadIdx.x; i < a.count; i += kTensorThreads) sum += a.sums.load(i);
  sum = block_sum(sum);
  if (threadIdx.x != 0) return;
  const float unscale = a.unscale.load(0), norm = square_root(sum) * unscale;
  const bool finite = norm - norm == 0.0f;
  const float clip = a.most > 0.0f ? min(1.0f, a.most / (norm + 1e-6f)) : 1.0f;
  a.control.store(0, norm);
  a.control.store(1, finite ? unscale * clip : 0.0f);
  a.control.store(2, finite ? 1.0f : 0.0f);
}

unsigned blocks_of(const Call& call) {
  int64_t count = 0;
  for (int i = 1; i < call.inputs; ++i) count += tensor_chunks(call.in[i]);
  return static_cast<unsigned>(count);
}

size_t workspace(const Call& call, int) { return size_t{blocks_of(call)} * sizeof(float); }

Status global_norm(const Call& call) {
  if (!all_dense(call)) return {"global_norm: dense f32 gradients expected"};
  const unsigned count = blocks_of(call);
  const Global<float> sums(reinterpret_cast<float*>(call.workspace), count);
  const auto operand = [&](int k, int) -> const Tensor& { return call.in[1 + k]; };
  const Status status =
      for_tables<1, kMaxTensors>(call.inputs - 1, operand, [&](const auto& table, unsigned blocks, unsigned before) {
        const SumArguments arguments{table, sums.offset(before)};
        return launch<square_sum_kernel>(Grid{blocks}, kTensorThreads, kWarps * sizeof(float), call.stream, arguments);
      });
  if (!status) return status;
  const NormArguments arguments{sums, global<const float>(call.in[0]), global<float>(call.out[0]), count,
                                static_cast<float>(GlobalNormAttributes(call).max_norm)};
  return launch<norm_kernel>(Grid{1}, kTensorThreads, kWarps * sizeof(float), call.stream, arguments);
}

VIDEOCLIP_CUDA_KERNEL("global_norm", global_norm, workspace);

}  // namespace global_norm_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
