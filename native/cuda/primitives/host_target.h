#pragma once
// What the host compiler needs to read a kernel file: the built-in names of CUDA that device functions use. They are
// only declared. No host code calls a device function, so the compiler emits none.
#include <cmath>

#define __global__ inline
#define __device__
#define __host__
#define __shared__
#define __forceinline__ inline
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)
#define __grid_constant__

struct uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct BuiltinIndex {
  unsigned x, y, z;
};
extern const BuiltinIndex threadIdx, blockIdx, blockDim, gridDim;

float __uint_as_float(unsigned bits);
unsigned __float_as_uint(float x);
float __fmaf_rn(float a, float b, float c);
float __fsqrt_rn(float x);
void __syncthreads();
void __syncwarp(unsigned mask);
template <typename T>
T __shfl_sync(unsigned mask, T value, int lane);
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lanes);
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned lanes);
unsigned __ballot_sync(unsigned mask, int predicate);
int __any_sync(unsigned mask, int predicate);
int __all_sync(unsigned mask, int predicate);
unsigned long __cvta_generic_to_shared(const void* address);
