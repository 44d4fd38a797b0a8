// A task is a block of rows times some panels of the weights. Rows are packed once, by the first thread that needs
// them. k is divided so that the inputs of a block and a panel stay in the L2 cache.
#include "ops/matmul/linear.h"

#include <atomic>
#include <new>
#include <thread>

#include "cpu/conv/input_tiles.h"
#include "cpu/elementwise/activation.h"
#include "cpu/gemm/panels.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int64_t kBlockDepth = 768;  // values of k per block
constexpr int64_t kBlockTiles = 8;    // tiles of rows per block: 344 KB of inputs at kBlockDepth, a third of L2
constexpr int64_t kChunkTiles = 64;   // tiles of rows that are packed at a time
constexpr int64_t kTasks = 8;         // tasks per thread, if there are enough panels

// The division of rows and panels. Results do not depend on it.
struct Cut {
  int64_t depth, tiles, chunk_tiles;
  int tile_rows;

  Cut(int64_t rows, int64_t depth) : depth(depth) {
    tile_rows = static_cast<int>(max64(1, ceil_div(rows, max64(1, ceil_div(rows, kTileRows)))));
    tiles = ceil_div(rows, tile_rows);
    chunk_tiles = ceil_div(tiles, max64(1, ceil_div(tiles, kChunkTiles)));
  }
  int64_t tile_floats() const { return ceil_div(tile_rows * depth + kTileSlack, 16) * 16; }
  int64_t state_bytes() const {
    return ceil_div(chunk_tiles * static_cast<int64_t>(sizeof(std::atomic<int>)), 64) * 64;
  }
  int64_t bytes() const { return state_bytes() + chunk_tiles * tile_floats() * 4; }
};

size_t linear_workspace(const Call& call, int) {
  const Rows x(call.in[0]);
  return static_cast<size_t>(Cut(x.rows, x.channels).bytes());
}

struct Product {
  Rows x, y, residual;
  const float *weight, *bias, *scale;
  int activation;
  Panels panels;

  explicit Product(const Call& call)
      : x(call.in[0]),
        y(call.out[0]),
        residual(call.in[3] ? call.in[3] : call.out[0]),
        weight(call.in[1].f32()),
        bias(call.in[2].f32()),
        scale(call.in[4].f32()),
        activation(static_cast<int>(LinearAttributes(call).activation)),
        panels{y.channels, x.channels} {
    if (!call.in[3]) residual.data = nullptr;
  }

  // Turns the sums of `count` rows into outputs: bias, residual, activation.
  void finish(float* sums, int64_t first, int count, int64_t panel) const {
    const int64_t width = panels.width(panel), column = panels.first(panel);
    for (int64_t c = 0; c < panels.used(panel); c += kLanes) {
      const int64_t used = panels.used(panel) - c, at = column + c;
      const Vec b = bias ? load_some(bias + at, used) : Vec{};
      const Vec s = scale ? load_some(scale + at, used) : splat(1.0f);
      for (int r = 0; r < count; ++r) {
        float* to = sums + r * width + c;
        Vec v = load(to) + b;
        if (residual.data) v += s * load_some(residual.data + (first + r) * residual.stride + at, used);
        store(to, v);
      }
    }
    if (activation >= 0) activate(activation, sums, sums, count * width);
  }

  void copy(const float* sums, int64_t first, int count, int64_t panel) const {
    const int64_t width = panels.width(panel), used = panels.used(panel);
    for (int r = 0; r < count; ++r) {
      float* to = y.data + (first + r) * y.stride + panels.first(panel);
      for (int64_t c = 0; c < used; c += kLanes) store_some(to + c, load(sums + r * width + c), used - c);
    }
  }

  void fetch(float* sums, int64_t first, int count, int64_t panel) const {
    const int64_t width = panels.width(panel), used = panels.used(panel);
    for (int r = 0; r < count; ++r) {
      const float* from = y.data + (first + r) * y.stride + panels.first(panel);
      for (int64_t c = 0; c < used; c += kLanes) store(sums + r * width + c, load_some(from + c, used - c));
    }
  }
};

// The memory that `multiply` reads after panel i at k, one part of it for each of `tiles` products: the next panel, or
// the first panel at the next k. After the last of these it is the first panel of the next part, which is usually the
// next task of the same thread.
Later panel_after(const Product& p, int64_t i, int64_t k, int64_t begin, int64_t end, int64_t step, int64_t tiles) {
  const Panels& panels = p.panels;
  const bool restarts = i + 1 == end && k + step < panels.depth;
  const int64_t next = restarts ? begin : i + 1, at = restarts ? k + step : i + 1 == end ? 0 : k;
  if (next == panels.count()) return {reinterpret_cast<const char*>(p.weight), 0};
  const int64_t width = panels.width(next);
  const float* data = p.weight + panels.offset(next) + at * width;
  return {reinterpret_cast<const char*>(data), width * static_cast<int64_t>(sizeof(float)) / tiles};
}

// Panels [begin, end) for tiles [tile, last), whose packed inputs are at `packed` as [tile][depth][rows].
void multiply(const Product& p, const Cut& cut, const float* packed, int64_t tile, int64_t last, int64_t begin,
              int64_t end) {
  alignas(64) float sums[kTileRows * kPanel];
  const int rows = cut.tile_rows;
  const int64_t step = ceil_div(cut.depth, max64(1, ceil_div(cut.depth, kBlockDepth)));
  for (int64_t k = 0; k < max64(1, cut.depth); k += max64(1, step)) {
    const int64_t n = min64(step, cut.depth - k);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t width = p.panels.width(i);
      const float* panel = p.weight + p.panels.offset(i) + k * width;
      const InputTile product = input_tile_of(rows, width);
      // Weights come from memory: without prefetching, the first tile of each panel would wait for them.
      Later later = panel_after(p, i, k, begin, end, step, last - tile);
      for (int64_t t = tile; t < last; ++t, later.data += n * later.step) {
        const int64_t first = t * rows;
        const int count = static_cast<int>(min64(rows, p.x.rows - first));
        if (k > 0) p.fetch(sums, first, count, i);
        product(packed + (t - tile) * cut.tile_floats() + k * rows, n, panel, k == 0, sums, later);
        if (k + n == cut.depth) p.finish(sums, first, count, i);
        p.copy(sums, first, count, i);
      }
    }
  }
}

// The tiles of a chunk of rows, packed on first use.
class PackedTiles {
 public:
  PackedTiles(const Rows& x, const Cut& cut, char* workspace)
      : x_(x),
        cut_(cut),
        states_(reinterpret_cast<std::atomic<int>*>(workspace)),
        floats_(reinterpret_cast<float*>(workspace + cut.state_bytes())) {
    for (int64_t i = 0; i < cut.chunk_tiles; ++i) new (states_ + i) std::atomic<int>(kRaw);
  }

  void restart(int64_t tile) {
    first_tile_ = tile;
    for (int64_t i = 0; i < cut_.chunk_tiles; ++i) states_[i].store(kRaw, std::memory_order_relaxed);
  }
  const float* at(int64_t tile) const { return floats_ + (tile - first_tile_) * cut_.tile_floats(); }

  // Threads that need the same tiles at the same time share the work: each begins with a different tile.
  void prepare(int64_t begin, int64_t end, int thread) {
    const int64_t count = end - begin;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t tile = begin + (i + thread * count / 2) % count;
      int raw = kRaw;
      if (!state(tile).compare_exchange_strong(raw, kBusy, std::memory_order_relaxed)) continue;
      const int64_t first = tile * cut_.tile_rows;
      const int used = static_cast<int>(min64(cut_.tile_rows, x_.rows - first));
      pack_input_tile(x_.data + first * x_.stride, x_.stride, cut_.tile_rows, used, cut_.depth,
                      floats_ + (tile - first_tile_) * cut_.tile_floats());
      state(tile).store(kReady, std::memory_order_release);
    }
    for (int64_t tile = begin; tile < end; ++tile) {
      while (state(tile).load(std::memory_order_acquire) != kReady) std::this_thread::yield();
    }
  }

 private:
  static constexpr int kRaw = 0, kBusy = 1, kReady = 2;
  std::atomic<int>& state(int64_t tile) { return states_[tile - first_tile_]; }

  Rows x_;
  Cut cut_;
  std::atomic<int>* states_;
  float* floats_;
  int64_t first_tile_ = 0;
};

Status linear(const Call& call) {
  const Product p(call);
  if (p.x.rows == 0) return {};
  const Cut cut(p.x.rows, p.x.channels);
  PackedTiles packed(p.x, cut, call.workspace);
  const int64_t panels = p.panels.count();
  for (int64_t chunk = 0; chunk < cut.tiles; chunk += cut.chunk_tiles) {
    packed.restart(chunk);
    const int64_t tiles = min64(cut.chunk_tiles, cut.tiles - chunk), blocks = ceil_div(tiles, kBlockTiles);
    const int64_t parts = min64(panels, ceil_div(kTasks * call.pool->threads(), blocks));
    call.pool->parallel_for(blocks * parts, [&](int64_t task, int thread) {
      const int64_t block = task / parts, part = task % parts;
      const int64_t begin = chunk + block * tiles / blocks, end = chunk + (block + 1) * tiles / blocks;
      packed.prepare(begin, end, thread);
      multiply(p, cut, packed.at(begin), begin, end, part * panels / parts, (part + 1) * panels / parts);
    });
  }
  return {};
}

VIDEOCLIP_KERNEL("linear", linear, linear_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
