// top_k: of scores s[q, m] = query[q] . row[m], the k largest of each query in falling order, and which rows they are
//
// queries [Q, D], rows [M, D] in f32, bf16 or f16; values [Q, k] f32, indices [Q, k] i32. Scores are f32 FMA: exact
// order, no tensor cores. A warp has a stretch of rows against 1 or 8 queries, 4 rows at a time: a lane sums the
// 16-byte chunks of a row that are its own, and the 4 or 32 sums of all lanes are then halved in the tree of warp_sum,
// so that one lane ends up with each score. A score that passes the k-th of its query so far, which is rare, is
// inserted into the query's sorted list by the whole warp. The lists lie in shared memory (8 k bytes a query, up to 48
// KB a block) or, for larger k, in the workspace; a second kernel merges the lists of a query's stretches. Whoever sees
// which rows, (score, index) is a total order: the result does not depend on the split. 128 threads. Bytes: rows once
// for every 8 queries; those of the 4 warps of a block at the same time, so from memory once for 32. FLOPs: 2 Q M D.
// Bound by memory up to 8 queries, then by FMA. Share of the roofline: not yet measured.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector.h"
#include "cuda/primitives/vector_access.h"
#include "cuda/primitives/warp.h"
#include "ops/reduce/top_k.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace {

constexpr int kWarps = 4, kThreads = kWarps * kWarpSize;
constexpr int kBlocks = 3;              // of an SM: 64 sums and values of rows, and their addresses, take 130 registers
constexpr int kRows = 4;                // 32 sums with 8 queries: as many as lanes
constexpr int kMostQueries = 8;         // of a warp
constexpr int64_t kManyWarps = 2048;    // 16 on each of 128 SMs: 32 KB of rows in flight cover the latency of memory
constexpr int64_t kLeastStretch = 256;  // rows: a list of 10 then takes in about 40 of them
constexpr int64_t kMostStretches = 2048;    // positions of the merge: 32 KB a block
constexpr size_t kListBytes = 48 * 1024;    // of a block
constexpr int64_t kMostChannels = 1 << 27;  // so that offsets in a tile fit 32 bits
constexpr int kPad = 8;                     // queries in the workspace: to whole chunks of either size

template <typename T>
constexpr int kChunk = 16 / static_cast<int>(sizeof(T));

// A score as an integer that has the order of results; 0 is no score, 1 NaN.
VC_DEVICE uint32_t key_of(float score) {
  if (score != score) return 1;
  const uint32_t bits = float_to_bits(score + 0.0f);  // -0 equals 0
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}

VC_DEVICE float score_of(uint32_t key) {
  if (key == 0) return bits_to_float(0xff800000u);
  if (key == 1) return bits_to_float(0x7fc00000u);
  return bits_to_float(key >> 31 ? key & 0x7fffffffu : ~key);
}

struct Split {
  int64_t queries, rows, depth, padded, k, groups, stretches, stretch;
  int group;  // queries of a warp

  explicit Split(const Call& call)
      : queries(call.in[0].shape[0]),
        rows(call.in[1].shape[0]),
        depth(call.in[0].shape[1]),
        padded((depth + kPad - 1) / kPad * kPad),
        k(static_cast<int64_t>(call.attrs[0])),
        group(queries == 1 ? 1 : kMostQueries) {
    groups = (queries + group - 1) / group;
    const int64_t least = max(kLeastStretch, 2 * k);
    const int64_t wanted = max(int64_t{1}, min(kManyWarps / max(int64_t{1}, groups), kMostStretches));
    const int64_t count = max(int64_t{1}, min(wanted, rows / least));
    stretch = max(int64_t{1}, ((rows + count - 1) / count + kRows - 1) / kRows) * kRows;
    stretches = (rows + stretch - 1) / stretch;
  }
  size_t query_floats() const { return static_cast<size_t>(queries * padded); }
  size_t list_words() const { return static_cast<size_t>(queries * stretches * 2 * k); }
};

size_t workspace(const Call& call, int) {
  const Split s(call);
  return 4 * (s.query_floats() + s.list_words());
}

template <typename T>
struct WidenArguments {
  Global<float> to;
  Global<const T> from;
  int64_t stride;
  int depth, padded;
  size_t count;
};

// Queries as rows of `padded` floats.
template <typename T>
__global__ void __launch_bounds__(kThreads) widen_kernel(WidenArguments<T> p) {
  const size_t i = size_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= p.count) return;
  const auto width = static_cast<size_t>(p.padded), query = i / width, c = i % width;
  const bool some = c < static_cast<size_t>(p.depth);
  p.to.store(i, some ? to_float(p.from.load(query * static_cast<size_t>(p.stride) + c)) : 0.0f);
}

template <typename T>
struct SearchArguments {
  Global<const float> queries;  // padded
  Global<const T> rows;
  Global<uint32_t> lists;  // [queries][stretches][k keys, k indices]
  int64_t row_count, stretch, stretches, groups, query_count;
  int row_stride, depth, padded, k;
};

// A sorted list: k keys, then k indices. Keys come with rising indices, so that an equal one goes behind.
template <class Memory, typename Index>
VC_DEVICE void insert(const Memory& list, Index base, int k, uint32_t key, uint32_t index) {
  const int lane = lane_id();
  for (int first = (k - 1) / kWarpSize * kWarpSize; first >= 0; first -= kWarpSize) {
    const int i = first + lane;
    const Index at = base + static_cast<Index>(i);
    bool moves = i < k && key > list.load(at);
    uint32_t new_key = key, new_index = index;
    if (moves && i > 0) {
      const uint32_t before = list.load(at - 1);
      if (key > before) {
        new_key = before;
        new_index = list.load(at - 1 + static_cast<Index>(k));
      }
    }
    sync_warp();  // everything has been read
    if (moves) {
      list.store(at, new_key);
      list.store(at + static_cast<Index>(k), new_index);
    }
    if (!(ballot(moves) & 1)) break;  // the place was in this part
  }
  sync_warp();
}

// Sums of kCount values over the lanes: after the last halving, lane l has that of value l kCount / 32.
template <int kCount>
VC_DEVICE float sum_each(float (&v)[kCount]) {
  int count = kCount;
#pragma unroll
  for (int d = kWarpSize / 2; d > 0; d /= 2) {
    if (count == 1) {
      v[0] += shuffle_xor(v[0], d);
      continue;
    }
    count /= 2;
    const bool upper = (lane_id() & d) != 0;
#pragma unroll
    for (int i = 0; i < kCount / 2; ++i) {
      if (i >= count) break;
      const float mine = upper ? v[i + count] : v[i], other = upper ? v[i] : v[i + count];
      v[i] = mine + shuffle_xor(other, d);
    }
  }
  return v[0];
}

// kInShared: whether lists are in shared memory until the end.
template <typename T, int kQueries, int V, bool kInShared>
__global__ void __launch_bounds__(kThreads, kBlocks) search_kernel(SearchArguments<T> p) {
  constexpr int kSums = kQueries * kRows, kSame = kWarpSize / kSums;  // lanes that end up with one score
  const int64_t unit = int64_t{blockIdx.x} * kWarps + warp_id();
  const int64_t stretch = unit / p.groups, query0 = unit % p.groups * kQueries;
  if (stretch >= p.stretches) return;
  const int lane = lane_id(), value = lane / kSame, own = value / kRows, own_row = value % kRows;
  const int64_t first = stretch * p.stretch, last = min(p.row_count, first + p.stretch);
  const int queries = static_cast<int>(min(int64_t{kQueries}, p.query_count - query0));
  const int list_words = 2 * p.k;

  const auto result = [&](int q) {
    return static_cast<size_t>((query0 + q) * p.stretches + stretch) * static_cast<size_t>(list_words);
  };
  using Memory = std::conditional_t<kInShared, Shared<uint32_t>, Global<uint32_t>>;
  using Index = std::conditional_t<kInShared, uint32_t, size_t>;
  Memory lists;
  if constexpr (kInShared) {
    const auto words = static_cast<uint32_t>(kQueries * list_words);
    lists = shared_array<uint32_t>(static_cast<uint32_t>(warp_id()) * words * 4, words);
  } else {
    lists = p.lists;
  }
  const auto base = [&](int q) -> Index {
    if constexpr (kInShared) {
      return static_cast<Index>(q * list_words);
    } else {
      return result(q);
    }
  };
  for (int q = 0; q < queries; ++q) {
    for (int i = lane; i < list_words; i += kWarpSize) lists.store(base(q) + static_cast<Index>(i), 0u);
  }
  sync_warp();
  uint32_t threshold = 0;  // key of the last in this lane's query's list

  const Global<const float> y_rows = p.queries.offset(static_cast<size_t>(query0 * p.padded));
  for (int64_t m = first; m < last; m += kRows) {
    const Global<const T> x_rows = p.rows.offset(static_cast<size_t>(m * p.row_stride));
    const auto present = static_cast<int>(min(int64_t{kRows}, last - m));
    float sums[kSums] = {};
    for (int c = lane * kChunk<T>; c < p.depth; c += kWarpSize * kChunk<T>) {
      float x[kRows][kChunk<T>];
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        const int from = min(r, present - 1) * p.row_stride + c;
#pragma unroll
        for (int i = 0; i < kChunk<T>; i += V) {
          float part[V] = {};
          if (c + i < p.depth) load_values(x_rows, static_cast<size_t>(from + i), part);
#pragma unroll
          for (int e = 0; e < V; ++e) x[r][i + e] = part[e];
        }
      }
#pragma unroll
      for (int q = 0; q < kQueries; ++q) {
        const int from = min(q, queries - 1) * p.padded + c;
#pragma unroll
        for (int i = 0; i < kChunk<T>; i += 4) {
          const Packed<float, 4> y = y_rows.template load_packed<4>(static_cast<size_t>(from + i));
#pragma unroll
          for (int e = 0; e < 4; ++e) {
#pragma unroll
            for (int r = 0; r < kRows; ++r) sums[q * kRows + r] = fma(x[r][i + e], y[e], sums[q * kRows + r]);
          }
        }
      }
    }
    const uint32_t key = key_of(sum_each(sums));
    bool waits = lane % kSame == 0 && own < queries && own_row < present;
    while (true) {
      uint32_t candidates = ballot(waits && key > threshold);
      if (candidates == 0) break;
      int from = 0;  // the lowest: of a query, the lowest index
      while (!(candidates >> from & 1)) ++from;
      const int q = from / kSame / kRows;
      insert(lists, base(q), p.k, shuffle(key, from), static_cast<uint32_t>(m + from / kSame % kRows));
      if (lane == from) waits = false;
      if (own == q) threshold = lists.load(base(q) + static_cast<Index>(p.k - 1));
    }
  }

  if constexpr (kInShared) {
    for (int q = 0; q < queries; ++q) {
      for (int i = lane; i < list_words; i += kWarpSize) {
        p.lists.store(result(q) + static_cast<size_t>(i), lists.load(base(q) + static_cast<Index>(i)));
      }
    }
  }
}

struct MergeArguments {
  Global<float> values;
  Global<int32_t> indices;
  Global<const uint32_t> lists;
  int64_t value_stride, index_stride, queries, base;
  int stretches, k;
};

// A warp joins the lists of a query: a lane has every 32nd list and knows the best of their heads.
__global__ void __launch_bounds__(kThreads) merge_kernel(MergeArguments p) {
  const int64_t query = int64_t{blockIdx.x} * kWarps + warp_id();
  if (query >= p.queries) return;
  const int lane = lane_id();
  const auto stretches = static_cast<uint32_t>(p.stretches);
  const Shared<uint32_t> heads = shared_array<uint32_t>(static_cast<uint32_t>(warp_id()) * stretches * 4, stretches);
  for (int s = lane; s < p.stretches; s += kWarpSize) heads.store(static_cast<uint32_t>(s), 0u);

  uint32_t best_key = 0, best_index = 0, best_list = 0;
  const auto find = [&] {
    best_key = 0;
    for (int s = lane; s < p.stretches; s += kWarpSize) {
      const uint32_t head = heads.load(static_cast<uint32_t>(s));
      if (head == static_cast<uint32_t>(p.k)) continue;
      const auto at = static_cast<size_t>((query * p.stretches + s) * 2 * p.k) + head;
      const uint32_t key = p.lists.load(at);
      if (key > best_key) {  // lists lie in the order of the rows: the first of equals has the lower index
        best_key = key;
        best_index = p.lists.load(at + static_cast<size_t>(p.k));
        best_list = static_cast<uint32_t>(s);
      }
    }
  };
  find();
  for (int i = 0; i < p.k; ++i) {
    uint32_t key = best_key, index = best_index, list = best_list;
#pragma unroll
    for (int d = kWarpSize / 2; d > 0; d /= 2) {
      const uint32_t other_key = shuffle_xor(key, d), other_index = shuffle_xor(index, d);
      const uint32_t other_list = shuffle_xor(list, d);
      if (other_key > key || (other_key == key && other_index < index)) {
        key = other_key;
        index = other_index;
        list = other_list;
      }
    }
    if (lane == 0) {
      p.values.store(static_cast<size_t>(query * p.value_stride + i), score_of(key));
      p.indices.store(static_cast<size_t>(query * p.index_stride + i),
                      key == 0 ? -1 : static_cast<int32_t>(p.base + static_cast<int64_t>(index)));
    }
    if (key != 0 && list % kWarpSize == static_cast<uint32_t>(lane)) {
      heads.store(list, heads.load(list) + 1);
      find();
    }
  }
}

template <typename T, int kQueries, int V>
Status start_search(const SearchArguments<T>& p, Stream stream) {
  const Grid grid{(p.stretches * p.groups + kWarps - 1) / kWarps};
  const size_t bytes = size_t{kWarps} * kQueries * 8 * static_cast<size_t>(p.k);
  return bytes <= kListBytes ? launch(search_kernel<T, kQueries, V, true>, grid, kThreads, bytes, stream, p)
                             : launch(search_kernel<T, kQueries, V, false>, grid, kThreads, 0, stream, p);
}

template <typename T>
Status search(const Tensor& rows, SearchArguments<T> p, int group, Stream stream) {
  p.rows = global<const T>(rows);
  p.row_stride = static_cast<int>(rows.strides[0]);
  const bool wide = widest_vector(rows, p.depth, kChunk<T>) == kChunk<T>;
  if (group == 1) return wide ? start_search<T, 1, kChunk<T>>(p, stream) : start_search<T, 1, 1>(p, stream);
  return wide ? start_search<T, kMostQueries, kChunk<T>>(p, stream) : start_search<T, kMostQueries, 1>(p, stream);
}

Status top_k(const Call& call) {
  const Tensor &queries = call.in[0], &rows = call.in[1], &values = call.out[0], &indices = call.out[1];
  const Split s(call);
  if (s.queries == 0 || s.k == 0) return {};
  if (s.padded > kMostChannels || rows.strides[0] > kMostChannels || s.k > kMostChannels ||
      s.groups * (s.stretches + 1) > 0x7fffffff) {
    return {"more than 2^27 channels or results, or 2^31 - 1 tiles"};
  }
  const Global<float> floats(reinterpret_cast<float*>(call.workspace), s.query_floats());
  const Global<uint32_t> lists(reinterpret_cast<uint32_t*>(call.workspace) + s.query_floats(), s.list_words());
  const auto depth = static_cast<int>(s.depth), padded = static_cast<int>(s.padded), k = static_cast<int>(s.k);

  Status status;
  if (s.rows > 0 && s.depth > 0) {
    status = for_float(queries.dtype, [&](auto zero) {
      using T = decltype(zero);
      const Grid grid{static_cast<int64_t>((s.query_floats() + kThreads - 1) / kThreads)};
      return launch(
          widen_kernel<T>, grid, kThreads, 0, call.stream,
          WidenArguments<T>{floats, global<const T>(queries), queries.strides[0], depth, padded, s.query_floats()});
    });
  }
  if (status && s.rows > 0) {
    status = for_float(rows.dtype, [&](auto zero) {
      using T = decltype(zero);
      return search<T>(rows,
                       {floats, {}, lists, s.rows, s.stretch, s.stretches, s.groups, s.queries, 0, depth, padded, k},
                       s.group, call.stream);
    });
  }
  if (!status) return status;
  const Grid grid{(s.queries + kWarps - 1) / kWarps};
  return launch(
      merge_kernel, grid, kThreads, size_t{kWarps} * 4 * static_cast<size_t>(s.stretches), call.stream,
      MergeArguments{global<float>(values), global<int32_t>(indices), lists, values.strides[0], indices.strides[0],
                     s.queries, static_cast<int64_t>(call.attrs[1]), static_cast<int>(s.stretches), k});
}

VIDEOCLIP_CUDA_KERNEL("top_k", top_k, workspace);

}  // namespace
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
