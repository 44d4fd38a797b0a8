#pragma once
// Tensor core instructions. All lanes of the warp take part. The fragments, with g = lane / 4 and t = lane % 4 (a
// register holds two 16-bit values, the first in its lower half):
//   a m16k16, value i of 8   row g + 8 (i/2 % 2)   column 2t + i%2 + 8 (i/4)
//   b k16n8,  value i of 4   row 2t + i%2 + 8 (i/2)   column g
//   d m16n8,  value i of 4   row g + 8 (i/2)   column 2t + i%2
//   a m16k8 of tf32, i of 4  row g + 8 (i%2)   column t + 4 (i/2)
//   b k8n8 of tf32, i of 2   row t + 4 i   column g
// Source: PTX ISA, "Matrix Fragments for mma.m16n8k16" and "mma.m16n8k8".
#include "cuda/primitives/memory.h"

#if defined(VIDEOCLIP_EMULATED)
#include "emulator/mma.h"
#endif

namespace videoclip {
namespace VIDEOCLIP_CUDA {

// ldmatrix loads 4 or 2 matrices of 8 rows of 16 bytes. Lane 8j + r passes the first element of row r of matrix j.
// Register j then holds row g, 16-bit columns 2t and 2t + 1 of matrix j; with _trans, rows and columns are exchanged.

#if defined(VIDEOCLIP_EMULATED)

namespace detail {
template <typename T>
VC_DEVICE void ldmatrix(uint32_t* r, int matrices, bool transposed, Shared<T> from, uint32_t i) {
  emulator::ldmatrix(r, matrices, transposed, from.byte_offset(), from.count(), i, sizeof(T),
                     is_floating<T> && sizeof(T) == 2);
}
VC_DEVICE emulator::MmaType mma_type(bf16*) { return emulator::MmaType::bf16; }
VC_DEVICE emulator::MmaType mma_type(f16*) { return emulator::MmaType::f16; }
}  // namespace detail

template <typename T>
VC_DEVICE void ldmatrix_x4(uint32_t r[4], Shared<T> from, uint32_t i) {
  detail::ldmatrix(r, 4, false, from, i);
}
template <typename T>
VC_DEVICE void ldmatrix_x2(uint32_t r[2], Shared<T> from, uint32_t i) {
  detail::ldmatrix(r, 2, false, from, i);
}
template <typename T>
VC_DEVICE void ldmatrix_x4_trans(uint32_t r[4], Shared<T> from, uint32_t i) {
  detail::ldmatrix(r, 4, true, from, i);
}
template <typename T>
VC_DEVICE void ldmatrix_x2_trans(uint32_t r[2], Shared<T> from, uint32_t i) {
  detail::ldmatrix(r, 2, true, from, i);
}

template <typename T>
VC_DEVICE void mma_m16n8k16(float d[4], const uint32_t a[4], const uint32_t b[2]) {
  emulator::mma(d, a, b, detail::mma_type(static_cast<T*>(nullptr)));
}
VC_DEVICE void mma_m16n8k8_tf32(float d[4], const uint32_t a[4], const uint32_t b[2]) {
  emulator::mma(d, a, b, emulator::MmaType::tf32);
}

#else

namespace detail {
template <typename T>
VC_DEVICE uint32_t shared_address(Shared<T> from, uint32_t i) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(shared_pointer<T>(from.byte_offset()) + i));
}
VC_DEVICE void mma(float d[4], const uint32_t a[4], const uint32_t b[2], bf16*) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
VC_DEVICE void mma(float d[4], const uint32_t a[4], const uint32_t b[2], f16*) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
}  // namespace detail

template <typename T>
VC_DEVICE void ldmatrix_x4(uint32_t r[4], Shared<T> from, uint32_t i) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(detail::shared_address(from, i))
               : "memory");
}
template <typename T>
VC_DEVICE void ldmatrix_x2(uint32_t r[2], Shared<T> from, uint32_t i) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(detail::shared_address(from, i))
               : "memory");
}
template <typename T>
VC_DEVICE void ldmatrix_x4_trans(uint32_t r[4], Shared<T> from, uint32_t i) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(detail::shared_address(from, i))
               : "memory");
}
template <typename T>
VC_DEVICE void ldmatrix_x2_trans(uint32_t r[2], Shared<T> from, uint32_t i) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(detail::shared_address(from, i))
               : "memory");
}

template <typename T>
VC_DEVICE void mma_m16n8k16(float d[4], const uint32_t a[4], const uint32_t b[2]) {
  detail::mma(d, a, b, static_cast<T*>(nullptr));
}
VC_DEVICE void mma_m16n8k8_tf32(float d[4], const uint32_t a[4], const uint32_t b[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#endif

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
