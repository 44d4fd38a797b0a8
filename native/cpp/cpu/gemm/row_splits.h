#pragma once
// Sums over rows per channel in a fixed order. The rows are divided into splits by the shape alone; the sums of the
// splits are added in order.
#include "cpu/primitives/simd.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

struct RowSplits {
  int64_t rows, count;

  RowSplits(int64_t rows, int64_t channels) : rows(rows) {
    // A split has at least 64 KiB.
    count = max64(1, min64(32, rows / max64(1, rows_per_task(channels))));
  }
  int64_t begin(int64_t split) const { return rows * split / count; }
  int64_t end(int64_t split) const { return rows * (split + 1) / count; }
};

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
