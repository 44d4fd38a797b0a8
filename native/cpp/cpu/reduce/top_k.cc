// Rows are read from memory once for a block of queries. A task is a split of the rows, or several; one is read for a
// tile of queries after another; it fits L2 if there are several tiles. The four rows that are read together are a
// quarter of the split apart, because the processor prefetches four long streams better than four neighbouring rows.
// Each thread keeps the best k of each query, and those that came after them; few rows pass the worst of them. The
// lists of the threads are merged at the end. (score, index) is a total order, so the best k do not depend on which
// thread scans which rows.
//
// Several tiles of queries read a copy of the split: of f32, so that f16 is converted once, or where the processor has
// dot products of 8 bits, rounded to them. The scores of the latter only tell which rows can be among the best; these
// are computed in f32, so that no bit of a result changes.
#include "ops/reduce/top_k.h"

#include <algorithm>
#include <limits>

#include "cpu/primitives/half.h"
#include "cpu/primitives/lanes.h"
#include "cpu/reduce/near_scores.h"

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
constexpr int64_t kNearBytes = 128 << 10;       // and of one with rounded rows: L2 has its rows and the next ones too
constexpr int64_t kNearSplits = 8;              // of a task, which prefetches the next one while it uses one
constexpr int64_t kSplitsPerThread = 8;         // enough that all threads finish at about the same time
constexpr int64_t kListBytes = 32 << 20;        // size of the lists of all threads
constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

struct Found {
  float score;
  int32_t index;
};

// The order of results: falling scores, then NaN; equal scores by index.
struct Better {
  bool operator()(const Found& a, const Found& b) const {
    const bool a_nan = a.score != a.score, b_nan = b.score != b.score;
    if (a_nan != b_nan) return b_nan;
    if (a.score != b.score && !a_nan) return a.score > b.score;
    return a.index < b.index;
  }
};
constexpr Better better;

// Items that can be among the best k, and how many there can be.
inline int64_t list_size(int64_t k) { return k + max64(16, min64(k, 65536)); }

// The best k are separated from the others whenever the list is full, which takes a fraction of the time of a heap.
struct List {
  Found* items;
  int64_t k, count;
  float threshold;  // scores below it are rejected; NaN, which rejects nothing, until there were k

  void clear() {
    count = 0;
    threshold = std::numeric_limits<float>::quiet_NaN();
  }
  // An equal score can be better than the worst of the best, because indices arrive in any order.
  void offer(float score, int64_t index) {
    if (!(score < threshold)) add({score, static_cast<int32_t>(index)});
  }
  void add(const Found& f) {
    items[count++] = f;
    if (count == list_size(k)) keep_best();
  }
  __attribute__((noinline)) void keep_best() {
    if (count <= k) return;
    std::nth_element(items, items + k - 1, items + count, better);
    count = k;
    threshold = items[k - 1].score;
  }
};

struct Shape {
  int64_t queries, rows, depth, k, block, split_rows, task_rows;
  bool copies, near;  // splits of f16 are copied, to f32 or to 8 bits

  Shape(const Call& call, int threads)
      : queries(call.in[0].shape[0]), rows(call.in[1].shape[0]), depth(call.in[0].shape[1]), k(TopKAttributes(call).k) {
    // The number of queries whose lists are kept at a time. For more queries, rows are read again.
    const int64_t bytes_of_list =
        list_size(k) * static_cast<int64_t>(sizeof(Found)) + static_cast<int64_t>(sizeof(List));
    const int64_t each = threads * bytes_of_list;
    block = min64(queries, max64(kTileQueries, kListBytes / each));
    copies = call.in[1].dtype == DType::f16 && block > kTileQueries;
    near = copies && depth <= kNearDepth && has_near_scores();
    const size_t item = near ? 1 : copies ? 4 : item_size(call.in[1].dtype);
    const int64_t bytes = max64(1, depth) * static_cast<int64_t>(item);
    const int64_t most = (near ? kNearBytes : block > kTileQueries ? kReadAgainBytes : kSplitBytes) / bytes;
    const int64_t even = ceil_div(rows, threads * kSplitsPerThread);
    const int64_t together = near ? kNearRows : kRows;
    split_rows = ceil_div(max64(1, min64(most, even)), together) * together;
    task_rows = split_rows * (near ? max64(1, min64(kNearSplits, even / split_rows)) : 1);
  }
  // The memory of a thread: lists, what they hold, and the copy of a split with the norms of its rows.
  int64_t list_bytes() const { return round_up(block * static_cast<int64_t>(sizeof(List))); }
  int64_t found_bytes() const { return round_up(block * list_size(k) * static_cast<int64_t>(sizeof(Found))); }
  int64_t copy_bytes() const {
    if (near) return round_up(split_rows * near_depth(depth)) + 2 * round_up(split_rows * 4);
    return copies ? round_up(split_rows * depth * 4) : 0;
  }
  int64_t thread_bytes() const { return list_bytes() + found_bytes() + copy_bytes(); }
  // Rounded queries, for all threads.
  int64_t query_bytes() const {
    constexpr int64_t kEach = 16;  // of RoundedQuery
    return near ? round_up(block * near_depth(depth)) + round_up(block * kEach) : 0;
  }

 private:
  static int64_t round_up(int64_t bytes) { return ceil_div(bytes, 64) * 64; }
};

size_t top_k_workspace(const Call& call, int threads) {
  const Shape s(call, threads);
  return static_cast<size_t>(s.thread_bytes() * threads + s.query_bytes());
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

// kCount queries against rows [first, last), whose numbers in the lists are `base` higher.
template <int kCount, typename T>
__attribute__((noinline)) void scan(const Rows& queries, int64_t query, const T* rows, int64_t stride, int64_t depth,
                                    int64_t first, int64_t last, int64_t base, List* lists) {
  const float* q[kCount];
  for (int i = 0; i < kCount; ++i) q[i] = queries.data + (query + i) * queries.stride;
  const int64_t part = ceil_div(last - first, kRows);
  for (int64_t m = first; m < first + part; ++m) {
    const T* row[kRows];
    for (int r = 0; r < kRows; ++r) row[r] = rows + min64(m + r * part, last - 1) * stride;
    float scores[kCount][kRows];
    score<kCount>(q, row, depth, scores);
    for (int i = 0; i < kCount; ++i) {
      for (int64_t r = 0; r < kRows && m + r * part < last; ++r) lists[i].offer(scores[i][r], base + m + r * part);
    }
  }
}

// Calls run(count) with `count` as a constant.
template <int kLargest = kTileQueries, class F>
void with_count(int64_t count, const F& run) {
  if constexpr (kLargest > 1) {
    if (count < kLargest) return with_count<kLargest - 1>(count, run);
  }
  run(std::integral_constant<int, kLargest>{});
}

// Calls run(query, count) for tiles of queries of about the same size.
template <class F>
void for_tiles(int64_t queries, const F& run) {
  const int64_t tiles = ceil_div(queries, kTileQueries);
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t first = i * queries / tiles;
    with_count((i + 1) * queries / tiles - first, [&](auto count) { run(first, count); });
  }
}

#if defined(__AVX512F__)
// The rounded queries of a block, one after the other.
struct NearQueries {
  int8_t* values;
  RoundedQuery* rounded;
  int64_t depth;  // of a row in memory

  NearQueries(char* at, int64_t queries, int64_t depth)
      : values(reinterpret_cast<int8_t*>(at)),
        rounded(reinterpret_cast<RoundedQuery*>(at + ceil_div(queries * near_depth(depth), 64) * 64)),
        depth(near_depth(depth)) {}
  void set(int64_t i, const float* query, int64_t values_of_query) const {
    rounded[i] = round_query(query, values_of_query, values + i * depth);
  }
};

// The rounded rows of a split, kNearRows together.
struct NearRows {
  uint8_t* values;
  float *scale, *norm;
  int64_t depth;  // of a row in memory

  NearRows(char* at, int64_t rows, int64_t depth)
      : values(reinterpret_cast<uint8_t*>(at)),
        scale(reinterpret_cast<float*>(at + ceil_div(rows * near_depth(depth), 64) * 64)),
        norm(scale + ceil_div(rows, 16) * 16),
        depth(near_depth(depth)) {}
  // Rounds rows [first, last), and repeats the last one in the rest of the rows that are read together.
  void set(const uint16_t* rows, int64_t stride, int64_t values_of_row, int64_t first, int64_t last) const {
    const int64_t count = ceil_div(last - first, kNearRows) * kNearRows;
    for (int64_t i = 0; i < count; i += kLanes) {
      const uint16_t* row[kLanes];
      for (int64_t r = 0; r < kLanes; ++r) row[r] = rows + min64(first + i + r, last - 1) * stride;
      uint8_t* out = values + i / kNearRows * kNearRows * depth + i % kNearRows * 4;
      round_rows(row, values_of_row, out, scale + i, norm + i);
    }
  }
};

// Rows that one query is multiplied with in f32 as soon as there are four.
struct Candidates {
  int64_t count, index[kRows];

  void score_all(const float* query, const uint16_t* rows, int64_t stride, int64_t depth, List& list) {
    if (count == 0) return;
    const uint16_t* row[kRows];
    for (int64_t r = 0; r < kRows; ++r) row[r] = rows + index[min64(r, count - 1)] * stride;
    float scores[1][kRows];
    score<1>(&query, row, depth, scores);
    for (int64_t r = 0; r < count; ++r) list.offer(scores[0][r], index[r]);
    count = 0;
  }
};

// As `scan`, for the queries of a block from `tile` on and the rows [first, last) of a split with rounded rows.
template <int kCount>
__attribute__((noinline)) void scan_near(const Rows& queries, int64_t query, const NearQueries& near, int64_t tile,
                                         const uint16_t* rows, int64_t stride, const NearRows& split, int64_t first,
                                         int64_t last, Ahead& ahead, List* lists) {
  const int8_t* near_query[kCount];
  for (int i = 0; i < kCount; ++i) near_query[i] = near.values + (tile + i) * near.depth;
  Candidates candidates[kCount] = {};
  const auto score_all = [&](int i) {
    const float* q = queries.data + (query + i) * queries.stride;
    candidates[i].score_all(q, rows, stride, queries.channels, lists[i]);
  };
  for (int64_t m = first; m < last; m += kNearRows) {
    float thresholds[kCount];
    for (int i = 0; i < kCount; ++i) thresholds[i] = lists[i].threshold;
    uint64_t can[kCount];
    near_rows<kCount>(near_query, near.rounded + tile, thresholds, split.values + (m - first) * split.depth,
                      split.depth, split.scale + (m - first), split.norm + (m - first), ahead, can);
    const uint64_t exist = last - m >= kNearRows ? ~0ull : (1ull << (last - m)) - 1;
    for (int i = 0; i < kCount; ++i) {
      Candidates& found = candidates[i];
      for (uint64_t bits = can[i] & exist; bits != 0; bits &= bits - 1) {
        found.index[found.count++] = m + __builtin_ctzll(bits);
        if (found.count == kRows) score_all(i);
      }
    }
  }
  for (int i = 0; i < kCount; ++i) score_all(i);
}
#endif

// Converts rows [first, last) to f32, one after the other.
void convert_rows(const uint16_t* rows, int64_t stride, int64_t depth, int64_t first, int64_t last, float* out) {
  for (int64_t m = first; m < last; ++m, out += depth) {
    for (int64_t d = 0; d < depth; d += kLanes)
      store_some(out + d, load_some(rows + m * stride + d, depth - d), depth - d);
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
        lists(t)[q] = {items + q * list_size(s.k), s.k, 0, 0};
        lists(t)[q].clear();
      }
    }
#if defined(__AVX512F__)
    const NearQueries near(call.workspace + threads * s.thread_bytes(), s.block, s.depth);
    for (int64_t q = 0; s.near && q < count; ++q) near.set(q, queries.data + (begin + q) * queries.stride, s.depth);
#endif
    call.pool->parallel_for(ceil_div(s.rows, s.task_rows), [&](int64_t task, int thread) {
      const int64_t first = task * s.task_rows, last = min64(s.rows, first + s.task_rows);
      List* own = lists(thread);
      if constexpr (sizeof(T) == 2) {
        char* copy = call.workspace + thread * s.thread_bytes() + s.list_bytes() + s.found_bytes();
#if defined(__AVX512F__)
        if (s.near) {
          const NearRows split(copy, s.split_rows, s.depth);
          for (int64_t m = first; m < last; m += s.split_rows) {
            const int64_t end = min64(last, m + s.split_rows), after = min64(last, end + s.split_rows);
            split.set(rows, stride, s.depth, m, end);
            const auto address = [&](int64_t r) { return reinterpret_cast<const char*>(rows + r * stride); };
            const int64_t steps =
                ceil_div(end - m, kNearRows) * ceil_div(count, kTileQueries) * (split.depth / kNearLanes);
            Ahead ahead{address(end), address(after), ceil_div(address(after) - address(end), 64 * steps)};
            for_tiles(count, [&](int64_t q, auto tile) {
              scan_near<decltype(tile)::value>(queries, begin + q, near, q, rows, stride, split, m, end, ahead,
                                               own + q);
            });
          }
          return;
        }
#endif
        if (s.copies) {
          float* converted = reinterpret_cast<float*>(copy);
          convert_rows(rows, stride, s.depth, first, last, converted);
          for_tiles(count, [&](int64_t q, auto tile) {
            scan<decltype(tile)::value>(queries, begin + q, converted, s.depth, s.depth, 0, last - first, first,
                                        own + q);
          });
          return;
        }
      }
      for_tiles(count, [&](int64_t q, auto tile) {
        scan<decltype(tile)::value>(queries, begin + q, rows, stride, s.depth, first, last, 0, own + q);
      });
    });
    call.pool->parallel_for(count, [&](int64_t q, int) {
      List& all = lists(0)[q];
      for (int64_t t = 1; t < threads; ++t) {
        const List& other = lists(t)[q];
        for (int64_t i = 0; i < other.count; ++i) all.offer(other.items[i].score, other.items[i].index);
      }
      all.keep_best();
      std::sort(all.items, all.items + all.count, better);
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
