#pragma once
// Tensor maps, which describe to the copy engine of sm_90 a tensor of 16-bit values in device memory and the box that
// one copy moves. The host encodes a map, a kernel receives it as a parameter. Axis 0 is the innermost; a box has 64
// values of it, which become a row of 128 bytes in shared memory, with the swizzle of 128 bytes. Values outside the
// tensor become zeros.
#include "cuda/primitives/launch.h"
#include "cuda/primitives/memory.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {

struct alignas(128) TensorMap {
  unsigned char bytes[128];
};

constexpr int kBoxValues = 64;  // along axis 0

namespace detail {
inline int tensor_type(const bf16*) { return cu::kTensorBf16; }
inline int tensor_type(const f16*) { return cu::kTensorF16; }

// The distance in bytes that a map has for an axis. That of an axis of size 1 may be anything, and is never used.
template <typename T>
uint64_t map_stride(int64_t size, int64_t stride) {
  return size == 1 ? 16 : static_cast<uint64_t>(stride) * sizeof(T);
}
}  // namespace detail

// sizes[kRank] and strides[kRank], in elements and with strides[0] == 1, describe the tensor, and box[kRank] the box.
// The address and the strides of axes of more than one value are multiples of 16 bytes, and no size is 0.
template <int kRank, typename T>
Status encode_tiled(TensorMap* map, Global<const T> data, const int64_t (&sizes)[kRank],
                    const int64_t (&strides)[kRank], const int (&box)[kRank]) {
  uint64_t extents[kRank], bytes[kRank];
  uint32_t boxes[kRank], steps[kRank];
  for (int i = 0; i < kRank; ++i) {
    extents[i] = static_cast<uint64_t>(sizes[i]);
    boxes[i] = static_cast<uint32_t>(box[i]);
    steps[i] = 1;
    if (i > 0) bytes[i - 1] = detail::map_stride<T>(sizes[i], strides[i]);
  }
  const Driver& driver = detail::device_code().driver();
  return status_of(driver, driver.tensor_map_tiled(map, detail::tensor_type(data.data()), kRank,
                                                   const_cast<T*>(data.data()), extents, bytes, boxes, steps,
                                                   cu::kNoInterleave, cu::kSwizzle128, cu::kPromote256, cu::kFillZero));
}

// The windows of a convolution over [N, T, H, W, C]. A copy moves 64 channels of one tap of `pixels` consecutive
// windows, in the order W, H, T, N. Along an axis of `size` positions, windows begin at lower, lower + step, and so on
// up to size - 1 + upper. The arrays have an entry for W, H and T. (The driver takes corners in this order, as CUTLASS
// passes them; the text of cuda.h names the axes the other way round.)
struct WindowMap {
  int64_t sizes[5], strides[5];  // C, W, H, T, N; in elements
  int step[3], lower[3], upper[3];
  int pixels;

  // Whether the copy engine supports it.
  bool valid() const {
    for (int i = 0; i < 3; ++i) {
      if (step[i] > 8 || lower[i] < -16 || lower[i] > 15 || upper[i] < -16 || upper[i] > 15) return false;
    }
    return true;
  }
};

template <typename T>
Status encode_windows(TensorMap* map, Global<const T> data, const WindowMap& w) {
  uint64_t extents[5], bytes[4];
  for (int i = 0; i < 5; ++i) extents[i] = static_cast<uint64_t>(w.sizes[i]);
  for (int i = 1; i < 5; ++i) bytes[i - 1] = detail::map_stride<T>(w.sizes[i], w.strides[i]);
  const uint32_t steps[5] = {1, static_cast<uint32_t>(w.step[0]), static_cast<uint32_t>(w.step[1]),
                             static_cast<uint32_t>(w.step[2]), 1};
  const Driver& driver = detail::device_code().driver();
  return status_of(
      driver, driver.tensor_map_im2col(map, detail::tensor_type(data.data()), 5, const_cast<T*>(data.data()), extents,
                                       bytes, w.lower, w.upper, kBoxValues, static_cast<uint32_t>(w.pixels), steps,
                                       cu::kNoInterleave, cu::kSwizzle128, cu::kPromote256, cu::kFillZero));
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
