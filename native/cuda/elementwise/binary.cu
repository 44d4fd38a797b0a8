// y = f(a, b) with broadcasting; f is given in cpp/ops/elementwise/binary.h.
//
// a and b are views whose shapes broadcast to that of y. All are of T (f32, bf16 or f16); f is computed in f32. Axes
// that are contiguous in all three operands are merged; a broadcast operand has stride 0 there. Equal shapes thus
// become one long row, and adding a bias becomes rows of vectors. A block has 256 threads, and a thread has 4 vectors
// of up to 16 bytes. No shared memory. a and b are read once and y is written once: bound by memory.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/math.h"
#include "cuda/primitives/strided_iterator.h"
#include "cuda/primitives/vector_access.h"
#include "ops/elementwise/binary.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace binary_op {

template <typename T>
struct BinaryArgs {
  Global<T> y;
  Global<const T> a, b;
  StridedIterator<3> iterator;
  int kind;
};

template <int V>
VC_DEVICE void apply(int kind, float (&a)[V], const float (&b)[V]) {
#pragma unroll
  for (int i = 0; i < V; ++i) {
    switch (kind) {  // `kind` is the same for all threads.
      case kAdd:
        a[i] += b[i];
        break;
      case kSub:
        a[i] -= b[i];
        break;
      case kMul:
        a[i] *= b[i];
        break;
      case kDiv:
        a[i] = a[i] / b[i];
        break;
      default:
        a[i] = max_nan(a[i], b[i]);
    }
  }
}

// Loads V values, or one value V times.
template <typename T, int V>
VC_DEVICE void load_or_repeat(Global<const T> x, size_t at, bool repeats, float (&v)[V]) {
  if (!repeats) return load_values(x, at, v);
  const float one = to_float(x.load(at));
#pragma unroll
  for (int i = 0; i < V; ++i) v[i] = one;
}

template <typename T, int V>
__global__ void __launch_bounds__(kIteratorThreads) binary_kernel(BinaryArgs<T> p) {
  constexpr int kUnroll = 2;  // vectors in flight, of two operands each
#pragma unroll 1
  for (int first = 0; first < kIteratorUnroll; first += kUnroll) {
    float a[kUnroll][V], b[kUnroll][V];
    size_t at[kUnroll][3];
    bool valid[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      valid[u] = p.iterator.template offsets<V>(first + u, at[u]);
      if (!valid[u]) continue;
      load_or_repeat(p.a, at[u][1], p.iterator.step[1] == 0, a[u]);
      load_or_repeat(p.b, at[u][2], p.iterator.step[2] == 0, b[u]);
    }
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) {
      if (!valid[u]) return;
      apply(p.kind, a[u], b[u]);
      store_values(p.y, at[u][0], a[u]);
    }
  }
}

// A view of x with the shape of y.
Tensor broadcast(const Tensor& x, const Tensor& y) {
  Tensor view = y;
  view.data = x.data;
  view.dtype = x.dtype;
  const int skip = y.rank - x.rank;
  for (int d = 0; d < y.rank; ++d) view.strides[d] = d < skip || x.shape[d - skip] == 1 ? 0 : x.strides[d - skip];
  return view;
}

Status binary(const Call& call) {
  const Tensor &a = call.in[0], &b = call.in[1], &y = call.out[0];
  if (y.elements() == 0) return {};
  if (a.dtype != y.dtype || b.dtype != y.dtype) return {"binary: operands of one type expected"};
  const Tensor operands[] = {y, broadcast(a, y), broadcast(b, y)};
  const MergedStrides<3> merged(operands);
  return for_float(y.dtype, [&](auto type) {
    using T = decltype(type);
    return for_width<T>(merged.width(operands), [&](auto width) -> Status {
      Status status;
      const StridedIterator<3> iterator(merged, width, &status);
      if (!status) return status;
      const BinaryArgs<T> args{global<T>(y), global<const T>(a), global<const T>(b), iterator,
                               static_cast<int>(BinaryAttributes(call).kind)};
      return launch<binary_kernel<T, width>>(Grid{iterator.blocks}, kIteratorThreads, 0, call.stream, args);
    });
  });
}

VIDEOCLIP_CUDA_KERNEL("binary", binary, no_workspace);

}  // namespace binary_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
