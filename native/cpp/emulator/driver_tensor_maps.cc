#include <cstring>

#include "emulator/driver_state.h"
#include "emulator/tensor_copy.h"

namespace videoclip {
namespace emulator {
namespace {

constexpr uint64_t kAlignment = 16;

cu::Result wrong(const char* call, const std::string& rule) {
  return broken(kInvalidValue, std::string(call) + ": " + rule);
}

// What both kinds of map have in common.
cu::Result begin_map(TensorMapData* out, const char* call, int type, uint32_t rank, const void* data,
                     const uint64_t* sizes, const uint64_t* strides, int interleave, int swizzle) {
  if (state().capability < 90) return wrong(call, "the device has no tensor copies");
  if (type != cu::kTensorF16 && type != cu::kTensorBf16) return wrong(call, "the emulator knows f16 and bf16");
  if (rank < 3 || rank > kMaxTensorRank) return wrong(call, "the rank is not 3, 4 or 5");
  if (interleave != cu::kNoInterleave || swizzle != cu::kSwizzle128)
    return wrong(call, "another swizzle than that of 128 bytes");
  if (reinterpret_cast<uint64_t>(data) % kAlignment) return wrong(call, "the address is not a multiple of 16 bytes");
  *out = {};
  out->magic = kTensorMapMagic;
  out->rank = static_cast<uint8_t>(rank);
  out->data = static_cast<const char*>(data);
  out->strides[0] = 2;
  uint64_t end = 2 * sizes[0];
  for (uint32_t i = 0; i < rank; ++i) {
    if (sizes[i] == 0 || sizes[i] > uint64_t{1} << 32) return wrong(call, "a size is not between 1 and 2^32");
    out->sizes[i] = static_cast<uint32_t>(sizes[i]);
    if (i == 0) continue;
    if (strides[i - 1] % kAlignment || strides[i - 1] >= uint64_t{1} << 40) {
      return wrong(call, "a stride is not a multiple of 16 bytes below 2^40");
    }
    out->strides[i] = strides[i - 1];
    end += (sizes[i] - 1) * strides[i - 1];
  }
  return current ? check_device_range(reinterpret_cast<uint64_t>(data), end, current, call) : cu::kSuccess;
}

}  // namespace

void add_tensor_maps(Driver& d) {
  d.tensor_map_tiled = [](void* map, int type, uint32_t rank, void* data, const uint64_t* sizes,
                          const uint64_t* strides, const uint32_t* box, const uint32_t* steps, int interleave,
                          int swizzle, int, int) {
    const Lock lock;
    const char* call = "cuTensorMapEncodeTiled";
    TensorMapData out;
    if (const cu::Result r = begin_map(&out, call, type, rank, data, sizes, strides, interleave, swizzle); r) return r;
    for (uint32_t i = 0; i < rank; ++i) {
      if (box[i] == 0 || box[i] > 256) return wrong(call, "a side of the box is not between 1 and 256");
      if (steps[i] != 1) return wrong(call, "the emulator knows steps of 1");
      out.box[i] = static_cast<uint16_t>(box[i]);
    }
    if (box[0] * 2 > 128) return wrong(call, "a row of the box is longer than the swizzle");
    std::memcpy(map, &out, sizeof out);
    return cu::kSuccess;
  };
  d.tensor_map_im2col = [](void* map, int type, uint32_t rank, void* data, const uint64_t* sizes,
                           const uint64_t* strides, const int* lower, const int* upper, uint32_t channels,
                           uint32_t pixels, const uint32_t* steps, int interleave, int swizzle, int, int) {
    const Lock lock;
    const char* call = "cuTensorMapEncodeIm2col";
    TensorMapData out;
    if (const cu::Result r = begin_map(&out, call, type, rank, data, sizes, strides, interleave, swizzle); r) return r;
    if (rank != 5) return wrong(call, "the emulator knows rank 5");
    out.im2col = true;
    if (channels * 2 > 128) return wrong(call, "more channels than the swizzle has");
    if (pixels == 0 || pixels > 1024) return wrong(call, "the pixels are not between 1 and 1024");
    out.box[0] = static_cast<uint16_t>(channels), out.box[1] = static_cast<uint16_t>(pixels);
    for (uint32_t i = 0; i < rank; ++i) {
      if (steps[i] == 0 || steps[i] > 8) return wrong(call, "a step is not between 1 and 8");
      out.steps[i] = static_cast<uint8_t>(steps[i]);
    }
    for (int i = 0; i < 3; ++i) {
      if (lower[i] < -16 || lower[i] > 15 || upper[i] < -16 || upper[i] > 15) {
        return wrong(call, "a corner of the bounding box is not between -16 and 15");
      }
      out.lower[i] = static_cast<int8_t>(lower[i]), out.upper[i] = static_cast<int8_t>(upper[i]);
    }
    std::memcpy(map, &out, sizeof out);
    return cu::kSuccess;
  };
}

}  // namespace emulator
}  // namespace videoclip
