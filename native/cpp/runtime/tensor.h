#pragma once
#include <cstddef>
#include <cstdint>

namespace videoclip {

enum class DType : int { f32 = 0, u8 = 1, i32 = 2, bf16 = 3, f16 = 4 };

constexpr int kMaxRank = 8;

inline size_t item_size(DType t) {
  switch (t) {
    case DType::u8:
      return 1;
    case DType::bf16:
    case DType::f16:
      return 2;
    default:
      return 4;
  }
}

// A strided view of memory that it does not own. Strides count elements. `data` is null for an absent optional operand.
struct Tensor {
  char* data = nullptr;
  DType dtype = DType::f32;
  int rank = 0;
  int64_t shape[kMaxRank] = {};
  int64_t strides[kMaxRank] = {};

  explicit operator bool() const { return data != nullptr; }
  float* f32() const { return reinterpret_cast<float*>(data); }
  const uint8_t* u8() const { return reinterpret_cast<const uint8_t*>(data); }
  const uint16_t* f16() const { return reinterpret_cast<const uint16_t*>(data); }
  const int32_t* i32() const { return reinterpret_cast<const int32_t*>(data); }

  int64_t elements() const {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= shape[i];
    return n;
  }

  // One past the highest element index that the view reaches.
  int64_t extent() const {
    int64_t last = 0;
    for (int i = 0; i < rank; ++i) {
      if (shape[i] == 0) return 0;
      last += (shape[i] - 1) * strides[i];
    }
    return last + 1;
  }
};

// A view as rows of C channels: every op on channels-last data works on [rows, C] with one distance between rows. The
// planner only makes views of this kind: dense tensors and channel slices of dense tensors.
struct Rows {
  float* data;
  int64_t rows, channels, stride;

  explicit Rows(const Tensor& t)
      : data(t.f32()),
        rows(1),
        channels(t.rank ? t.shape[t.rank - 1] : 1),
        stride(t.rank > 1 ? t.strides[t.rank - 2] : channels) {
    for (int i = 0; i + 1 < t.rank; ++i) rows *= t.shape[i];
  }
};

}  // namespace videoclip
