// Rows are read from memory once for a block of queries. A task is a split of the rows, which is read for one tile of
// queries after another; it fits L2 if there are several tiles. The four rows that are read together are a quarter of
// the split apart, because the processor prefetches four long streams better than four neighbouring rows. Each thread
// keeps the best k of each query as a heap with the worst on top; few rows pass it. The lists of the threads are merged
// at the end. (score, index) is a total order, so the best k do not depend on which thread scans which rows.
#include "ops/reduce/top_k.h"

#include <algorithm>
#include <limits>

#include "cpu/primitives/half.h"
#include "cpu/primitives/lanes.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

#if defined(__AVX512F__) || defined(VIDEOCLIP_NEON)
constexpr int kTileQueries = 6;  // x 4 rows: 24 sums, 4 rows and 1 query fit 32 registers
#else
constexpr int kTileQueries = 2;  // 8 sums, 4 rows and 1 query fit 16
#endif
constexpr int kRows = 4;
// from the line in use to the one being prefetched; 1 KiB and 4 KiB lose 4 to 10 %
constexpr int64_t kAheadBytes = 2048;
constexpr int64_t kSplitBytes = 4 << 20;        // the ends of streams cost 1 to 3 % at 1 MiB, 4 to 7 % at 256 KiB
constexpr int64_t kReadAgainBytes = 256 << 10;  // size of a split that several tiles of queries read
constexpr int64_t kSplitsPerThread = 8;         // enough that all threads finish at about the same time
constexpr int64_t kListBytes = 32 << 20;        // size of the lists of all threads
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

struct Found {
  float score;
  int32_t index;
};

// The order of results: falling scores, then NaN; equal scores by index.
inline bool better(const Found& a, const Found& b) {
  const bool a_nan = a.score != a.score, b_nan = b.score != b.score;
  if (a_nan != b_nan) return b_nan;
  if (a.score != b.score && !a_nan) return a.score > b.score;
  return a.index < b.index;
}

struct List {
  Found* items;
  int64_t k, count;
  float threshold;  // scores below it are rejected; NaN, which rejects nothing, until the list is full

  void clear() {
    count = 0;
    threshold = std::numeric_limits<float>::quiet_NaN();
  }
  // An equal score can be better than the worst of a full list, because indices arrive in any order.
  void offer(float score, int64_t index) {
    if (!(score < threshold)) add({score, static_cast<int32_t>(index)});
  }
  void add(const Found& f) {
    if (count == k) {
      if (!better(f, items[0])) return;
      std::pop_heap(items, items + count--, better);
    }
    items[count++] = f;
    std::push_heap(items, items + count, better);
    if (count == k) threshold = items[0].score;
  }
};

struct Shape {
  int64_t queries, rows, depth, k, block, split_rows;

  Shape(const Call& call, int threads)
      : queries(call.in[0].shape[0]), rows(call.in[1].shape[0]), depth(call.in[0].shape[1]), k(TopKAttributes(call).k) {
    // The number of queries whose lists are kept at a time. For more queries, rows are read again.
    const int64_t each = threads * (k * static_cast<int64_t>(sizeof(Found)) + static_cast<int64_t>(sizeof(List)));
    block = min64(queries, max64(kTileQueries, kListBytes / each));
    const int64_t bytes = max64(1, depth) * static_cast<int64_t>(item_size(call.in[1].dtype));
    const int64_t tiles = block / kTileQueries + block % kTileQueries;
    const int64_t most = (tiles > 1 ? kReadAgainBytes : kSplitBytes) / bytes;
    const int64_t even = ceil_div(rows, threads * kSplitsPerThread);
    split_rows = ceil_div(max64(1, min64(most, even)), kRows) * kRows;
  }
  int64_t list_bytes() const { return ceil_div(block * static_cast<int64_t>(sizeof(List)), 64) * 64; }
  int64_t thread_bytes() const {
    return list_bytes() + ceil_div(block * k * static_cast<int64_t>(sizeof(Found)), 64) * 64;
  }
};

size_t top_k_workspace(const Call& call, int threads) {
  return static_cast<size_t>(Shape(call, threads).thread_bytes()) * static_cast<size_t>(threads);
}

// Scores of kCount queries and kRows rows; scores[q][r].
template <int kCount, typename T>
inline void score(const float* const* query, const T* const* row, int64_t depth, float (*scores)[kRows]) {
  Vec sum[kCount][kRows] = {};  // stays in registers, since the loops over it are unrolled
  const auto step = [&](int64_t d, int64_t n) __attribute__((always_inline)) {
    Vec x[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) x[r] = load_some(row[r] + d, n);
#pragma GCC unroll 6
    for (int q = 0; q < kCount; ++q) {
      const Vec y = load_some(query[q] + d, n);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sum[q][r] += x[r] * y;
    }
  };
  constexpr int64_t kAhead = kAheadBytes / sizeof(T), kLine = 64 / sizeof(T);
  int64_t d = 0;
  for (; d + kLine <= depth; d += kLine) {
    for (int r = 0; r < kRows; ++r) __builtin_prefetch(row[r] + d + kAhead);  // past the end it does nothing
#pragma GCC unroll 8
    for (int64_t i = 0; i < kLine; i += kLanes) step(d + i, kLanes);
  }
  for (; d + kLanes <= depth; d += kLanes) step(d, kLanes);
  if (d < depth) step(d, depth - d);
#pragma GCC unroll 6
  for (int q = 0; q < kCount; ++q) {
    float lanes[kLanes];
    store(lanes, sum_four(sum[q]));
    for (int r = 0; r < kRows; ++r) scores[q][r] = lanes[kLanes / kRows * sum_place(r)];
  }
}

// kCount queries against rows [first, last).
template <int kCount, typename T>
__attribute__((noinline)) void scan(const Rows& queries, int64_t query, const T* rows, int64_t stride, int64_t depth,
                                    int64_t first, int64_t last, List* lists) {
  const float* q[kCount];
  for (int i = 0; i < kCount; ++i) q[i] = queries.data + (query + i) * queries.stride;
  const int64_t part = ceil_div(last - first, kRows);
  for (int64_t m = first; m < first + part; ++m) {
    const T* row[kRows];
    for (int r = 0; r < kRows; ++r) row[r] = rows + min64(m + r * part, last - 1) * stride;
    float scores[kCount][kRows];
    score<kCount>(q, row, depth, scores);
    for (int i = 0; i < kCount; ++i) {
      for (int64_t r = 0; r < kRows && m + r * part < last; ++r) lists[i].offer(scores[i][r], m + r * part);
    }
  }
}

template <typename T>
void search(const Call& call, const T* rows, int64_t stride) {
  const Shape s(call, call.pool->threads());
  const Rows queries(call.in[0]), values(call.out[0]);
  const Tensor& indices = call.out[1];
  const int64_t base = TopKAttributes(call).base;
  const auto lists = [&](int64_t thread) {
    return reinterpret_cast<List*>(call.workspace + thread * s.thread_bytes());
  };
  const int64_t threads = call.pool->threads();
  for (int64_t begin = 0; begin < s.queries; begin += s.block) {
    const int64_t count = min64(s.block, s.queries - begin);
    for (int64_t t = 0; t < threads; ++t) {
      Found* items = reinterpret_cast<Found*>(call.workspace + t * s.thread_bytes() + s.list_bytes());
      for (int64_t q = 0; q < count; ++q) {
        lists(t)[q] = {items + q * s.k, s.k, 0, 0};
        lists(t)[q].clear();
      }
    }
    call.pool->parallel_for(ceil_div(s.rows, s.split_rows), [&](int64_t task, int thread) {
      const int64_t first = task * s.split_rows, last = min64(s.rows, first + s.split_rows);
      List* own = lists(thread);
      int64_t q = 0;
      for (; q + kTileQueries <= count; q += kTileQueries) {
        scan<kTileQueries>(queries, begin + q, rows, stride, s.depth, first, last, own + q);
      }
      for (; q < count; ++q) scan<1>(queries, begin + q, rows, stride, s.depth, first, last, own + q);
    });
    call.pool->parallel_for(count, [&](int64_t q, int) {
      List& all = lists(0)[q];
      for (int64_t t = 1; t < threads; ++t) {
        const List& other = lists(t)[q];
        for (int64_t i = 0; i < other.count; ++i) all.add(other.items[i]);
      }
      std::sort_heap(all.items, all.items + all.count, better);
      float* value = values.data + (begin + q) * values.stride;
      int32_t* index = reinterpret_cast<int32_t*>(indices.data) + (begin + q) * indices.strides[0];
      for (int64_t i = 0; i < s.k; ++i) {
        value[i] = i < all.count ? all.items[i].score : kMinusInfinity;
        index[i] = i < all.count ? static_cast<int32_t>(base + all.items[i].index) : -1;
      }
    });
  }
}

Status top_k(const Call& call) {
  const Tensor& rows = call.in[1];
  if (rows.dtype == DType::f16) {
    search(call, rows.f16(), rows.strides[0]);
  } else {
    search(call, static_cast<const float*>(rows.f32()), rows.strides[0]);
  }
  return {};
}

VIDEOCLIP_KERNEL("top_k", top_k, top_k_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
