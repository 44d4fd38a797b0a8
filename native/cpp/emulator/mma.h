#pragma once
// Tensor core instructions of a warp, with exact layouts. Sums are taken in f32 with k ascending; hardware adds in
// another order and with another rounding.
#include <cstddef>
#include <cstdint>

namespace videoclip {
namespace emulator {

enum class MmaType : uint32_t { bf16, f16, tf32 };

// `matrices` (2 or 4) matrices of 8 rows of 16 bytes; lane 8j + r passes row r of matrix j.
void ldmatrix(uint32_t* registers, int matrices, bool transposed, uint32_t offset, size_t count, size_t index,
              uint32_t item, bool floating);
// d[16,8] += a[16,k] b[k,8], with k = 16 for 16-bit types and 8 for tf32.
void mma(float d[4], const uint32_t a[4], const uint32_t b[2], MmaType type);

}  // namespace emulator
}  // namespace videoclip
