#pragma once
// Sums over rows per channel in a fixed order: slices of the rows, cut by the shape alone, have sums of their own,
// which are added in order.
#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

struct RowSlices {
  int64_t rows, count;

  RowSlices(int64_t rows, int64_t channels) : rows(rows) {
    // at least 64 KiB each
    count = max64(1, min64(32, rows / max64(1, rows_per_task(channels))));
  }
  int64_t begin(int64_t slice) const { return rows * slice / count; }
  int64_t end(int64_t slice) const { return rows * (slice + 1) / count; }
};

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
