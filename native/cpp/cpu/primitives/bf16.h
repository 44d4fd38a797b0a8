#pragma once
// Pairs of bf16 in words of 32 bits, as products of bf16 read them.
#include "cpu/primitives/storage.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {

// Rounds kLanes floats to kLanes / 2 words of two bf16.
inline void round_pairs(Vec x, float* out) {
  typedef uint64_t Pairs __attribute__((vector_size(kLanes * 4)));
  typedef uint32_t Half __attribute__((vector_size(kLanes * 2)));
  const Pairs pairs = (Pairs)round_words(x);
  const Half words = __builtin_convertvector(pairs | pairs >> 16, Half);
  std::memcpy(out, &words, sizeof words);
}

}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
