#pragma once
// Asynchronous copies of boxes of a tensor to shared memory (TMA). A tensor map describes the tensor and the box.
// Source: PTX ISA, "Tensors" and "cp.async.bulk.tensor"; cuda.h, cuTensorMapEncodeTiled and cuTensorMapEncodeIm2col.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace videoclip {
namespace emulator {

struct Block;

constexpr int kMaxTensorRank = 5;
constexpr uint32_t kTensorMapMagic = 0x564d4150;

// The emulator's form of a CUtensorMap, for items of 2 bytes and rows of at most 128 bytes with the swizzle of 128
// bytes. Axis 0 is innermost.
struct TensorMapData {
  uint32_t magic;
  uint8_t rank;
  bool im2col;
  const char* data;
  uint32_t sizes[kMaxTensorRank];
  uint16_t box[kMaxTensorRank];      // im2col: channels, then pixels
  uint64_t strides[kMaxTensorRank];  // in bytes; that of axis 0 is the size of an item
  uint8_t steps[kMaxTensorRank];     // im2col: distance between neighbouring windows
  int8_t lower[3], upper[3];         // im2col: the corners of the bounding box, along W, H and T
};
static_assert(sizeof(TensorMapData) <= 128, "a CUtensorMap has 128 bytes");

struct TensorCopy {
  TensorMapData map;
  int32_t at[kMaxTensorRank];
  uint16_t taps[3];  // im2col: offsets along W, H and T
  uint32_t to, mbarrier, bytes;
};

// The copies of a block that have not landed.
struct TensorCopies {
  std::vector<TensorCopy> flying;
  uint32_t landed = 0;  // number of copies so far

  // Performs one copy. Returns false if there is none.
  bool land(Block& block, size_t index);
};

// Starts a copy of the box at the coordinates `at` to `bytes` at item `index` of the shared array. The mbarrier counts
// its bytes. The calling thread issues the copy alone.
void tensor_copy(const void* map, const int32_t* at, const uint16_t* taps, uint32_t to_offset, size_t to_count,
                 size_t to_index, uint32_t mbarrier_offset, size_t mbarrier_count, size_t mbarrier_index);

}  // namespace emulator
}  // namespace videoclip
