#include "ops/layout/embedding_grad.h"

#include <algorithm>

#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

size_t workspace(const Call& call, int) {
  return static_cast<size_t>(call.out[0].shape[0] + 1 + call.in[0].elements()) * sizeof(int32_t);
}

Status embedding_grad(const Call& call) {
  const int32_t* ids = call.in[0].i32();
  const int64_t places = call.in[0].elements();
  const auto padding = static_cast<int32_t>(EmbeddingGradAttributes(call).padding);
  const Rows dy(call.in[1]), dw(call.out[0]);
  // Counting sort: order[ends[r - 1] .. ends[r]) are the positions of row r.
  int32_t* ends = reinterpret_cast<int32_t*>(call.workspace);
  int32_t* order = ends + dw.rows + 1;
  std::fill(ends, ends + dw.rows + 1, 0);
  for (int64_t i = 0; i < places; ++i) {
    if (ids[i] < 0 || ids[i] >= dw.rows) return {"embedding_grad: an id lies outside the table"};
    if (ids[i] != padding) ++ends[ids[i] + 1];
  }
  for (int64_t r = 0; r < dw.rows; ++r) ends[r + 1] += ends[r];
  for (int64_t i = 0; i < places; ++i) {
    if (ids[i] != padding) order[ends[ids[i]]++] = static_cast<int32_t>(i);
  }
  // Each end has moved to the next one: row r begins where row r - 1 ends.
  const int64_t step = rows_per_task(dw.channels);
  call.pool->parallel_for(ceil_div(dw.rows, step), [&](int64_t task, int) {
    for (int64_t r = task * step; r < min64(dw.rows, (task + 1) * step); ++r) {
      const int64_t first = r ? ends[r - 1] : 0;
      float* out = dw.data + r * dw.stride;
      for (int64_t c = 0; c < dw.channels; c += kLanes) {
        Vec sum = {};
        for (int64_t k = first; k < ends[r]; ++k) sum += load_some(dy.data + order[k] * dy.stride + c, dw.channels - c);
        store_some(out + c, sum, dw.channels - c);
      }
    }
  });
  return {};
}

VIDEOCLIP_KERNEL("embedding_grad", embedding_grad, workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
