// The contrastive loss on the CPU, from plain loops to the package's kernel.
//
// s[i, j] = scale a[i] . b[j];  loss = mean_i (LSE_j s[i, j] - s[i, i]) + mean_j (LSE_i s[i, j] - s[j, j]), halved.
// a and b are [count, depth], f32, of unit length. What is compared are the log-sum-exps of rows and columns, of which
// the loss is a mean. FLOP: 2 count^2 depth; exponentials: 2 count^2, or count^2 in steps 6 and 7.
#include <algorithm>

#include "cpu/primitives/vector_math.h"
#include "ladder.h"
#include "package_kernel.h"
#include "register_tile.h"

using namespace ladder;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Problem {
  int64_t count, depth;  // count: a multiple of kPanel; depth: a multiple of kLanes
  float scale;
  const float *a, *b;
  float *rows, *columns;  // [count]: log-sum-exps
};

// ---------------------------------------------------------------------------------------------------------------------
// Step 1: plain loops. All scores into a matrix of count^2 numbers, then the log-sum-exp of each row and each column.
// T is the type of the arithmetic; in double, this step is the reference.
template <typename T>
void plain(const Problem& p, T* rows, T* columns) {
  std::vector<T> s(static_cast<size_t>(p.count * p.count));
  for (int64_t i = 0; i < p.count; ++i) {
    for (int64_t j = 0; j < p.count; ++j) {
      T sum = 0;
      for (int64_t c = 0; c < p.depth; ++c) sum += static_cast<T>(p.a[i * p.depth + c]) * p.b[j * p.depth + c];
      s[i * p.count + j] = sum * p.scale;
    }
  }
  const auto log_sum_exp = [&](const T* first, int64_t step) {
    T max = -std::numeric_limits<T>::infinity(), sum = 0;
    for (int64_t i = 0; i < p.count; ++i) max = std::max(max, first[i * step]);
    for (int64_t i = 0; i < p.count; ++i) sum += std::exp(first[i * step] - max);
    return max + std::log(sum);
  };
  for (int64_t i = 0; i < p.count; ++i) {
    rows[i] = log_sum_exp(s.data() + i * p.count, 1);
    columns[i] = log_sum_exp(s.data() + i, p.count);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Step 2: vectors over the depth. A dot product takes kLanes channels at once. The rest is as before.
void vector_products(const Problem& p) {
  std::vector<float> s(static_cast<size_t>(p.count * p.count));
  for (int64_t i = 0; i < p.count; ++i) {
    for (int64_t j = 0; j < p.count; ++j) {
      s[i * p.count + j] = dot(p.a + i * p.depth, p.b + j * p.depth, p.depth) * p.scale;
    }
  }
  const auto log_sum_exp = [&](const float* first, int64_t step) {
    float max = -kInfinity, sum = 0;
    for (int64_t i = 0; i < p.count; ++i) max = std::max(max, first[i * step]);
    for (int64_t i = 0; i < p.count; ++i) sum += std::exp(first[i * step] - max);
    return max + std::log(sum);
  };
  for (int64_t i = 0; i < p.count; ++i) {
    p.rows[i] = log_sum_exp(s.data() + i * p.count, 1);
    p.columns[i] = log_sum_exp(s.data() + i, p.count);
  }
}

// Log-sum-exps of the rows and columns of a whole matrix of scores, kLanes columns at once. The sums of kLanes columns
// go down the matrix together, so that every cache line that is read is used whole.
void log_sum_exps(const Problem& p, const std::vector<float>& s) {
  std::vector<float> column_max(static_cast<size_t>(p.count), -kInfinity), column_sum(column_max.size());
  for (int64_t i = 0; i < p.count; ++i) {
    const float* row = s.data() + i * p.count;
    Vec max = splat(-kInfinity), sum = {};
    for (int64_t j = 0; j < p.count; j += kLanes) {
      max = maximum(load(row + j), max);
      store(column_max.data() + j, maximum(load(row + j), load(column_max.data() + j)));
    }
    const float highest = max_lanes(max);
    for (int64_t j = 0; j < p.count; j += kLanes) sum += exp(load(row + j) - splat(highest));
    p.rows[i] = highest + std::log(sum_lanes(sum));
  }
  for (int64_t i = 0; i < p.count; ++i) {
    const float* row = s.data() + i * p.count;
    for (int64_t j = 0; j < p.count; j += kLanes) {
      float* sum = column_sum.data() + j;
      store(sum, load(sum) + exp(load(row + j) - load(column_max.data() + j)));
    }
  }
  for (int64_t j = 0; j < p.count; ++j) p.columns[j] = column_max[j] + std::log(column_sum[j]);
}

// ---------------------------------------------------------------------------------------------------------------------
// Step 3: vectors of exponentials, and columns that are read along rows.
void vector_exponentials(const Problem& p) {
  std::vector<float> s(static_cast<size_t>(p.count * p.count));
  for (int64_t i = 0; i < p.count; ++i) {
    for (int64_t j = 0; j < p.count; ++j) {
      s[i * p.count + j] = dot(p.a + i * p.depth, p.b + j * p.depth, p.depth) * p.scale;
    }
  }
  log_sum_exps(p, s);
}

// Scores of kTileRows rows from `row` on and kPanel columns.
void score_tile(const Problem& p, const std::vector<float>& panels, int64_t row, int64_t column, float* sums) {
  const float* rows[kTileRows];
  for (int64_t r = 0; r < kTileRows; ++r) rows[r] = p.a + std::min(row + r, p.count - 1) * p.depth;
  register_tile(rows, 1, p.depth, panels.data() + column * p.depth, sums);
}

// ---------------------------------------------------------------------------------------------------------------------
// Step 4: register tiles. b is packed into panels, and the scores are a matrix product of tiles. A panel of b stays in
// the cache for all rows of a, so the loop over panels is the outer one.
void register_tiles(const Problem& p) {
  const std::vector<float> panels = pack(p.b, p.depth, p.count, 1, p.depth);
  std::vector<float> s(static_cast<size_t>(p.count * p.count));
  alignas(64) float sums[kTileRows * kPanel];
  for (int64_t j = 0; j < p.count; j += kPanel) {
    for (int64_t i = 0; i < p.count; i += kTileRows) {
      score_tile(p, panels, i, j, sums);
      for (int64_t r = 0; r < std::min<int64_t>(kTileRows, p.count - i); ++r) {
        for (int64_t c = 0; c < kPanel; c += kLanes) {
          store(s.data() + (i + r) * p.count + j + c, load(sums + r * kPanel + c) * splat(p.scale));
        }
      }
    }
  }
  log_sum_exps(p, s);
}

// Running log-sum-exps of all rows and columns, as a maximum and a sum of exponentials about it.
struct RunningSums {
  std::vector<float> row_max, row_sum, column_max, column_sum;

  explicit RunningSums(int64_t count)
      : row_max(static_cast<size_t>(count), -kInfinity),
        row_sum(row_max.size()),
        column_max(row_max),
        column_sum(row_max.size()) {}

  void finish(const Problem& p) const {
    for (int64_t i = 0; i < p.count; ++i) {
      p.rows[i] = row_max[i] + std::log(row_sum[i]);
      p.columns[i] = column_max[i] + std::log(column_sum[i]);
    }
  }
};

// Multiplies a running sum by exp(old maximum - new maximum) and adds `sum`, which is about `max`.
void add_to_row(float max, float sum, float* total_max, float* total_sum) {
  const float highest = std::max(max, *total_max);
  *total_sum = *total_sum * std::exp(*total_max - highest) + sum * std::exp(max - highest);
  *total_max = highest;
}
void add_to_columns(Vec max, Vec sum, float* total_max, float* total_sum) {
  const Vec before = load(total_max), highest = maximum(max, before);
  store(total_sum, load(total_sum) * exp(before - highest) + sum * exp(max - highest));
  store(total_max, highest);
}

// ---------------------------------------------------------------------------------------------------------------------
// Step 5: fused. The scores of a tile are reduced while they are in the L1 cache, and the matrix of scores is never
// stored: memory falls from 4 count^2 bytes to 16 count. Two exponentials per score: one about the maximum of its row
// in the tile, one about the maximum of its column.
void fused(const Problem& p) {
  const std::vector<float> panels = pack(p.b, p.depth, p.count, 1, p.depth);
  RunningSums total(p.count);
  alignas(64) float s[kTileRows * kPanel];
  for (int64_t j = 0; j < p.count; j += kPanel) {
    for (int64_t i = 0; i < p.count; i += kTileRows) {
      const int64_t count = std::min<int64_t>(kTileRows, p.count - i);
      score_tile(p, panels, i, j, s);

      // Maxima.
      Vec column_max[2] = {splat(-kInfinity), splat(-kInfinity)}, column_sum[2] = {};
      float row_max[kTileRows];
      for (int64_t r = 0; r < count; ++r) {
        const Vec low = load(s + r * kPanel) * splat(p.scale), high = load(s + r * kPanel + kLanes) * splat(p.scale);
        store(s + r * kPanel, low);
        store(s + r * kPanel + kLanes, high);
        column_max[0] = maximum(low, column_max[0]);
        column_max[1] = maximum(high, column_max[1]);
        row_max[r] = max_lanes(maximum(low, high));
      }

      // Sums of exponentials of rows and columns.
      for (int64_t r = 0; r < count; ++r) {
        Vec sum = {};
        for (int v = 0; v < 2; ++v) {
          const Vec x = load(s + r * kPanel + v * kLanes);
          sum += exp(x - splat(row_max[r]));
          column_sum[v] += exp(x - column_max[v]);
        }
        add_to_row(row_max[r], sum_lanes(sum), &total.row_max[i + r], &total.row_sum[i + r]);
      }
      for (int v = 0; v < 2; ++v) {
        const int64_t c = j + v * kLanes;
        add_to_columns(column_max[v], column_sum[v], &total.column_max[c], &total.column_sum[c]);
      }
    }
  }
  total.finish(p);
}

// ---------------------------------------------------------------------------------------------------------------------
// Step 6: one exponential for both directions, about the maximum of the whole tile, and tiles of four panels, so that
// the sums of a row are joined four times less often. (Scores of a tile must not lie more than about 60 apart, where
// exp would vanish; the package's kernel then falls back to step 5.)
void shared_exponential(const Problem& p) {
  constexpr int kPanels = 4, kWidth = kPanels * static_cast<int>(kPanel), kVectors = kWidth / kLanes;
  const std::vector<float> panels = pack(p.b, p.depth, p.count, 1, p.depth);
  RunningSums total(p.count);
  alignas(64) float s[kTileRows * kWidth];
  for (int64_t j = 0; j < p.count; j += kWidth) {
    const int vectors = static_cast<int>(std::min<int64_t>(kVectors, (p.count - j) / kLanes));
    for (int64_t i = 0; i < p.count; i += kTileRows) {
      const int64_t count = std::min<int64_t>(kTileRows, p.count - i);
      for (int64_t c = 0; c < vectors * kLanes; c += kPanel) {
        score_tile(p, panels, i, j + c, s + c * kTileRows);  // [panels][kTileRows][kPanel]
      }
      const auto at = [&](int64_t r, int v) { return s + v / 2 * kTileRows * kPanel + r * kPanel + v % 2 * kLanes; };

      // The maximum of the tile.
      Vec highest = splat(-kInfinity);
      for (int64_t r = 0; r < count; ++r) {
        for (int v = 0; v < vectors; ++v) {
          const Vec x = load(at(r, v)) * splat(p.scale);
          store(at(r, v), x);
          highest = maximum(x, highest);
        }
      }
      const float max = max_lanes(highest);

      // Sums of rows and columns.
      Vec column_sum[kVectors] = {};
      for (int64_t r = 0; r < count; ++r) {
        Vec sum = {};
        for (int v = 0; v < vectors; ++v) {
          const Vec e = exp(load(at(r, v)) - splat(max));
          sum += e;
          column_sum[v] += e;
        }
        add_to_row(max, sum_lanes(sum), &total.row_max[i + r], &total.row_sum[i + r]);
      }
      for (int v = 0; v < vectors; ++v) {
        const int64_t c = j + v * kLanes;
        add_to_columns(splat(max), column_sum[v], &total.column_max[c], &total.column_sum[c]);
      }
    }
  }
  total.finish(p);
}

// Rows of unit length.
std::vector<float> unit_rows(int64_t count, int64_t depth, uint64_t seed) {
  std::vector<float> x = numbers(count * depth, seed);
  for (int64_t i = 0; i < count; ++i) {
    const float inverse = 1 / std::sqrt(dot(x.data() + i * depth, x.data() + i * depth, depth));
    for (int64_t c = 0; c < depth; ++c) x[i * depth + c] *= inverse;
  }
  return x;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Problem p{};
  p.count = options.small ? 160 : 1024, p.depth = options.small ? 64 : 512;
  p.scale = 20;
  const std::vector<float> a = unit_rows(p.count, p.depth, 1), b = unit_rows(p.count, p.depth, 2);
  std::vector<float> sums(static_cast<size_t>(2 * p.count)), loss(1), positives(sums.size());
  std::vector<double> expected(sums.size());
  p.a = a.data(), p.b = b.data(), p.rows = sums.data(), p.columns = sums.data() + p.count;
  plain<double>(p, expected.data(), expected.data() + p.count);

  const auto ours = [&](int threads) {
    const auto vector = {p.count};
    return PackageKernel("contrastive_loss",
                         {tensor(p.a, {p.count, p.depth}), tensor(p.b, {p.count, p.depth}), Tensor()},
                         {tensor(loss.data(), {1}), tensor(p.rows, vector), tensor(p.columns, vector),
                          tensor(positives.data(), vector), tensor(positives.data() + p.count, vector)},
                         {p.scale, 0.5, 0.5}, threads);
  };
  Ladder ladder(options, 2.0 * static_cast<double>(p.count * p.count * p.depth));
  constexpr double kBound = 1e-6;
  ladder.step("plain loops", kBound, [&] { plain<float>(p, p.rows, p.columns); });
  ladder.step("vectors over the depth", kBound, [&] { vector_products(p); });
  ladder.step("vectors of exponentials", kBound, [&] { vector_exponentials(p); });
  ladder.step("register tiles", kBound, [&] { register_tiles(p); });
  ladder.step("fused: scores are not stored", kBound, [&] { fused(p); });
  ladder.step("one exponential for both directions", kBound, [&] { shared_exponential(p); });
  ladder.step("the package's kernel", kBound, ours(1));
  ladder.step("the package's kernel, 2 threads", kBound, ours(2));
  return ladder.run(sums, expected);
}
