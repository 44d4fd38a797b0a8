#pragma once
// Asynchronous matrix instructions of a warpgroup (sm_90): four consecutive warps multiply two tiles in shared memory.
// All threads of the warpgroup take part. Register i of thread t of the warpgroup, with w = t / 32 and l = t % 32, is
// the sum of row 16 w + l / 4 + 8 (i/2 % 2) and column 8 (i/4) + 2 (l % 4) + i%2. Source: PTX ISA, "wgmma.mma_async".
#include "cuda/primitives/memory.h"

#if defined(VIDEOCLIP_EMULATED)
#include "emulator/wgmma.h"
#endif

namespace videoclip {
namespace VIDEOCLIP_CUDA {

// Ends the launch with an error: the body of a kernel where it is not compiled for sm_90a.
VC_DEVICE void wgmma_missing() {
#if defined(__CUDACC__)
  asm volatile("trap;");
#endif
}

// Describes an operand that begins `bytes` after element 0 of `tile`, with the swizzle of 128 bytes. An operand stored
// along k consists of rows of 64 values. One stored along its rows consists of blocks of 64 rows, which are `block`
// bytes apart; a block has a line of 64 rows for each k.
template <typename T>
VC_DEVICE uint64_t wgmma_operand(Shared<T> tile, uint32_t bytes, uint32_t block = 16) {
#if defined(VIDEOCLIP_EMULATED)
  const uint32_t address = tile.byte_offset() + bytes;
#else
  const uint32_t address =
      static_cast<uint32_t>(__cvta_generic_to_shared(detail::shared_pointer<T>(tile.byte_offset()))) + bytes;
#endif
  constexpr uint64_t kEightRows = 1024;  // bytes of 8 rows or lines
  return (address & 0x3ffff) >> 4 | uint64_t{block >> 4} << 16 | (kEightRows >> 4) << 32 | uint64_t{1} << 62;
}

#if defined(VIDEOCLIP_EMULATED)

template <int... kSums>
VC_DEVICE void wgmma_fence(float (&... sums)[kSums]) {
  emulator::wgmma_fence();
  ((void)sums, ...);
}
VC_DEVICE void wgmma_commit() { emulator::wgmma_commit(); }
template <int kPending, int... kSums>
VC_DEVICE void wgmma_wait(float (&... sums)[kSums]) {
  emulator::wgmma_wait(kPending);
  ((void)sums, ...);
}

VC_DEVICE float wgmma_sum(float x) { return x; }

namespace detail {
VC_DEVICE emulator::MmaType wgmma_type(bf16*) { return emulator::MmaType::bf16; }
VC_DEVICE emulator::MmaType wgmma_type(f16*) { return emulator::MmaType::f16; }
}  // namespace detail

template <typename T, bool kLinesA = false, bool kLinesB = false, bool kAdd = true, int kSums>
VC_DEVICE void wgmma(float (&d)[kSums], uint64_t a, uint64_t b) {
  emulator::wgmma(d, {a, b, kSums * 2, detail::wgmma_type(static_cast<T*>(nullptr)), kLinesA, kLinesB, kAdd});
}
template <typename T, bool kLinesB = false, bool kAdd = true, int kSums>
VC_DEVICE void wgmma(float (&d)[kSums], const uint32_t (&a)[4], uint64_t b) {
  emulator::wgmma(d, {0, b, kSums * 2, detail::wgmma_type(static_cast<T*>(nullptr)), false, kLinesB, kAdd}, a);
}

#else

namespace detail {
// Keeps the compiler from moving an access to the registers before what precedes this call.
template <int kSums>
VC_DEVICE void hold(float (&d)[kSums]) {
#pragma unroll
  for (int i = 0; i < kSums; ++i) asm volatile("" : "+f"(d[i])::"memory");
}
}  // namespace detail

// Orders the accesses to registers before the next wgmma. Needed before the first one, and after each access to the
// sums or to an A in registers. `sums` are those of the next wgmma.
template <int... kSums>
VC_DEVICE void wgmma_fence(float (&... sums)[kSums]) {
  (detail::hold(sums), ...);
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
// Makes a group of all wgmma since the last commit.
VC_DEVICE void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// Waits until at most the kPending newest groups are in flight. `sums` are those of the finished groups that the
// threads access next.
template <int kPending, int... kSums>
VC_DEVICE void wgmma_wait(float (&... sums)[kSums]) {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
  (detail::hold(sums), ...);
}

// A sum that is stored as a part of a word. Without this call the compiler keeps the sums as integers all along, and
// moves them to other registers while products are in flight.
VC_DEVICE float wgmma_sum(float x) {
  asm volatile("" : "+f"(x));
  return x;
}

namespace detail {

// The registers d[i] to d[i + 7] as operands.
#define VIDEOCLIP_SUMS_8(d, i)                                                                                \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), \
      "+f"(d[i + 7])
#define VIDEOCLIP_SUMS_16(d, i) VIDEOCLIP_SUMS_8(d, i), VIDEOCLIP_SUMS_8(d, i + 8)
#define VIDEOCLIP_SUMS_32(d, i) VIDEOCLIP_SUMS_16(d, i), VIDEOCLIP_SUMS_16(d, i + 16)
// The same registers in the text of an instruction.
#define VIDEOCLIP_TEXT_0_15 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
#define VIDEOCLIP_TEXT_16_31 "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define VIDEOCLIP_TEXT_32_47 "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
#define VIDEOCLIP_TEXT_48_63 "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"

// The arguments before the sums are text: the registers of the sums, and those of the operands behind them. The second
// form has A in four registers.
#define VIDEOCLIP_WGMMA(columns, type, registers, a_, b_, ta, tb, add, ...)                              \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, " add ", 0;\nwgmma.mma_async.sync.aligned.m64n" columns \
               "k16.f32." type "." type " {" registers "}, " a_ ", " b_ ", p, 1, 1, " ta ", " tb ";\n}"  \
               : __VA_ARGS__                                                                             \
               : "l"(a), "l"(b), "n"(kLinesA ? 1 : 0), "n"(kLinesB ? 1 : 0), "n"(kAdd ? 1 : 0))
#define VIDEOCLIP_WGMMA_A(columns, type, registers, a_, b_, tb, add, ...)                                \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, " add ", 0;\nwgmma.mma_async.sync.aligned.m64n" columns \
               "k16.f32." type "." type " {" registers "}, {" a_ "}, " b_ ", p, 1, 1, " tb ";\n}"        \
               : __VA_ARGS__                                                                             \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"(kLinesB ? 1 : 0), "n"(kAdd ? 1 : 0))
#define VIDEOCLIP_WGMMA_OF(name, type)                                                                                 \
  template <bool kLinesA, bool kLinesB, bool kAdd, int kSums>                                                          \
  VC_DEVICE void wgmma_sums(float(&d)[kSums], uint64_t a, uint64_t b, name*) {                                         \
    if constexpr (kSums == 16) {                                                                                       \
      VIDEOCLIP_WGMMA("32", type, VIDEOCLIP_TEXT_0_15, "%16", "%17", "%18", "%19", "%20", VIDEOCLIP_SUMS_16(d, 0));    \
    } else if constexpr (kSums == 32) {                                                                                \
      VIDEOCLIP_WGMMA("64", type, VIDEOCLIP_TEXT_0_15 ", " VIDEOCLIP_TEXT_16_31, "%32", "%33", "%34", "%35", "%36",    \
                      VIDEOCLIP_SUMS_32(d, 0));                                                                        \
    } else if constexpr (kSums == 48) {                                                                                \
      VIDEOCLIP_WGMMA("96", type, VIDEOCLIP_TEXT_0_15 ", " VIDEOCLIP_TEXT_16_31 ", " VIDEOCLIP_TEXT_32_47, "%48",      \
                      "%49", "%50", "%51", "%52", VIDEOCLIP_SUMS_32(d, 0), VIDEOCLIP_SUMS_16(d, 32));                  \
    } else {                                                                                                           \
      static_assert(kSums == 64, "32, 64, 96 or 128 columns");                                                         \
      VIDEOCLIP_WGMMA("128", type,                                                                                     \
                      VIDEOCLIP_TEXT_0_15 ", " VIDEOCLIP_TEXT_16_31 ", " VIDEOCLIP_TEXT_32_47                          \
                                          ", " VIDEOCLIP_TEXT_48_63,                                                   \
                      "%64", "%65", "%66", "%67", "%68", VIDEOCLIP_SUMS_32(d, 0), VIDEOCLIP_SUMS_32(d, 32));           \
    }                                                                                                                  \
  }                                                                                                                    \
  template <bool kLinesB, bool kAdd, int kSums>                                                                        \
  VC_DEVICE void wgmma_sums(float(&d)[kSums], const uint32_t(&a)[4], uint64_t b, name*) {                              \
    if constexpr (kSums == 32) {                                                                                       \
      VIDEOCLIP_WGMMA_A("64", type, VIDEOCLIP_TEXT_0_15 ", " VIDEOCLIP_TEXT_16_31, "%32, %33, %34, %35", "%36", "%37", \
                        "%38", VIDEOCLIP_SUMS_32(d, 0));                                                               \
    } else {                                                                                                           \
      static_assert(kSums == 64, "64 or 128 columns");                                                                 \
      VIDEOCLIP_WGMMA_A("128", type,                                                                                   \
                        VIDEOCLIP_TEXT_0_15 ", " VIDEOCLIP_TEXT_16_31 ", " VIDEOCLIP_TEXT_32_47                        \
                                            ", " VIDEOCLIP_TEXT_48_63,                                                 \
                        "%64, %65, %66, %67", "%68", "%69", "%70", VIDEOCLIP_SUMS_32(d, 0), VIDEOCLIP_SUMS_32(d, 32)); \
    }                                                                                                                  \
  }
VIDEOCLIP_WGMMA_OF(bf16, "bf16")
VIDEOCLIP_WGMMA_OF(f16, "f16")
#undef VIDEOCLIP_WGMMA_OF
#undef VIDEOCLIP_WGMMA_A
#undef VIDEOCLIP_WGMMA
#undef VIDEOCLIP_TEXT_0_15
#undef VIDEOCLIP_TEXT_16_31
#undef VIDEOCLIP_TEXT_32_47
#undef VIDEOCLIP_TEXT_48_63
#undef VIDEOCLIP_SUMS_32
#undef VIDEOCLIP_SUMS_16
#undef VIDEOCLIP_SUMS_8

}  // namespace detail

// d[64, columns] += a[64, 16] b[16, columns], where d has columns / 2 registers per thread. kLinesA, kLinesB: the
// operand is stored along its rows. Without kAdd, d = a b, whatever d holds. Between two wgmma with the same d, and
// between the last one and wgmma_wait, no thread accesses d.
template <typename T, bool kLinesA = false, bool kLinesB = false, bool kAdd = true, int kSums>
VC_DEVICE void wgmma(float (&d)[kSums], uint64_t a, uint64_t b) {
  detail::wgmma_sums<kLinesA, kLinesB, kAdd>(d, a, b, static_cast<T*>(nullptr));
}
// The same with A in registers, in the layout of the fragments of mma.m16n8k16 (mma.h); warp w of the warpgroup has
// rows 16 w to 16 w + 15. No thread changes the registers before wgmma_wait.
template <typename T, bool kLinesB = false, bool kAdd = true, int kSums>
VC_DEVICE void wgmma(float (&d)[kSums], const uint32_t (&a)[4], uint64_t b) {
  detail::wgmma_sums<kLinesB, kAdd>(d, a, b, static_cast<T*>(nullptr));
}

#endif

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
