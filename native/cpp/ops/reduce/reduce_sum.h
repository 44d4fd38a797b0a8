#pragma once
// reduce_sum: y[o, i] = sum over r of x[o, r, i]: x seen as [outer, reduced, inner]
//
// in  0 x, may be a slice    out 0 y like x without the reduced axes    attrs  outer, reduced, inner
// Sums in f32. Where inner is 1 the reduced axes are the last ones. Rows are summed in chunks whose number follows from
// the shape, and the chunks in their order: the same bits for any number of threads.
#include "runtime/kernel.h"

namespace videoclip {

struct ReduceSumArgs {
  int64_t outer, inner, rows, between;  // `rows` of x to each sum, `between` rows of x lie from one to the next
  bool last;                            // the reduced axes are the last ones: rows are summed over their channels too

  explicit ReduceSumArgs(const Call& call)
      : outer(static_cast<int64_t>(call.attrs[0])), inner(static_cast<int64_t>(call.attrs[2])) {
    const Tensor& x = call.in[0];
    const int64_t channels = x.rank ? x.shape[x.rank - 1] : 1;
    int64_t axes = 1;  // elements of the axes from the last reduced one on
    int d = x.rank;
    while (d > 0 && axes < inner) axes *= x.shape[--d];
    last = d == x.rank;
    const int64_t reduced = static_cast<int64_t>(call.attrs[1]);
    rows = last ? (channels ? reduced / channels : 0) : reduced;
    between = last ? 1 : (channels ? inner / channels : 0);
  }
};

}  // namespace videoclip
