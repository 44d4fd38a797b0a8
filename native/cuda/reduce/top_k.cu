// top_k: of the scores s[q, m] = query[q] . row[m], the k largest of each query in descending order, and their rows
//
// queries [Q, D] and rows [M, D] are f32, bf16 or f16; values [Q, k] are f32 and indices [Q, k] i32. Every score in the
// result is computed by f32 FMA from the stored row and the unrounded query, in a fixed order (top_k/scores.h). The
// rows are divided into splits; each split gives the sorted list of its best for each query, and a last kernel merges
// the lists of a query. (score, index) is a total order, so the result does not depend on the splits, nor on which warp
// scans which rows, nor on the other queries.
//
// Up to 8 queries, and all f32 rows: a warp computes the scores of a split for 1 or 8 queries, 4 rows at a time. Each
// lane sums its own 16-byte chunks of a row. The 4 or 32 sums of all lanes are then reduced in the tree of warp_sum,
// halving the number of sums per lane, so that one lane has each score in the end. If a score exceeds the k-th best of
// its query so far, which is rare, the whole warp inserts it into the sorted list of the query. The lists are in shared
// memory (8 k bytes per query, up to 48 KB per block) or, for larger k, in the workspace. A block has 128 threads. Rows
// are read once for every 8 queries; the 4 warps of a block read the same rows at the same time, so they come from
// memory once for 32 queries. FLOPs: 2 Q M D. Bound by memory up to 8 queries, then by FMA.
//
// More queries and 16-bit rows (top_k/tiles.h): a block multiplies tiles of 128 queries and 64 rows on tensor cores,
// with queries rounded to the type of the rows. A score is computed only if its product, plus a bound of how far the
// two can be apart, exceeds the k-th best score so far: in the first tile all, then fewer and fewer (of rows in random
// order, row t of a split is among the best k so far with probability k / t). A warp has 32 queries and computes 4 such
// scores at a time. Scores that are all within the bound of the k-th best, as of copies of one row, are all computed:
// more work than by the first kernel, which shares a row among 8 queries. A block has 128 threads and 75 KB of shared
// memory, and k KB more for lists of up to 24 KB (longer ones are in the workspace); an SM of sm_90 holds 2 blocks.
// Rows are read once for every 128 queries. FLOPs: 2 Q M D on tensor cores. Bound by memory up to about 200 queries,
// then by tensor cores.
#include "cuda/primitives/dispatch.h"
#include "cuda/primitives/kernel.h"
#include "cuda/primitives/vector.h"
#include "cuda/primitives/warp.h"
#include "cuda/reduce/top_k/best.h"
#include "cuda/reduce/top_k/scores.h"
#include "cuda/reduce/top_k/tiles.h"
#include "ops/reduce/top_k.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace top_k_op {

constexpr int kWarps = 4, kThreads = kWarps * kWarpSize;
constexpr int kBlocks = 3;                // per SM; 64 sums and values of rows, and their addresses, take 130 registers
constexpr int kRows = 4;                  // 8 queries then give 32 sums, as many as lanes
constexpr int kMaxQueries = 8;            // per warp
constexpr int64_t kManyWarps = 1584;      // 3 blocks of 4 on each of 132 SMs, as the registers allow: a single wave
constexpr int64_t kMinSplitRows = 256;    // a list of 10 then accepts about 40 of them
constexpr int64_t kMaxSplits = 2048;      // positions in the merge: 32 KB per block
constexpr size_t kListBytes = 48 * 1024;  // per block
constexpr int64_t kMaxChannels = 1 << 27;  // offsets in a tile then fit 32 bits

constexpr int64_t kManyTiles = 264;           // 2 blocks on each of 132 SMs
constexpr size_t kTileListBytes = 24 * 1024;  // per block

struct Split {
  int64_t queries, rows, depth, chunk, padded, k, groups, splits, split_rows;
  bool tiles;  // on tensor cores
  int group;   // queries per warp, or per tile

  explicit Split(const Call& call)
      : queries(call.in[0].shape[0]),
        rows(call.in[1].shape[0]),
        depth(call.in[0].shape[1]),
        chunk(call.in[1].dtype == DType::f32 ? kChunk<float> : kChunk<f16>),
        padded((depth + chunk * kWarpSize - 1) / (chunk * kWarpSize) * (chunk * kWarpSize)),
        k(TopKAttributes(call).k),
        tiles(call.in[1].dtype != DType::f32 && queries > kMaxQueries && depth > 0 && depth <= kMaxTileDepth &&
              max(queries, rows) <= kMaxTiledRows),
        group(tiles          ? kTileQueries
              : queries == 1 ? 1
                             : kMaxQueries) {
    groups = (queries + group - 1) / group;
    const int64_t units = tiles ? kManyTiles : kManyWarps, together = tiles ? kTileRows : kRows;
    const int64_t least = max(kMinSplitRows, 2 * k);
    const int64_t wanted = max(int64_t{1}, min(units / max(int64_t{1}, groups), kMaxSplits));
    const int64_t count = max(int64_t{1}, min(wanted, rows / least));
    split_rows = max(int64_t{1}, ((rows + count - 1) / count + together - 1) / together) * together;
    splits = (rows + split_rows - 1) / split_rows;
  }
  // Parts of the workspace: floats of the queries, rounded queries (in words), bounds and lists.
  size_t query_floats() const { return static_cast<size_t>(queries * padded); }
  size_t rounded_words() const { return tiles ? query_floats() / 2 : 0; }
  size_t bound_floats() const { return tiles ? static_cast<size_t>(queries) * 2 : 0; }
  size_t list_words() const { return static_cast<size_t>(queries * splits * 2 * k); }
};

size_t workspace(const Call& call, int) {
  const Split s(call);
  return 4 * (s.query_floats() + s.rounded_words() + s.bound_floats() + s.list_words());
}

struct Workspace {
  Global<float> floats, bounds;
  char* rounded;
  Global<uint32_t> lists;

  Workspace(const Call& call, const Split& s)
      : floats(reinterpret_cast<float*>(call.workspace), s.query_floats()),
        bounds(floats.data() + s.query_floats() + s.rounded_words(), s.bound_floats()),
        rounded(call.workspace + 4 * s.query_floats()),
        lists(reinterpret_cast<uint32_t*>(call.workspace) + s.query_floats() + s.rounded_words() + s.bound_floats(),
              s.list_words()) {}
};

template <typename T>
struct WidenArguments {
  Global<float> to;
  Global<const T> from;
  int64_t stride;
  int depth, padded, chunk;
  size_t count;
};

// Converts queries to rows of `padded` floats, in the order of place_of.
template <typename T>
__global__ void __launch_bounds__(kThreads) widen_kernel(WidenArguments<T> p) {
  const size_t i = size_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= p.count) return;
  const auto width = static_cast<size_t>(p.padded), query = i / width;
  const auto c = static_cast<int>(i % width);
  const size_t from = query * static_cast<size_t>(p.stride) + static_cast<size_t>(c);
  p.to.store(query * width + place_of(c, p.chunk), c < p.depth ? to_float(p.from.load(from)) : 0.0f);
}

template <typename T>
struct SearchArguments {
  Global<const float> queries;  // padded, in the order of place_of
  Global<const T> rows;
  Global<uint32_t> lists;  // [queries][splits][k keys, k indices]
  int64_t row_count, split_rows, splits, groups, query_count;
  int row_stride, depth, padded, k;
};

// kInShared: the lists are in shared memory until the end.
template <typename T, int kQueries, int V, bool kInShared>
__global__ void __launch_bounds__(kThreads, kBlocks) search_kernel(SearchArguments<T> p) {
  constexpr int kSums = kQueries * kRows, kSame = kWarpSize / kSums;  // lanes that have the same score
  // Find the split, the queries and the score of this lane.
  const int64_t unit = int64_t{blockIdx.x} * kWarps + warp_id();
  const int64_t split = unit / p.groups, query0 = unit % p.groups * kQueries;
  if (split >= p.splits) return;
  const int lane = lane_id(), value = lane / kSame, own = value / kRows, own_row = value % kRows;
  const int64_t first = split * p.split_rows, last = min(p.row_count, first + p.split_rows);
  const int queries = static_cast<int>(min(int64_t{kQueries}, p.query_count - query0));
  const Lists<kInShared> lists(p.lists, query0, p.splits, split, p.k,
                               static_cast<uint32_t>(warp_id() * kQueries * 2 * p.k) * 4, kQueries);
  lists.clear(queries);
  uint32_t threshold = 0;  // the last key in the list of this lane's query

  // Scan the split, kRows rows at a time.
  const Global<const float> y_rows = p.queries.offset(static_cast<size_t>(query0 * p.padded));
  for (int64_t m = first; m < last; m += kRows) {
    const Global<const T> x_rows = p.rows.offset(static_cast<size_t>(m * p.row_stride));
    const auto present = static_cast<int>(min(int64_t{kRows}, last - m));
    // This lane's part of the scores.
    float sums[kSums] = {};
    for (int c = lane * kChunk<T>; c < p.depth; c += kWarpSize * kChunk<T>) {
      float x[kRows][kChunk<T>];
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        const int from = min(r, present - 1) * p.row_stride + c;
        load_chunk<V>(x_rows, static_cast<size_t>(from), c, p.depth, x[r]);
      }
#pragma unroll
      for (int q = 0; q < kQueries; ++q) {
        const auto from = static_cast<size_t>(min(q, queries - 1) * p.padded);
#pragma unroll
        for (int i = 0; i < kChunk<T>; i += 4) {
          const Packed<float, 4> y = y_rows.template load_packed<4>(from + place_of(c + i, kChunk<T>));
#pragma unroll
          for (int e = 0; e < 4; ++e) {
#pragma unroll
            for (int r = 0; r < kRows; ++r) sums[q * kRows + r] = fma(x[r][i + e], y[e], sums[q * kRows + r]);
          }
        }
      }
    }
    // Reduce over the lanes, and insert the scores that exceed the threshold.
    const uint32_t key = key_of(sum_each(sums));
    bool waits = lane % kSame == 0 && own < queries && own_row < present;
    while (true) {
      uint32_t candidates = ballot(waits && key > threshold);
      if (candidates == 0) break;
      int from = 0;  // the lowest lane: for each query, the lowest index
      while (!(candidates >> from & 1)) ++from;
      const int q = from / kSame / kRows;
      lists.add(q, shuffle(key, from), static_cast<uint32_t>(m + from / kSame % kRows));
      if (lane == from) waits = false;
      if (own == q) threshold = lists.last_key(q);
    }
  }

  lists.finish(queries);
}

struct MergeArguments {
  Global<float> values;
  Global<int32_t> indices;
  Global<const uint32_t> lists;
  int64_t value_stride, index_stride, queries, base;
  int splits, k;
};

// A warp merges the lists of a query. Each lane has every 32nd list and keeps the best of their heads.
__global__ void __launch_bounds__(kThreads) merge_kernel(MergeArguments p) {
  const int64_t query = int64_t{blockIdx.x} * kWarps + warp_id();
  if (query >= p.queries) return;
  const int lane = lane_id();
  const auto splits = static_cast<uint32_t>(p.splits);
  const Shared<uint32_t> heads = shared_array<uint32_t>(static_cast<uint32_t>(warp_id()) * splits * 4, splits);
  for (int s = lane; s < p.splits; s += kWarpSize) heads.store(static_cast<uint32_t>(s), 0u);

  uint32_t best_key = 0, best_index = 0, best_list = 0;
  const auto find = [&] {
    best_key = 0;
    for (int s = lane; s < p.splits; s += kWarpSize) {
      const uint32_t head = heads.load(static_cast<uint32_t>(s));
      if (head == static_cast<uint32_t>(p.k)) continue;
      const auto at = static_cast<size_t>((query * p.splits + s) * 2 * p.k) + head;
      const uint32_t key = p.lists.load(at);
      if (key > best_key) {  // lists are in the order of the rows: the first of equal keys has the lowest index
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
  const Grid grid{(p.splits * p.groups + kWarps - 1) / kWarps};
  const size_t bytes = size_t{kWarps} * kQueries * 8 * static_cast<size_t>(p.k);
  return bytes <= kListBytes ? launch<search_kernel<T, kQueries, V, true>>(grid, kThreads, bytes, stream, p)
                             : launch<search_kernel<T, kQueries, V, false>>(grid, kThreads, 0, stream, p);
}

template <typename T>
Status search(const Tensor& rows, SearchArguments<T> p, int group, Stream stream) {
  p.rows = global<const T>(rows);
  p.row_stride = static_cast<int>(rows.strides[0]);
  const bool wide = widest_vector(rows, p.depth, kChunk<T>) == kChunk<T>;
  if (group == 1) return wide ? start_search<T, 1, kChunk<T>>(p, stream) : start_search<T, 1, 1>(p, stream);
  return wide ? start_search<T, kMaxQueries, kChunk<T>>(p, stream) : start_search<T, kMaxQueries, 1>(p, stream);
}

template <typename T, int V>
Status start_tiles(const TileArguments<T>& p, Stream stream) {
  const size_t list_bytes = size_t{kTileQueries} * 8 * static_cast<size_t>(p.k);
  const Grid grid{p.splits * p.groups};
  return list_bytes <= kTileListBytes
             ? launch<tile_kernel<T, V, true>>(grid, kTileThreads, TileMemory::kBytes + list_bytes, stream, p)
             : launch<tile_kernel<T, V, false>>(grid, kTileThreads, TileMemory::kBytes, stream, p);
}

template <typename T>
Status search_tiles(const Tensor& rows, const Split& s, const Workspace& w, Stream stream) {
  const auto depth = static_cast<int>(s.depth), padded = static_cast<int>(s.padded);
  const Global<T> rounded(reinterpret_cast<T*>(w.rounded), s.query_floats());
  const Status status = launch<round_kernel<T>>(
      Grid{(s.queries + kTileWarps - 1) / kTileWarps}, kTileThreads, 0, stream,
      RoundArguments<T>{rounded, w.bounds, w.floats, s.queries, padded, static_cast<float>(s.depth + 64) * 0x1p-22f});
  if (!status) return status;
  const TileArguments<T> p{{rounded, s.padded, static_cast<int>(s.queries), depth},
                           {global<const T>(rows), rows.strides[0], 0, depth},
                           w.bounds,
                           w.floats,
                           w.lists,
                           s.rows,
                           s.split_rows,
                           s.splits,
                           s.groups,
                           padded,
                           static_cast<int>(s.k)};
  const bool wide = widest_vector(rows, s.depth, kChunk<T>) == kChunk<T>;
  return wide ? start_tiles<T, kChunk<T>>(p, stream) : start_tiles<T, 1>(p, stream);
}

Status top_k(const Call& call) {
  const Tensor &queries = call.in[0], &rows = call.in[1], &values = call.out[0], &indices = call.out[1];
  const Split s(call);
  if (s.queries == 0 || s.k == 0) return {};
  if (s.padded > kMaxChannels || rows.strides[0] > kMaxChannels || s.k > kMaxChannels ||
      s.groups * (s.splits + 1) > 0x7fffffff) {
    return {"more than 2^27 channels or results, or 2^31 - 1 tiles"};
  }
  const Workspace w(call, s);
  const auto depth = static_cast<int>(s.depth), padded = static_cast<int>(s.padded), k = static_cast<int>(s.k);

  Status status;
  if (s.rows > 0 && s.depth > 0) {
    status = for_float(queries.dtype, [&](auto zero) {
      using T = decltype(zero);
      const Grid grid{static_cast<int64_t>((s.query_floats() + kThreads - 1) / kThreads)};
      return launch<widen_kernel<T>>(grid, kThreads, 0, call.stream,
                                     WidenArguments<T>{w.floats, global<const T>(queries), queries.strides[0], depth,
                                                       padded, static_cast<int>(s.chunk), s.query_floats()});
    });
  }
  if (status && s.rows > 0) {
    status = for_float(rows.dtype, [&](auto zero) {
      using T = decltype(zero);
      if constexpr (sizeof(T) == 2) {
        if (s.tiles) return search_tiles<T>(rows, s, w, call.stream);
      }
      const SearchArguments<T> p{w.floats, {},        w.lists, s.rows, s.split_rows, s.splits,
                                 s.groups, s.queries, 0,       depth,  padded,       k};
      return search<T>(rows, p, s.group, call.stream);
    });
  }
  if (!status) return status;
  const Grid grid{(s.queries + kWarps - 1) / kWarps};
  return launch<merge_kernel>(
      grid, kThreads, size_t{kWarps} * 4 * static_cast<size_t>(s.splits), call.stream,
      MergeArguments{global<float>(values), global<int32_t>(indices), w.lists, values.strides[0], indices.strides[0],
                     s.queries, TopKAttributes(call).base, static_cast<int>(s.splits), k});
}

VIDEOCLIP_CUDA_KERNEL("top_k", top_k, workspace);

}  // namespace top_k_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
