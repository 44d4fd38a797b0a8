#include "emulator/mma.h"

#include <cstring>

#include "emulator/memory.h"
#include "emulator/warp.h"
#include "runtime/number.h"

namespace videoclip {
namespace emulator {
namespace {

constexpr uint32_t kFullMask = ~0u;

struct LdmatrixArguments {
  uint32_t* registers;
  const char* row;
  int matrices;
  bool transposed, floating;
  size_t index;
};

// Register j of lane l receives row l/4, columns 2(l%4) and the next one, of matrix j; with `transposed`, rows and
// columns are exchanged.
void finish_ldmatrix(Warp& warp, uint32_t) {
  const LdmatrixArguments* rows[kWarpLanes];
  for (int l = 0; l < kWarpLanes; ++l) rows[l] = static_cast<LdmatrixArguments*>(warp.lanes[l]->payload);
  for (int l = 0; l < kWarpLanes; ++l) {
    const LdmatrixArguments* me = rows[l];
    for (int j = 0; j < me->matrices; ++j) {
      uint16_t pair[2];
      for (int e = 0; e < 2; ++e) {
        int row = l / 4, column = 2 * (l % 4) + e;
        if (me->transposed) std::swap(row, column);
        std::memcpy(&pair[e], rows[8 * j + row]->row + 2 * column, 2);
        if (me->floating && pair[e] == 0xffff) {
          uninitialised_value("shared", rows[8 * j + row]->index + static_cast<size_t>(column));
        }
      }
      std::memcpy(&me->registers[j], pair, 4);
    }
  }
}

struct MmaArguments {
  float* d;
  const uint32_t* a;
  const uint32_t* b;
};

template <MmaType kType>
float value_of(uint16_t half) {
  return kType == MmaType::bf16 ? bf16_to_float(half) : f16_to_float(half);
}

// The hardware ignores the low 13 bits of a tf32 operand.
float tf32_value(uint32_t bits) { return float_of(bits & 0xffffe000u); }

template <MmaType kType>
void finish_mma(Warp& warp, uint32_t) {
  constexpr int kDepth = kType == MmaType::tf32 ? 8 : 16;
  float a[16][kDepth], b[kDepth][8], d[16][8];
  for (int l = 0; l < kWarpLanes; ++l) {
    const auto* me = static_cast<MmaArguments*>(warp.lanes[l]->payload);
    const int g = l >> 2, t = l & 3;
    if constexpr (kType == MmaType::tf32) {
      for (int i = 0; i < 4; ++i) a[g + 8 * (i & 1)][t + 4 * (i >> 1)] = tf32_value(me->a[i]);
      for (int i = 0; i < 2; ++i) b[t + 4 * i][g] = tf32_value(me->b[i]);
    } else {
      for (int i = 0; i < 8; ++i) {
        const auto half = static_cast<uint16_t>(me->a[i >> 1] >> 16 * (i & 1));
        a[g + 8 * ((i >> 1) & 1)][2 * t + (i & 1) + 8 * (i >> 2)] = value_of<kType>(half);
      }
      for (int i = 0; i < 4; ++i) {
        const auto half = static_cast<uint16_t>(me->b[i >> 1] >> 16 * (i & 1));
        b[2 * t + (i & 1) + 8 * (i >> 1)][g] = value_of<kType>(half);
      }
    }
    for (int i = 0; i < 4; ++i) d[g + 8 * (i >> 1)][2 * t + (i & 1)] = me->d[i];
  }
  for (auto& row : d) {
    const float* left = a[&row - d];
    for (int k = 0; k < kDepth; ++k) {
      for (int n = 0; n < 8; ++n) row[n] += left[k] * b[k][n];
    }
  }
  for (int l = 0; l < kWarpLanes; ++l) {
    float* out = static_cast<MmaArguments*>(warp.lanes[l]->payload)->d;
    for (int i = 0; i < 4; ++i) out[i] = d[(l >> 2) + 8 * (i >> 1)][2 * (l & 3) + (i & 1)];
  }
  ++current_lane->block->counters.mma;
}

}  // namespace

__attribute__((noinline)) void ldmatrix(uint32_t* registers, int matrices, bool transposed, uint32_t offset,
                                        size_t count, size_t index, uint32_t item, bool floating) {
  // The addresses of the lanes beyond the matrices are not used.
  LdmatrixArguments arguments{registers, nullptr, matrices, transposed, floating, index};
  if (current_lane->id < 8 * matrices) {
    arguments.row = check_shared_from(__builtin_return_address(0), offset, count, index, item, 16 / item, false);
  }
  meet(Wait::ldmatrix, static_cast<uint32_t>(matrices * 2 + transposed), kFullMask, &arguments, finish_ldmatrix);
}

void mma(float d[4], const uint32_t a[4], const uint32_t b[2], MmaType type) {
  MmaArguments arguments{d, a, b};
  const Finish finish[] = {finish_mma<MmaType::bf16>, finish_mma<MmaType::f16>, finish_mma<MmaType::tf32>};
  meet(Wait::mma, static_cast<uint32_t>(type), kFullMask, &arguments, finish[static_cast<int>(type)]);
}

}  // namespace emulator
}  // namespace videoclip
