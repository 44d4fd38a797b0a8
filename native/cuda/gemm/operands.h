#pragma once
// How a product reads its operands. Both are rows of K values; a block reads some rows from `first` on and iterates
// over K. An operand gives the offset of a row, the offset of a column (of K) relative to its row, and whether an
// element exists where both meet; other elements are zero.
#include "cuda/primitives/fast_divmod.h"
#include "cuda/primitives/memory.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace gemm {

// Rows of consecutive values: weights, tokens, or the input of a pointwise convolution.
template <typename T>
struct Matrix {
  Global<const T> data;
  int64_t stride;  // distance between rows
  int rows, columns;
};

template <typename T>
class MatrixRows {
 public:
  static constexpr uint32_t kTableBytes = 0;
  struct Row {
    int64_t offset;
    bool valid;
  };
  struct Column {
    int64_t offset;
    bool valid;
  };

  VC_DEVICE MatrixRows(const Matrix<T>& m, size_t base, int first) : MatrixRows(m, base, first, m.rows) {}
  // Rows `first` to `end` - 1 of m.
  VC_DEVICE MatrixRows(const Matrix<T>& m, size_t base, int first, int end)
      : data_(m.data.offset(base)), stride_(m.stride), first_(first), rows_(end), columns_(m.columns) {}

  VC_DEVICE void fill_table(uint32_t, int, int) {}
  VC_DEVICE Row row(int r) const { return {(first_ + r) * stride_, first_ + r < rows_}; }
  VC_DEVICE Column column(int k) const { return {k, k < columns_}; }
  VC_DEVICE static bool valid(const Row& row, const Column& column) { return row.valid && column.valid; }
  VC_DEVICE Global<const T> data() const { return data_; }

 private:
  Global<const T> data_;
  int64_t stride_, first_;
  int rows_, columns_;
};

// The input windows of a convolution, which are never stored: row m is an output position (n, t, h, w), column k is a
// tap and a channel of it, with channels innermost. Taps in the padding are zero.
//
// A tap is valid for a row if it is valid along each of the three axes. A row has one bit per tap of each axis, kT + kH
// + kW bits in all, so that a copy needs one comparison. Rows are decoded once, into a table in shared memory.
// Bit 63 is never set for a row; columns beyond K require it, so they are always masked.
constexpr int kWindowBits = 63;

template <typename T>
struct Windows {
  using Type = T;
  Global<const T> data;
  int64_t stride[4];                        // strides of the data: N, T, H, W
  int size[3], kernel[3], step[3], low[3];  // size: of the data
  int rows, columns;
  FastDivmod channels, taps_w, taps_h, row_w, row_h, row_t;  // row_*: sizes of the grid of rows
};

// The table of a block's rows in shared memory, and the test of a tap.
class WindowTable {
 public:
  static constexpr uint32_t kTableBytes = 16;  // per row
  struct Row {
    int64_t offset;
    uint64_t taps;
  };
  struct Column {
    int64_t offset;
    uint64_t needs;
  };

  // A barrier must come between fill_table of the derived class and this function.
  VC_DEVICE Row row(int r) const {
    const Packed<uint32_t, 4> words = table_.load_packed<4>(static_cast<uint32_t>(r) * 4);
    return {static_cast<int64_t>(words[0] | uint64_t{words[1]} << 32), words[2] | uint64_t{words[3]} << 32};
  }
  VC_DEVICE static bool valid(const Row& row, const Column& column) {
    return (row.taps & column.needs) == column.needs;
  }

 protected:
  // Stores decode(first + r) for rows r = 0 to count - 1, and rows without taps from `end` on.
  template <class Decode>
  VC_DEVICE void fill(uint32_t byte_offset, int count, int threads, int first, int end, const Decode& decode) {
    table_ = shared_array<uint32_t>(byte_offset, static_cast<uint32_t>(count) * 4);
    for (int r = static_cast<int>(threadIdx.x); r < count; r += threads) {
      const Row row = first + r < end ? decode(first + r) : Row{0, 0};
      table_.store_packed<4>(static_cast<uint32_t>(r) * 4,
                             {{static_cast<uint32_t>(row.offset), static_cast<uint32_t>(row.offset >> 32),
                               static_cast<uint32_t>(row.taps), static_cast<uint32_t>(row.taps >> 32)}});
    }
  }

 private:
  Shared<uint32_t> table_;
};

template <typename T>
class WindowRows : public WindowTable {
 public:
  VC_DEVICE WindowRows(const Windows<T>& w, size_t base, int first) : WindowRows(w, base, first, w.rows) {}
  // Rows `first` to `end` - 1.
  VC_DEVICE WindowRows(const Windows<T>& w, size_t base, int first, int end)
      : w_(w), data_(w.data.offset(base)), first_(first), end_(end) {}

  // Decodes rows 0 to count - 1.
  VC_DEVICE void fill_table(uint32_t byte_offset, int count, int threads) {
    fill(byte_offset, count, threads, first_, end_, [&](int m) { return decode(m); });
  }

  VC_DEVICE Column column(int k) const {
    if (k >= w_.columns) return {0, uint64_t{1} << kWindowBits};
    int c, kw, kh;
    const int tap = w_.channels.divide(k, &c);
    const int kt = w_.taps_h.divide(w_.taps_w.divide(tap, &kw), &kh);
    return {kt * w_.stride[1] + kh * w_.stride[2] + kw * w_.stride[3] + c,
            uint64_t{1} << kt | uint64_t{1} << (w_.kernel[0] + kh) | uint64_t{1} << (w_.kernel[0] + w_.kernel[1] + kw)};
  }

  VC_DEVICE Global<const T> data() const { return data_; }

 private:
  VC_DEVICE Row decode(int m) const {
    int at[3];
    const int n = w_.row_t.divide(w_.row_h.divide(w_.row_w.divide(m, &at[2]), &at[1]), &at[0]);
    Row row{n * w_.stride[0], 0};
    int bit = 0;
#pragma unroll
    for (int axis = 0; axis < 3; ++axis) {
      const int begin = at[axis] * w_.step[axis] - w_.low[axis];
      row.offset += begin * w_.stride[1 + axis];
      for (int k = 0; k < w_.kernel[axis]; ++k, ++bit) {
        const bool inside = begin + k >= 0 && begin + k < w_.size[axis];
        row.taps |= static_cast<uint64_t>(inside) << bit;
      }
    }
    return row;
  }

  const Windows<T>& w_;
  Global<const T> data_;
  int first_, end_;
};

// The windows of the gradient with respect to the input of a convolution: row m is a position of that input. Its tap k
// reads output (m + k - low) / step if the quotient is whole. With q and r the quotient and remainder of m - low, that
// output is q + ceil(k / step). An offset is therefore still the sum of a row's and a column's, and r decides which
// taps are valid.
template <typename T>
struct SpreadWindows : Windows<T> {};

template <typename T>
class SpreadRows : public WindowTable {
 public:
  VC_DEVICE SpreadRows(const SpreadWindows<T>& w, size_t base, int first, int end)
      : w_(w), data_(w.data.offset(base)), first_(first), end_(end) {}

  // Decodes rows 0 to count - 1.
  VC_DEVICE void fill_table(uint32_t byte_offset, int count, int threads) {
    fill(byte_offset, count, threads, first_, end_, [&](int m) { return decode(m); });
  }

  VC_DEVICE Column column(int k) const {
    if (k >= w_.columns) return {0, uint64_t{1} << kWindowBits};
    int c, kw, kh;
    const int tap = w_.channels.divide(k, &c);
    const int kt = w_.taps_h.divide(w_.taps_w.divide(tap, &kw), &kh);
    const auto outputs = [&](int axis, int taps) { return (taps + w_.step[axis] - 1) / w_.step[axis]; };
    return {outputs(0, kt) * w_.stride[1] + outputs(1, kh) * w_.stride[2] + outputs(2, kw) * w_.stride[3] + c,
            uint64_t{1} << kt | uint64_t{1} << (w_.kernel[0] + kh) | uint64_t{1} << (w_.kernel[0] + w_.kernel[1] + kw)};
  }

  VC_DEVICE Global<const T> data() const { return data_; }

 private:
  VC_DEVICE Row decode(int m) const {
    int at[3];
    const int n = w_.row_t.divide(w_.row_h.divide(w_.row_w.divide(m, &at[2]), &at[1]), &at[0]);
    Row row{n * w_.stride[0], 0};
    int bit = 0;
#pragma unroll
    for (int axis = 0; axis < 3; ++axis) {
      const int step = w_.step[axis], from = at[axis] - w_.low[axis];
      const int quotient = from >= 0 ? from / step : -((step - 1 - from) / step), rest = from - quotient * step;
      row.offset += quotient * w_.stride[1 + axis];
      for (int k = 0; k < w_.kernel[axis]; ++k, ++bit) {
        const int output = quotient + (k + step - 1) / step;
        const bool meets = (rest + k) % step == 0 && output >= 0 && output < w_.size[axis];
        row.taps |= static_cast<uint64_t>(meets) << bit;
      }
    }
    return row;
  }

  const SpreadWindows<T>& w_;
  Global<const T> data_;
  int first_, end_;
};

}  // namespace gemm
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
