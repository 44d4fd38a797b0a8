#include "emulator/tensor_copy.h"

#include <cstring>

#include "emulator/block.h"
#include "emulator/fault.h"

namespace videoclip {
namespace emulator {
namespace {

constexpr uint32_t kItem = 2, kChunk = 16, kSwizzleBytes = 1024;
constexpr uint32_t kRowBytes = 128;  // the swizzle exchanges chunks within rows of this length

uint32_t rows_of(const TensorMapData& map) {
  uint32_t rows = 1;
  for (int i = 1; i < (map.im2col ? 2 : int{map.rank}); ++i) rows *= map.box[i];
  return rows;
}

// Calls use(row, position of the row's first item along the axes).
template <class Use>
void each_row(const TensorCopy& copy, Use use) {
  const TensorMapData& map = copy.map;
  int64_t at[kMaxTensorRank] = {};
  for (int i = 0; i < map.rank; ++i) at[i] = copy.at[i];
  const uint32_t rows = rows_of(map);
  for (uint32_t row = 0; row < rows; ++row) {
    int64_t item[kMaxTensorRank] = {at[0]};
    if (map.im2col) {
      for (int i = 1; i < map.rank; ++i) item[i] = at[i] + (i < map.rank - 1 ? copy.taps[i - 1] : 0);
      // the next window: along W, then H, then T, then the batch
      int axis = 1;
      for (; axis < map.rank - 1; ++axis) {
        at[axis] += map.steps[axis];
        if (at[axis] <= int64_t{map.sizes[axis]} - 1 + map.upper[axis - 1]) break;
        at[axis] = map.lower[axis - 1];
      }
      if (axis == map.rank - 1) ++at[axis];
    } else {
      uint32_t rest = row;
      for (int i = 1; i < map.rank; ++i) {
        item[i] = at[i] + rest % map.box[i];
        rest /= map.box[i];
      }
    }
    use(row, item);
  }
}

uint32_t swizzled(uint32_t offset) { return offset ^ ((offset / kRowBytes % 8) * kChunk); }

}  // namespace

bool TensorCopies::land(Block& block, size_t index) {
  if (index >= flying.size()) return false;
  const TensorCopy copy = flying[index];
  flying.erase(flying.begin() + static_cast<std::ptrdiff_t>(index));
  const TensorMapData& map = copy.map;
  ++landed;
  each_row(copy, [&](uint32_t row, const int64_t* item) {
    bool inside = true;
    const char* from = map.data;
    for (int i = 1; i < map.rank; ++i) {
      inside = inside && item[i] >= 0 && item[i] < int64_t{map.sizes[i]};
      if (inside) from += static_cast<uint64_t>(item[i]) * map.strides[i];
    }
    for (uint32_t at = 0; at < map.box[0]; at += kChunk / kItem) {
      char chunk[kChunk] = {};
      for (uint32_t e = 0; e < kChunk / kItem; ++e) {
        const int64_t c = item[0] + at + e;
        if (inside && c >= 0 && c < int64_t{map.sizes[0]}) std::memcpy(chunk + e * kItem, from + c * kItem, kItem);
      }
      const uint32_t to = copy.to + row * kRowBytes + at * kItem;
      block.shared.land_tensor_copy(swizzled(to), kChunk, chunk, landed);
    }
  });
  mbarrier_complete(block, copy.mbarrier, copy.bytes, landed);
  return true;
}

void tensor_copy(const void* map, const int32_t* at, const uint16_t* taps, uint32_t to_offset, size_t to_count,
                 size_t to_index, uint32_t mbarrier_offset, size_t mbarrier_count, size_t mbarrier_index) {
  Lane& lane = *current_lane;
  Block& block = *lane.block;
  TensorCopy copy{};
  std::memcpy(&copy.map, map, sizeof copy.map);
  if (copy.map.magic != kTensorMapMagic) fault("a tensor copy with a tensor map that was not encoded");
  if (mbarrier_index >= mbarrier_count) fault("a tensor copy with mbarrier %zu of %zu", mbarrier_index, mbarrier_count);
  for (int i = 0; i < copy.map.rank; ++i) copy.at[i] = at[i];
  for (int i = 0; taps && i < 3; ++i) copy.taps[i] = taps[i];
  for (int i = 0; taps && i < 3; ++i) {
    const int64_t first = at[1 + i], last = int64_t{copy.map.sizes[1 + i]} - 1 + copy.map.upper[i];
    if (taps[i] > 31) fault("a tensor copy with a tap offset of %d: 31 is the largest", taps[i]);
    if (first < copy.map.lower[i] || first > last) fault("a tensor copy that begins outside the bounding box");
  }
  if (copy.map.im2col != (taps != nullptr)) fault("a tensor copy and its tensor map differ in their mode");
  copy.mbarrier = mbarrier_offset + static_cast<uint32_t>(mbarrier_index) * 8;
  check_mbarrier(copy.mbarrier);
  const uint32_t rows = rows_of(copy.map);
  if (copy.map.box[0] * kItem != kRowBytes) fault("a tensor copy with rows of %u bytes", copy.map.box[0] * kItem);
  copy.bytes = rows * kRowBytes;
  copy.to = to_offset + static_cast<uint32_t>(to_index) * kItem;
  if (to_index > to_count || copy.bytes > (to_count - to_index) * kItem) {
    fault("a tensor copy of %u bytes to item %zu of %zu is out of bounds", copy.bytes, to_index, to_count);
  }
  if (copy.to % kSwizzleBytes) fault("a tensor copy to byte %u, which is not a multiple of 1024", copy.to);
  for (uint32_t i = 0; i < copy.bytes; i += kChunk) block.shared.begin_tensor_copy(lane, copy.to + i, kChunk);
  block.tensor_copies.flying.push_back(copy);
  ++block.counters.tensor_copies;
}

}  // namespace emulator
}  // namespace videoclip
