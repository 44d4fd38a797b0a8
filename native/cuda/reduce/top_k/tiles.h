#pragma once
// The search of 16-bit rows for many queries. Tensor cores multiply tiles of 128 queries, rounded to the type of the
// rows, and 64 rows. These products decide only which scores are computed: those that may exceed the k-th best of their
// query. Let q be a query, r its rounded values, x a row, and |.| the Euclidean norm. By the inequality of Cauchy and
// Schwarz, the score by FMA and the product on tensor cores differ by at most
//   |q - r| |x| + c |q| |x|
// where c bounds the rounding of both sums relative to |q| |x|.
#include "cuda/gemm/row_products.h"
#include "cuda/primitives/kernel.h"
#include "cuda/reduce/top_k/best.h"
#include "cuda/reduce/top_k/scores.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
inline namespace top_k_op {

using SearchTile = gemm::Tile128x64;
constexpr int kTileQueries = SearchTile::kM, kTileRows = SearchTile::kN;
constexpr int kTileThreads = SearchTile::kThreads, kTileWarps = kTileThreads / kWarpSize;
constexpr int kTileBlocks = 2;  // per SM, by shared memory
constexpr int kPairs = 4;       // scores that a warp computes at once
// With more channels c would approach 1: sums of D terms are off by less than D 2^-22 of |q| |x|.
constexpr int64_t kMaxTileDepth = 1 << 16;
constexpr int64_t kMaxTiledRows = 1 << 30;  // of either matrix; their numbers fit an int
constexpr float kSlack = 1.02f;             // for the rounding of the norms
constexpr float kTiny = 0x1p-60f;           // in place of norms whose squares underflow
constexpr float kLargest = 0x1.fffffep+127f;

// Shared memory behind the stages, in words. Arrays of one word per query or row are free of bank conflicts.
struct TileMemory {
  static constexpr uint32_t kFirst = SearchTile::kStages * SearchTile::kStageBytes;
  static constexpr uint32_t kThresholds = 0, kScales = kTileQueries, kErrors = 2 * kTileQueries,
                            kNorms = 3 * kTileQueries, kMasks = kNorms + kTileRows,
                            kLists = kMasks + SearchTile::kWarpsN * kTileQueries;
  static constexpr size_t kBytes = kFirst + 4 * kLists;
};

// What is known of a query: the factor of its products, and the largest error of a product per norm of the row.
struct Bound {
  float scale, error;
};

VC_DEVICE Bound load_bound(Global<const float> bounds, size_t query) {
  const Packed<float, 2> pair = bounds.load_packed<2>(2 * query);
  return {pair[0], pair[1]};
}

template <typename T>
struct RoundArguments {
  Global<T> to;
  Global<float> bounds;  // [queries][scale, error]
  Global<const float> from;
  int64_t queries;
  int padded;
  float sums_error;  // c
};

// Rounds queries to T, scaled by a power of 2 that brings the largest value to at least 2^14 and below 2^15, so that
// small values do not become subnormal. A warp has a query.
template <typename T>
__global__ void __launch_bounds__(kTileThreads) round_kernel(RoundArguments<T> p) {
  const int64_t query = int64_t{blockIdx.x} * kTileWarps + warp_id();
  if (query >= p.queries) return;
  const auto first = static_cast<size_t>(query * p.padded);
  float largest = 0;
  for (int c = lane_id(); c < p.padded; c += kWarpSize) {
    const float x = p.from.load(first + static_cast<size_t>(c)), size = x < 0 ? -x : x;
    if (size <= kLargest) largest = max(largest, size);
  }
  const int exponent = static_cast<int>(float_to_bits(warp_max(largest)) >> 23) - 127, raise = min(14 - exponent, 126);
  const float scale = bits_to_float(static_cast<uint32_t>(127 + raise) << 23);
  float norm = 0, rest = 0;
  for (int c = lane_id(); c < p.padded; c += kWarpSize) {
    const float x = p.from.load(first + place_of(c, kChunk<T>)) * scale;
    const T rounded = from_float<T>(x);
    p.to.store(first + static_cast<size_t>(c), rounded);
    const float lost = x - to_float(rounded);
    norm = fma(x, x, norm);
    rest = fma(lost, lost, rest);
  }
  // Infinity and NaN give NaN: every score of the query is computed.
  const float back = bits_to_float(static_cast<uint32_t>(127 - raise) << 23);
  const float both = fma(p.sums_error, square_root(warp_sum(norm)), square_root(warp_sum(rest))) * kSlack;
  if (lane_id() == 0) {
    p.bounds.template store_packed<2>(static_cast<size_t>(query) * 2, {{back, fma(p.sums_error, kTiny, both * back)}});
  }
}

template <typename T>
struct TileArguments {
  gemm::Matrix<T> queries, rows;  // rounded; of `rows`, all but the number of rows
  Global<const float> bounds, exact;
  Global<uint32_t> lists;  // [queries][splits][k keys, k indices]
  int64_t row_count, split_rows, splits, groups;
  int padded, k;
};

// The norms of a tile's rows: two threads have a row, and add up half of it in each step.
template <typename T>
struct RowNorms {
  float squares = 0;

  VC_DEVICE void operator()(Shared<T>, Shared<T> rows) {
    const int row = static_cast<int>(threadIdx.x) / 2, half = static_cast<int>(threadIdx.x) % 2;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int pattern = gemm::TensorCores<T, SearchTile>::pattern(row);
      const auto x = rows.template load_packed<8>(gemm::tile_at<T>(row, (half * 4 + i) * 8, pattern));
#pragma unroll
      for (int e = 0; e < 8; ++e) squares = fma(to_float(x[e]), to_float(x[e]), squares);
    }
  }
  VC_DEVICE void store(Shared<float> norms) const {
    static_assert(kTileThreads == 2 * kTileRows, "two threads for a row");
    const float norm = square_root(squares + shuffle_xor(squares, 1)) + kTiny;
    if (threadIdx.x % 2 == 0) norms.store(threadIdx.x / 2, norm);
  }
};

// Stores which scores of a tile may exceed the thresholds of their queries: a word for 32 rows.
template <class Math>
VC_DEVICE void store_masks(const Math& product, Shared<float> words, Shared<uint32_t> masks) {
#pragma unroll
  for (int r = 0; r < Math::kRows; ++r) {
    const auto query = static_cast<uint32_t>(Math::row(r));
    const float threshold = words.load(TileMemory::kThresholds + query),
                scale = words.load(TileMemory::kScales + query);
    const float error = words.load(TileMemory::kErrors + query);
    uint32_t mask = 0;
#pragma unroll
    for (int c = 0; c < Math::kColumns; ++c) {
      const float norm = words.load(TileMemory::kNorms + static_cast<uint32_t>(Math::column(c)));
      // Without a threshold, which is NaN then, and for scores that may not be finite, the comparison is false.
      const bool rejected = fma(error, norm, product.at(r, c) * scale) <= threshold;
      mask |= static_cast<uint32_t>(!rejected) << (Math::column(c) - Math::warp_column());
    }
#pragma unroll
    for (int d = Math::kLanesPerRow / 2; d > 0; d /= 2) mask |= shuffle_xor(mask, d);
    if (lane_id() % Math::kLanesPerRow == 0) {
      masks.store(static_cast<uint32_t>(warp_id() % SearchTile::kWarpsN * kTileQueries) + query, mask);
    }
  }
}

// kInShared: the lists are in shared memory until the end.
template <typename T, int V, bool kInShared>
__global__ void __launch_bounds__(kTileThreads, kTileBlocks) tile_kernel(TileArguments<T> p) {
  using Math = gemm::TensorCores<T, SearchTile>;
  static_assert(kTileThreads == kTileQueries && SearchTile::kWarpColumns == 32, "a thread has a query and its words");
  // Find the split and the queries.
  const int64_t split = int64_t{blockIdx.x} / p.groups, first = split * p.split_rows;
  const int query0 = static_cast<int>(int64_t{blockIdx.x} % p.groups) * kTileQueries;
  gemm::Matrix<T> split_rows = p.rows;
  split_rows.data = p.rows.data.offset(static_cast<size_t>(first * p.rows.stride));
  split_rows.rows = static_cast<int>(min(p.row_count - first, p.split_rows));
  const int lane = lane_id(), own = static_cast<int>(threadIdx.x), warp_query = own - lane;
  const bool exists = query0 + own < p.queries.rows;
  const int queries = min(kWarpSize, p.queries.rows - query0 - warp_query);  // of the warp, maybe none

  const auto words = shared_array<float>(TileMemory::kFirst, TileMemory::kMasks);
  const auto masks =
      shared_array<uint32_t>(TileMemory::kFirst + 4 * TileMemory::kMasks, TileMemory::kLists - TileMemory::kMasks);
  const Lists<kInShared> lists(
      p.lists, query0 + warp_query, p.splits, split, p.k,
      TileMemory::kFirst + 4 * (TileMemory::kLists + static_cast<uint32_t>(warp_id() * kWarpSize * 2 * p.k)),
      kWarpSize);
  lists.clear(queries);
  uint32_t last_key = 0;  // in the list of this thread's query
  const auto store_threshold = [&] {
    words.store(TileMemory::kThresholds + static_cast<uint32_t>(own), score_of(last_key > 1 ? last_key : 1));
  };
  store_threshold();
  const Bound bound = exists ? load_bound(p.bounds, static_cast<size_t>(query0 + own)) : Bound{0, 0};
  words.store(TileMemory::kScales + static_cast<uint32_t>(own), bound.scale);
  words.store(TileMemory::kErrors + static_cast<uint32_t>(own), bound.error);

  for (int row0 = 0; row0 < split_rows.rows; row0 += kTileRows) {
    {
      RowNorms<T> norms;
      const Math product = gemm::multiply_rows<SearchTile, Math, V>(p.queries, split_rows, query0, row0, norms);
      norms.store(words.offset(TileMemory::kNorms));
      sync_threads();
      store_masks(product, words, masks);
    }
    sync_threads();
    // Compute the scores that may be among the best, and insert those that are. Of a query, they come in the order of
    // the rows.
    const auto candidates = [&](int half) -> uint32_t {
      const int present = split_rows.rows - row0 - half * 32;
      if (!exists || present <= 0) return 0;
      const uint32_t mask = masks.load(static_cast<uint32_t>(half * kTileQueries + own));
      return present < 32 ? mask & ((1u << present) - 1) : mask;
    };
    uint32_t low = candidates(0), high = candidates(1);
    while (vote_any((low | high) != 0)) {
      Global<const float> pair_queries[kPairs];
      Global<const T> pair_rows[kPairs];
      int pair_query[kPairs], pair_row[kPairs], pairs = 0;
#pragma unroll
      for (int j = 0; j < kPairs; ++j) {
        const uint32_t lanes = ballot((low | high) != 0);
        pair_query[j] = j == 0 ? 0 : pair_query[j - 1];
        pair_row[j] = j == 0 ? 0 : pair_row[j - 1];
        if (lanes != 0) {
          const int from = lowest_bit(lanes);
          const uint32_t bits = low != 0 ? low : high;
          const int place = (low != 0 ? 0 : 32) + (bits != 0 ? lowest_bit(bits) : 0);
          pair_query[j] = from, pair_row[j] = row0 + shuffle(place, from), pairs = j + 1;
          if (lane == from && low == 0) high &= high - 1;
          if (lane == from) low &= low - 1;
        }
        pair_queries[j] =
            p.exact.offset(static_cast<size_t>(query0 + warp_query + pair_query[j]) * static_cast<size_t>(p.padded));
        pair_rows[j] = split_rows.data.offset(static_cast<size_t>(pair_row[j] * split_rows.stride));
      }
      const uint32_t key = key_of(score_pairs<V>(pair_queries, pair_rows, p.queries.columns));
#pragma unroll
      for (int j = 0; j < kPairs; ++j) {
        const uint32_t candidate = shuffle(key, j * (kWarpSize / kPairs));
        if (j >= pairs || candidate <= shuffle(last_key, pair_query[j])) continue;
        lists.add(pair_query[j], candidate, static_cast<uint32_t>(first + pair_row[j]));
        if (lane == pair_query[j]) last_key = lists.last_key(lane);
      }
    }
    store_threshold();
    // The next product has a barrier before the thresholds are read and the masks are overwritten.
  }

  lists.finish(queries);
}

}  // namespace top_k_op
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
