#include "emulator/wgmma.h"

#include <cstring>

#include "emulator/block.h"
#include "emulator/fault.h"
#include "emulator/memory.h"
#include "emulator/warp.h"
#include "runtime/number.h"

namespace videoclip {
namespace emulator {
namespace {

constexpr uint32_t kFullMask = ~0u, kPoison = ~0u;
constexpr int kDepth = 16, kWarpRows = 16, kGroupWarps = 4;

// The shared byte offset of element (row, k) of an operand. The descriptors have the swizzle of 128 bytes.
class Operand {
 public:
  Operand(uint64_t descriptor, bool lines)
      : start_(field(descriptor, 0)), leading_(field(descriptor, 16)), stride_(field(descriptor, 32)), lines_(lines) {
    if (descriptor >> 62 != 1) fault("wgmma: the descriptor has another swizzle than that of 128 bytes");
    if (descriptor >> 49 & 7) fault("wgmma: the descriptor has a base offset");
  }
  uint32_t at(uint32_t row, uint32_t k) const {
    const uint32_t offset = lines_ ? row % 64 * 2 + row / 64 * leading_ + k % 8 * 128 + k / 8 * stride_
                                   : row % 8 * 128 + row / 8 * stride_ + k * 2;
    const uint32_t address = start_ + offset;
    return address ^ (address / 128 % 8 * 16);
  }
  // The chunks of 16 bytes that hold `rows` rows from `first` on.
  template <class Use>
  void each_chunk(uint32_t first, uint32_t rows, Use use) const {
    for (uint32_t row = first; row < first + rows; row += lines_ ? 8 : 1) {
      for (uint32_t k = 0; k < kDepth; k += lines_ ? 1 : 8) use(at(row, k));
    }
  }

 private:
  static uint32_t field(uint64_t descriptor, int bit) { return static_cast<uint32_t>(descriptor >> bit & 0x3fff) << 4; }

  uint32_t start_, leading_, stride_;
  bool lines_;
};

float value_of(MmaType type, uint16_t half) { return type == MmaType::bf16 ? bf16_to_float(half) : f16_to_float(half); }

float load(const Operand& operand, uint32_t row, uint32_t k, MmaType type) {
  uint16_t half;
  const uint32_t at = operand.at(row, k);
  std::memcpy(&half, current_lane->block->shared.data() + at, 2);
  if (half == 0xffff) fault("wgmma reads an uninitialised value at shared byte %u", at);
  return value_of(type, half);
}

// The row and column, within the warp, of register i of a lane.
int row_of(int lane, int i) { return lane / 4 + i / 2 % 2 * 8; }
int column_of(int lane, int i) { return i / 4 * 8 + lane % 4 * 2 + i % 2; }

// The registers of sums in flight hold the poison.
void check_untouched(const PendingProduct& product) {
  for (float* registers : product.registers) {
    for (int i = 0; i < product.what.columns / 2; ++i) {
      if (std::memcmp(&registers[i], &kPoison, sizeof kPoison) != 0) fault("writes the sums of a wgmma in flight");
    }
  }
}

void multiply(Warp& warp, const PendingProduct& product) {
  const Wgmma& w = product.what;
  check_untouched(product);
  const Operand b(w.b, w.b_lines);
  static thread_local float left[kWarpRows][kDepth], right[kDepth][256];
  const auto first = static_cast<uint32_t>(warp.id % kGroupWarps * kWarpRows);
  for (uint32_t k = 0; k < kDepth; ++k) {
    for (uint32_t n = 0; n < static_cast<uint32_t>(w.columns); ++n) right[k][n] = load(b, n, k, w.type);
  }
  if (w.a) {
    const Operand a(w.a, w.a_lines);
    for (uint32_t k = 0; k < kDepth; ++k) {
      for (uint32_t r = 0; r < kWarpRows; ++r) left[r][k] = load(a, first + r, k, w.type);
    }
  } else {  // as in mma.m16n8k16
    for (int l = 0; l < kWarpLanes; ++l) {
      for (int i = 0; i < 8; ++i) {
        const auto half = static_cast<uint16_t>(product.a[l][i / 2] >> 16 * (i % 2));
        left[row_of(l, i)][l % 4 * 2 + i % 2 + i / 4 * 8] = value_of(w.type, half);
      }
    }
  }
  Accumulator& into = warp.products.accumulators.at(product.registers[0]);
  if (!w.add) std::fill(into.sums.begin(), into.sums.end(), 0.0f);
  for (int r = 0; r < kWarpRows; ++r) {
    float* sums = into.sums.data() + r * w.columns;
    for (int k = 0; k < kDepth; ++k) {
      for (int n = 0; n < w.columns; ++n) sums[n] += left[r][k] * right[k][n];
    }
  }
  if (--into.pending > 0) return;
  for (int l = 0; l < kWarpLanes; ++l) {
    for (int i = 0; i < w.columns / 2; ++i) {
      product.registers[l][i] = into.sums[static_cast<size_t>(row_of(l, i) * w.columns + column_of(l, i))];
    }
  }
  warp.products.accumulators.erase(product.registers[0]);
}

struct Arguments {
  float* d;
  const Wgmma* what;
  const uint32_t* a;
  uint32_t pending;
};

const Arguments& arguments_of(const Warp& warp, int lane) {
  return *static_cast<const Arguments*>(warp.lanes[lane]->payload);
}

void finish_wgmma(Warp& warp, uint32_t) {
  Block& block = *current_lane->block;
  const Wgmma what = *arguments_of(warp, 0).what;
  Products& products = warp.products;
  if (what.columns % 8 || what.columns < 8 || what.columns > 256) fault("wgmma of %d columns", what.columns);
  if (!products.fenced) fault("wgmma: wgmma_fence is missing after the last access to the registers");
  const size_t warps = block.warps.size();
  if (static_cast<size_t>(warp.id / kGroupWarps * kGroupWarps + kGroupWarps) > warps)
    fault("wgmma without a whole warpgroup");
  WarpgroupLog& log = block.warpgroups[warp.id / kGroupWarps];
  if (products.issued == log.size()) log.push_back(what);
  if (!(log[products.issued] == what)) fault("wgmma: the warps of the warpgroup execute different instructions");
  ++products.issued;

  const Lane& lane = *warp.lanes[0];
  const auto check = [&](uint32_t at) {
    if (at + 16 > block.shared.size()) fault("wgmma reads shared byte %u, beyond the launch", at);
    block.shared.before_wgmma_read(lane, at, 16, products.group);
  };
  const auto first = static_cast<uint32_t>(warp.id % kGroupWarps * kWarpRows);
  if (what.a) Operand(what.a, what.a_lines).each_chunk(first, kWarpRows, check);
  Operand(what.b, what.b_lines).each_chunk(0, static_cast<uint32_t>(what.columns), check);

  PendingProduct product{what, products.group, {}, {}};
  for (int l = 0; l < kWarpLanes; ++l) {
    product.registers[l] = arguments_of(warp, l).d;
    if (!what.a) std::memcpy(product.a[l], arguments_of(warp, l).a, sizeof product.a[l]);
  }
  Accumulator& into = products.accumulators[product.registers[0]];
  if (into.pending++ == 0) {
    into.sums.resize(static_cast<size_t>(kWarpRows * what.columns));
    for (int l = 0; l < kWarpLanes; ++l) {
      for (int i = 0; i < what.columns / 2; ++i) {
        into.sums[static_cast<size_t>(row_of(l, i) * what.columns + column_of(l, i))] = product.registers[l][i];
      }
      // Registers that are read before the wait are visibly wrong.
      for (int i = 0; i < what.columns / 2; ++i) std::memcpy(&product.registers[l][i], &kPoison, sizeof kPoison);
    }
  }
  products.pending.push_back(product);
  ++block.counters.wgmma;
}

void finish_fence(Warp& warp, uint32_t) { warp.products.fenced = true; }
void finish_commit(Warp& warp, uint32_t) { ++warp.products.group; }

void finish_wait(Warp& warp, uint32_t) {
  Products& products = warp.products;
  const uint32_t newest = products.group - 1, pending = arguments_of(warp, 0).pending;
  if (newest > pending) {
    const uint32_t done = newest - pending;
    size_t count = 0;
    while (count < products.pending.size() && products.pending[count].group <= done)
      multiply(warp, products.pending[count++]);
    products.pending.erase(products.pending.begin(), products.pending.begin() + static_cast<std::ptrdiff_t>(count));
    uint32_t& seen = warp.clock.seen[kWgmmaClocks + warp.id];
    seen = std::max(seen, done);
  }
  products.fenced = false;
}

void meet_with(Wait wait, uint32_t detail, Arguments arguments, Finish finish) {
  meet(wait, detail, kFullMask, &arguments, finish);
}

}  // namespace

bool Wgmma::operator==(const Wgmma& other) const {
  return a == other.a && b == other.b && columns == other.columns && type == other.type && a_lines == other.a_lines &&
         b_lines == other.b_lines && add == other.add;
}

void wgmma(float* d, const Wgmma& what, const uint32_t* a) {
  meet_with(Wait::wgmma, static_cast<uint32_t>(what.columns), {d, &what, a, 0}, finish_wgmma);
}
void wgmma_fence() { meet_with(Wait::wgmma_fence, 0, {}, finish_fence); }
void wgmma_commit() { meet_with(Wait::wgmma_commit, 0, {}, finish_commit); }
void wgmma_wait(uint32_t pending) {
  meet_with(Wait::wgmma_wait, pending, {nullptr, nullptr, nullptr, pending}, finish_wait);
}

}  // namespace emulator
}  // namespace videoclip
