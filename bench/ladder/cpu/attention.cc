// Attention on the CPU, from plain loops to the package's kernel.
//
// y[i, h] = sum_j softmax_j(q[i, h] . k[j, h] / sqrt(size)) v[j, h] for every head h; q, k, v and y are
// [length, heads, size], f32. FLOP: 4 length^2 size per head; exponentials: length^2 per head.
#include <algorithm>

#include "cpu/primitives/vector_math.h"
#include "ladder.h"
#include "package_kernel.h"
#include "register_tile.h"

using namespace ladder;

namespace {

struct Problem {
  int64_t heads, length, size;  // length: a multiple of kPanel; size: a multiple of kPanel
  const float *q, *k, *v;
  float* y;

  int64_t stride() const { return heads * size; }  // from one position to the next
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(size)); }
};

// ---------------------------------------------------------------------------------------------------------------------
// Step 1: plain loops. The formula as it stands: scores of a query, softmax, weighted sum. T is the type of the
// arithmetic; in double, this step is the reference for all others.
template <typename T>
void plain(const Problem& p, T* y) {
  std::vector<T> weights(static_cast<size_t>(p.length));
  for (int64_t h = 0; h < p.heads; ++h) {
    for (int64_t i = 0; i < p.length; ++i) {
      const float* q = p.q + i * p.stride() + h * p.size;
      T max = -std::numeric_limits<T>::infinity();
      for (int64_t j = 0; j < p.length; ++j) {
        const float* k = p.k + j * p.stride() + h * p.size;
        T dot = 0;
        for (int64_t c = 0; c < p.size; ++c) dot += static_cast<T>(q[c]) * k[c];
        weights[j] = dot / std::sqrt(static_cast<T>(p.size));
        max = std::max(max, weights[j]);
      }
      T sum = 0;
      for (T& w : weights) sum += w = std::exp(w - max);
      for (int64_t c = 0; c < p.size; ++c) {
        T total = 0;
        for (int64_t j = 0; j < p.length; ++j) total += weights[j] * p.v[j * p.stride() + h * p.size + c];
        y[i * p.stride() + h * p.size + c] = total / sum;
      }
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Step 2: vectors over channels. Channels are consecutive in memory, so a vector holds kLanes of them, both in the dot
// products and in the weighted sum, whose loop over keys becomes the outer one.
void vector_channels(const Problem& p) {
  std::vector<float> weights(static_cast<size_t>(p.length));
  for (int64_t h = 0; h < p.heads; ++h) {
    for (int64_t i = 0; i < p.length; ++i) {
      const float* q = p.q + i * p.stride() + h * p.size;
      float max = -std::numeric_limits<float>::infinity(), sum = 0;
      for (int64_t j = 0; j < p.length; ++j) {
        weights[j] = dot(q, p.k + j * p.stride() + h * p.size, p.size) * p.scale();
        max = std::max(max, weights[j]);
      }
      for (float& w : weights) sum += w = std::exp(w - max);
      float* y = p.y + i * p.stride() + h * p.size;
      for (int64_t c = 0; c < p.size; ++c) y[c] = 0;
      for (int64_t j = 0; j < p.length; ++j) {
        const Vec weight = splat(weights[j] / sum);
        const float* v = p.v + j * p.stride() + h * p.size;
        for (int64_t c = 0; c < p.size; c += kLanes) store(y + c, load(y + c) + weight * load(v + c));
      }
    }
  }
}

// Scores to weights exp(scale score - max), in place, with vectors of exponentials. Takes the maximum and sum of the
// keys before, and returns the factor for what was summed with the old maximum.
float to_weights(float* scores, int64_t count, float scale, float* max, float* sum) {
  Vec highest = splat(*max);
  for (int64_t j = 0; j < count; j += kLanes) {
    const Vec s = load(scores + j) * splat(scale);
    store(scores + j, s);
    highest = maximum(s, highest);
  }
  const float before = *max;
  *max = max_lanes(highest);
  Vec total = {};
  for (int64_t j = 0; j < count; j += kLanes) {
    const Vec e = exp(load(scores + j) - splat(*max));
    store(scores + j, e);
    total += e;
  }
  const float factor = std::exp(before - *max);
  *sum = *sum * factor + sum_lanes(total);
  return factor;
}

// ---------------------------------------------------------------------------------------------------------------------
// Step 3: vectors of exponentials. The exponential of the C library takes one number at a time; a polynomial
// (cpu/vector_math.h) takes kLanes at once.
void vector_exponentials(const Problem& p) {
  std::vector<float> weights(static_cast<size_t>(p.length));
  for (int64_t h = 0; h < p.heads; ++h) {
    for (int64_t i = 0; i < p.length; ++i) {
      const float* q = p.q + i * p.stride() + h * p.size;
      float max = -std::numeric_limits<float>::infinity(), sum = 0;
      for (int64_t j = 0; j < p.length; ++j) weights[j] = dot(q, p.k + j * p.stride() + h * p.size, p.size);
      to_weights(weights.data(), p.length, p.scale(), &max, &sum);
      float* y = p.y + i * p.stride() + h * p.size;
      for (int64_t c = 0; c < p.size; ++c) y[c] = 0;
      for (int64_t j = 0; j < p.length; ++j) {
        const Vec weight = splat(weights[j] / sum);
        const float* v = p.v + j * p.stride() + h * p.size;
        for (int64_t c = 0; c < p.size; c += kLanes) store(y + c, load(y + c) + weight * load(v + c));
      }
    }
  }
}

// Pointers to the rows of a tile that begins at `first`; the last row is repeated where there are no more.
void rows_of(const float* data, int64_t stride, int64_t first, int64_t count, const float** rows) {
  for (int64_t r = 0; r < kTileRows; ++r) rows[r] = data + std::min(first + r, count - 1) * stride;
}

// ---------------------------------------------------------------------------------------------------------------------
// Step 4: register tiles. A tile of kTileRows queries shares every load of k and v. k, transposed, and v are packed
// into panels once per head; the scores of a tile fill kTileRows rows of `length` floats.
void register_tiles(const Problem& p) {
  std::vector<float> scores(static_cast<size_t>(kTileRows * p.length)), sums(kTileRows * kPanel);
  for (int64_t h = 0; h < p.heads; ++h) {
    const std::vector<float> keys = pack(p.k + h * p.size, p.size, p.length, 1, p.stride());
    const std::vector<float> values = pack(p.v + h * p.size, p.length, p.size, p.stride(), 1);
    for (int64_t i = 0; i < p.length; i += kTileRows) {
      const int64_t count = std::min<int64_t>(kTileRows, p.length - i);
      const float* rows[kTileRows];

      // Scores: a tile of queries times every panel of keys.
      rows_of(p.q + h * p.size, p.stride(), i, p.length, rows);
      for (int64_t j = 0; j < p.length; j += kPanel) {
        register_tile(rows, 1, p.size, keys.data() + j * p.size, sums.data());
        for (int64_t r = 0; r < kTileRows; ++r) {
          std::copy_n(sums.data() + r * kPanel, kPanel, scores.data() + r * p.length + j);
        }
      }

      // Softmax of every row.
      float inverse[kTileRows];
      for (int64_t r = 0; r < count; ++r) {
        float max = -std::numeric_limits<float>::infinity(), sum = 0;
        to_weights(scores.data() + r * p.length, p.length, p.scale(), &max, &sum);
        inverse[r] = 1 / sum;
      }

      // Weighted sums: the tile of weights times every panel of channels.
      rows_of(scores.data(), p.length, 0, count, rows);
      for (int64_t c = 0; c < p.size; c += kPanel) {
        register_tile(rows, 1, p.length, values.data() + c * p.length, sums.data());
        for (int64_t r = 0; r < count; ++r) {
          float* y = p.y + (i + r) * p.stride() + h * p.size + c;
          for (int64_t l = 0; l < kPanel; l += kLanes)
            store(y + l, load(sums.data() + r * kPanel + l) * splat(inverse[r]));
        }
      }
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Step 5: blocks of keys with an online softmax (Milakov and Gimelshein 2018). Panels and scores of a block of 512 keys
// stay in the L2 and L1 caches, however long the sequence is. A row keeps its maximum and sum from block to block; when
// the maximum rises, what it has summed so far is multiplied by exp(old - new).
void online_softmax(const Problem& p) {
  constexpr int64_t kBlock = 512;
  std::vector<float> scores(kTileRows * kBlock), sums(kTileRows * kPanel);
  std::vector<float> max(static_cast<size_t>(p.length)), sum(static_cast<size_t>(p.length));
  for (int64_t h = 0; h < p.heads; ++h) {
    std::fill(max.begin(), max.end(), -std::numeric_limits<float>::infinity());
    std::fill(sum.begin(), sum.end(), 0.0f);
    for (int64_t first = 0; first < p.length; first += kBlock) {
      const int64_t keys_here = std::min(kBlock, p.length - first), offset = first * p.stride() + h * p.size;
      const std::vector<float> keys = pack(p.k + offset, p.size, keys_here, 1, p.stride());
      const std::vector<float> values = pack(p.v + offset, keys_here, p.size, p.stride(), 1);
      for (int64_t i = 0; i < p.length; i += kTileRows) {
        const int64_t count = std::min<int64_t>(kTileRows, p.length - i);
        const float* rows[kTileRows];

        // Scores of the block.
        rows_of(p.q + h * p.size, p.stride(), i, p.length, rows);
        for (int64_t j = 0; j < keys_here; j += kPanel) {
          register_tile(rows, 1, p.size, keys.data() + j * p.size, sums.data());
          for (int64_t r = 0; r < kTileRows; ++r) {
            std::copy_n(sums.data() + r * kPanel, kPanel, scores.data() + r * keys_here + j);
          }
        }

        // Weights, and the factor of each row's earlier sums.
        float factor[kTileRows];
        for (int64_t r = 0; r < count; ++r) {
          factor[r] = to_weights(scores.data() + r * keys_here, keys_here, p.scale(), &max[i + r], &sum[i + r]);
        }

        // y = factor y + weights v, divided by the sum after the last block.
        rows_of(scores.data(), keys_here, 0, count, rows);
        for (int64_t c = 0; c < p.size; c += kPanel) {
          register_tile(rows, 1, keys_here, values.data() + c * keys_here, sums.data());
          for (int64_t r = 0; r < count; ++r) {
            float* y = p.y + (i + r) * p.stride() + h * p.size + c;
            const float inverse = first + keys_here == p.length ? 1 / sum[i + r] : 1.0f;
            for (int64_t l = 0; l < kPanel; l += kLanes) {
              Vec total = load(sums.data() + r * kPanel + l);
              if (first > 0) total += load(y + l) * splat(factor[r]);
              store(y + l, total * splat(inverse));
            }
          }
        }
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options(argc, argv);
  Problem p{};
  p.heads = options.small ? 2 : 4;
  p.length = options.small ? 544 : 1024;
  p.size = 64;
  const int64_t count = p.length * p.stride();
  const std::vector<float> q = numbers(count, 1, 2), k = numbers(count, 2, 2), v = numbers(count, 3);
  std::vector<float> y(static_cast<size_t>(count));
  std::vector<double> expected(static_cast<size_t>(count));
  p.q = q.data(), p.k = k.data(), p.v = v.data(), p.y = y.data();
  plain<double>(p, expected.data());

  const auto shape = {int64_t{1}, p.length, p.stride()};
  const auto ours = [&](int threads) {
    return PackageKernel("attention", {tensor(p.q, shape), tensor(p.k, shape), tensor(p.v, shape), Tensor()},
                         {tensor(p.y, shape)}, {static_cast<double>(p.heads), p.scale(), 0}, threads);
  };
  Ladder ladder(options, 4.0 * static_cast<double>(p.length * p.length * p.stride()));
  constexpr double kBound = 2e-6;
  ladder.step("plain loops", kBound, [&] { plain<float>(p, p.y); });
  ladder.step("vectors over channels", kBound, [&] { vector_channels(p); });
  ladder.step("vectors of exponentials", kBound, [&] { vector_exponentials(p); });
  ladder.step("register tiles", kBound, [&] { register_tiles(p); });
  ladder.step("online softmax over blocks of keys", kBound, [&] { online_softmax(p); });
  ladder.step("the package's kernel", kBound, ours(1));
  ladder.step("the package's kernel, 2 threads", kBound, ours(2));
  return ladder.run(y, expected);
}
