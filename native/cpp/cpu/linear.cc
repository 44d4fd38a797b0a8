// A task is a block of rows times some panels of the weights. A thread packs the rows of a block once and keeps them
// while its tasks are of that block; k is cut so that a block's inputs and a panel stay in the L2 cache.
#include "ops/linear.h"

#include "cpu/activation.h"
#include "cpu/input_tiles.h"
#include "cpu/panels.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

constexpr int64_t kBlockTiles = 8;  // of rows: 344 KB of inputs at kBlockDepth, a third of L2
constexpr int64_t kBlockDepth = 768;
constexpr int64_t kTasks = 4;  // per thread at least, where there are panels enough

// How rows, k and panels are cut. Results do not depend on it.
struct Cut {
  int64_t depth, tiles, blocks, block_tiles, slices;
  int tile_rows;

  Cut(int64_t rows, int64_t depth, int64_t panels, int threads) : depth(depth) {
    tiles = max64(1, ceil_div(rows, kTileRows));
    tile_rows = static_cast<int>(max64(1, ceil_div(rows, tiles)));
    tiles = max64(1, ceil_div(rows, tile_rows));
    blocks = ceil_div(tiles, kBlockTiles);
    if (blocks > 1) blocks = min64(tiles, ceil_div(blocks, threads) * threads);
    block_tiles = ceil_div(tiles, blocks);
    blocks = ceil_div(tiles, block_tiles);
    slices = max64(1, min64(panels, ceil_div(kTasks * threads, blocks)));
    if (blocks >= kTasks * threads) slices = 1;
  }
  int64_t tile_floats() const { return tile_rows * depth; }
  int64_t thread_floats() const { return ceil_div(block_tiles * tile_floats() + kTileSlack, 16) * 16; }
};

Cut cut(const Call& call, int threads) {
  const Rows x(call.in[0]), y(call.out[0]);
  return {x.rows, x.channels, Panels{y.channels, x.channels}.count(), threads};
}

size_t linear_workspace(const Call& call, int threads) {
  const int64_t state = ceil_div(threads, 8) * 64;
  return static_cast<size_t>(state + threads * cut(call, threads).thread_floats() * 4);
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
        activation(static_cast<int>(call.attrs[0])),
        panels{y.channels, x.channels} {
    if (!call.in[3]) residual.data = nullptr;
  }

  // What becomes of the sums of `count` rows: bias, residual, activation.
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

// Panels [begin, end) for tiles [tile, last), whose packed inputs lie at `packed` as [tile][depth][rows].
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
      for (int64_t t = tile; t < last; ++t) {
        const int64_t first = t * rows;
        const int count = static_cast<int>(min64(rows, p.x.rows - first));
        if (k > 0) p.fetch(sums, first, count, i);
        product(packed + (t - tile) * cut.tile_floats() + k * rows, n, panel, k == 0, sums);
        if (k + n == cut.depth) p.finish(sums, first, count, i);
        p.copy(sums, first, count, i);
      }
    }
  }
}

Status linear(const Call& call) {
  const Product p(call);
  const Cut c = cut(call, call.pool->threads());
  if (p.x.rows == 0) return {};
  const int threads = call.pool->threads();
  int64_t* packed_block = reinterpret_cast<int64_t*>(call.workspace);  // of each thread
  for (int t = 0; t < threads; ++t) packed_block[t] = -1;
  float* scratch = reinterpret_cast<float*>(call.workspace + ceil_div(threads, 8) * 64);
  // With few blocks neighbouring tasks are of different ones, so that a thread keeps its own.
  call.pool->parallel_for(c.blocks * c.slices, [&](int64_t task, int thread) {
    const int64_t block = task % c.blocks, slice = task / c.blocks;
    const int64_t tile = block * c.block_tiles, last = min64(c.tiles, tile + c.block_tiles);
    float* packed = scratch + thread * c.thread_floats();
    if (packed_block[thread] != block) {
      for (int64_t t = tile; t < last; ++t) {
        const int64_t first = t * c.tile_rows;
        const int used = static_cast<int>(min64(c.tile_rows, p.x.rows - first));
        pack_input_tile(p.x.data + first * p.x.stride, p.x.stride, c.tile_rows, used, c.depth,
                        packed + (t - tile) * c.tile_floats());
      }
      packed_block[thread] = block;
    }
    const int64_t panels = p.panels.count();
    multiply(p, c, packed, tile, last, slice * panels / c.slices, (slice + 1) * panels / c.slices);
  });
  return {};
}

VIDEOCLIP_KERNEL("linear", linear, linear_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
