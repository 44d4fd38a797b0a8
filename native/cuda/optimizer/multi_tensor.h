#pragma once
// Ops over many dense tensors. A launch takes as many tensors as its arguments can describe, with one block per chunk.
#include "cuda/primitives/kernel.h"
#include "runtime/dense.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

constexpr int kTensorThreads = 256;
constexpr int kTensorUnroll = 16;  // elements per thread
constexpr int64_t kTensorChunk = kTensorThreads * kTensorUnroll;

// K operands of up to kMaxTensors tensors. Block b has a chunk of the last tensor whose first block is not after b.
template <int K, int kMaxTensors>
struct TensorTable {
  Global<float> operands[K][kMaxTensors];
  size_t size[kMaxTensors] = {};
  unsigned first[kMaxTensors] = {};
  int count = 0;

  VC_DEVICE int tensor() const {
    int k = 0;
    while (k + 1 < count && first[k + 1] <= blockIdx.x) ++k;
    return k;
  }
};

inline int64_t tensor_chunks(const Tensor& t) { return (t.elements() + kTensorChunk - 1) / kTensorChunk; }

// Fills tables with tensors 0 to tensors - 1, where operand o of tensor k is `operand(k, o)`, and calls submit(table,
// blocks, blocks before) for each full one.
template <int K, int kMaxTensors, class Operand, class Submit>
Status for_tables(int tensors, const Operand& operand, const Submit& submit) {
  unsigned before = 0;
  for (int k = 0; k < tensors;) {
    TensorTable<K, kMaxTensors> table;
    unsigned blocks = 0;
    for (; k < tensors && table.count < kMaxTensors; ++k) {
      const Tensor& first = operand(k, 0);
      if (first.elements() == 0) continue;
      for (int o = 0; o < K; ++o) table.operands[o][table.count] = global<float>(operand(k, o));
      table.size[table.count] = static_cast<size_t>(first.elements());
      table.first[table.count++] = blocks;
      blocks += static_cast<unsigned>(tensor_chunks(first));
    }
    if (blocks == 0) continue;
    if (const Status status = submit(table, blocks, before); !status) return status;
    before += blocks;
  }
  return {};
}

// Calls body(element) for the thread's elements of its block's chunk. Neighbouring threads have neighbouring elements.
template <int K, int kMaxTensors, class F>
VC_DEVICE void for_elements(const TensorTable<K, kMaxTensors>& table, int tensor, F body) {
  const size_t begin = size_t{blockIdx.x - table.first[tensor]} * static_cast<size_t>(kTensorChunk) + threadIdx.x;
#pragma unroll 4
  for (int u = 0; u < kTensorUnroll; ++u) {
    const size_t i = begin + static_cast<size_t>(u) * kTensorThreads;
    if (i < table.size[tensor]) body(i);
  }
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
