#pragma once
// matmul: y[b, m, n] = sum_k A[b, m, k] B[b, k, n]
//
// in  0 a [..., M, K], or [..., K, M] when transposeA        1 b [..., K, N], or [..., N, K] when transposeB; without
// the leading axes it is the same for all of them    out 0 y [..., M, N] dense attrs  transposeA, transposeB (0 or 1)
#include "runtime/kernel.h"

namespace videoclip {

// A matrix of a batch: element (i, j) of number n lies at n * batch + i * row + j.
struct MatrixView {
  int64_t batch, row;
};

struct MatmulArgs {
  bool transpose_a, transpose_b;
  int64_t batch = 1, M, N, K;
  MatrixView a, b, y;

  explicit MatmulArgs(const Call& call) {
    const Tensor &x = call.in[0], &w = call.in[1], &out = call.out[0];
    transpose_a = call.attrs[0] != 0, transpose_b = call.attrs[1] != 0;
    M = out.shape[out.rank - 2], N = out.shape[out.rank - 1];
    K = x.shape[x.rank - (transpose_a ? 2 : 1)];
    for (int i = 0; i + 2 < out.rank; ++i) batch *= out.shape[i];
    a = view(x), b = view(w), y = view(out);
    if (w.rank > 2) return;
    b.batch = 0;
    if (transpose_a) return;
    M *= batch, batch = 1;  // one matrix B for all: the rows of all are the rows of one product
  }

 private:
  static MatrixView view(const Tensor& t) {
    const int64_t row = t.strides[t.rank - 2];
    return {t.shape[t.rank - 2] * row, row};
  }
};

}  // namespace videoclip
