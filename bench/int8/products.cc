// The products of S3D's convolutions in bf16 (vdpbf16ps) and in int8 (vpdpbusd), with the same loops, each with its end
// of a layer: bias, ReLU, and rounding to what the next layer reads. s3d_layers.txt has the layers of 16 x 224 x 224:
// output positions, input channels, taps, output channels. Rows are read as those of a window are; nothing is padded.
// For one thread of a processor with AVX512-BF16 and AVX512-VNNI:
//   g++ -O3 -march=x86-64-v3 -std=c++17 -o products bench/int8/products.cc && ./products bench/int8/s3d_layers.txt
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16,avx512vnni"), noinline))

constexpr int R = 14;  // rows of a tile; it has 32 columns
AVX512 void dot_bf16(const uint16_t* const* rows, long taps, long pairs, const float* b, float* sums) {
  __m512 c[R][2] = {};
  for (long t = 0; t < taps; ++t) {
    const uint16_t* const* a = rows + t * R;
    for (long k = 0; k < pairs; ++k, b += 32) {
      const __m512bh w0 = (__m512bh)_mm512_loadu_ps(b), w1 = (__m512bh)_mm512_loadu_ps(b + 16);
#pragma GCC unroll 14
      for (int r = 0; r < R; ++r) {
        float v;
        memcpy(&v, a[r] + 2 * k, 4);
        const __m512bh x = (__m512bh)_mm512_set1_ps(v);
        c[r][0] = _mm512_dpbf16_ps(c[r][0], x, w0), c[r][1] = _mm512_dpbf16_ps(c[r][1], x, w1);
      }
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r) _mm512_storeu_ps(sums + r * 32, c[r][0]), _mm512_storeu_ps(sums + r * 32 + 16, c[r][1]);
}
AVX512 void dot_int8(const uint8_t* const* rows, long taps, long quads, const int* b, int* sums) {
  __m512i c[R][2] = {};
  for (long t = 0; t < taps; ++t) {
    const uint8_t* const* a = rows + t * R;
    for (long k = 0; k < quads; ++k, b += 32) {
      const __m512i w0 = _mm512_loadu_si512(b), w1 = _mm512_loadu_si512(b + 16);
#pragma GCC unroll 14
      for (int r = 0; r < R; ++r) {
        int v;
        memcpy(&v, a[r] + 4 * k, 4);
        const __m512i x = _mm512_set1_epi32(v);
        c[r][0] = _mm512_dpbusd_epi32(c[r][0], x, w0), c[r][1] = _mm512_dpbusd_epi32(c[r][1], x, w1);
      }
    }
  }
#pragma GCC unroll 14
  for (int r = 0; r < R; ++r)
    _mm512_storeu_si512(sums + r * 32, c[r][0]), _mm512_storeu_si512(sums + r * 32 + 16, c[r][1]);
}
AVX512 void end_bf16(const float* sums, const float* bias, long used, uint16_t* y, long stride, long count) {
  for (long r = 0; r < count; ++r)
    for (long c = 0; c < used; c += 16) {
      __m512 v = _mm512_max_ps(_mm512_add_ps(_mm512_loadu_ps(sums + r * 32 + c), _mm512_loadu_ps(bias + c)),
                               _mm512_setzero_ps());
      _mm256_storeu_si256((__m256i*)(y + r * stride + c), (__m256i)_mm512_cvtneps_pbh(v));
    }
}
AVX512 void end_int8(const int* sums, const float* scale, const float* bias, long used, uint8_t* y, long stride,
                     long count) {
  for (long r = 0; r < count; ++r)
    for (long c = 0; c < used; c += 16) {
      __m512 v = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(sums + r * 32 + c)), _mm512_loadu_ps(scale + c),
                                 _mm512_loadu_ps(bias + c));
      _mm_storeu_si128((__m128i*)(y + r * stride + c),
                       _mm512_cvtusepi32_epi8(_mm512_cvtps_epu32(_mm512_max_ps(v, _mm512_setzero_ps()))));
    }
}
template <bool I8>
double layer(long M, long C, long taps, long N) {
  const long unit = I8 ? 4 : 2, groups = (C + unit - 1) / unit, Cp = groups * unit, Np = (N + 31) / 32 * 32;
  const size_t e = I8 ? 1 : 2;
  std::vector<uint8_t> x((M + taps + 16) * Cp * e + 64, 1), y(M * Np * e + 4096);
  std::vector<int> w(taps * groups * Np + 64, I8 ? 0x01010101 : 0x3c003c00);
  std::vector<float> scale(Np + 32, 1e-3f), bias(Np + 32, 0.1f);
  alignas(64) int sums[R * 32];
  auto run = [&] {
    for (long m0 = 0; m0 < M; m0 += 8 * R)
      for (long n = 0; n < Np; n += 32)
        for (long m = m0; m < std::min(M, m0 + 8 * R); m += R) {
          const uint8_t* rows[343 * R];
          for (long t = 0; t < taps; ++t)
            for (int r = 0; r < R; ++r) rows[t * R + r] = x.data() + std::min(M - 1, m + r) * Cp * e + t * Cp * e;
          const long count = std::min<long>(R, M - m), used = std::min<long>(32, (N - n + 15) / 16 * 16);
          const int* panel = w.data() + n * taps * groups;
          if (I8) {
            dot_int8(rows, taps, groups, panel, sums);
            end_int8(sums, scale.data() + n, bias.data() + n, used, y.data() + m * Np + n, Np, count);
          } else {
            dot_bf16((const uint16_t* const*)rows, taps, groups, (const float*)panel, (float*)sums);
            end_bf16((float*)sums, bias.data() + n, used, (uint16_t*)y.data() + m * Np + n, Np, count);
          }
        }
  };
  std::vector<double> t;
  for (int i = 0; i < 7; ++i) {
    auto a = std::chrono::steady_clock::now();
    run();
    t.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - a).count());
  }
  std::sort(t.begin(), t.end());
  return t[3];
}
int main(int, char** arguments) {
  FILE* f = fopen(arguments[1], "r");
  if (!f) return perror(arguments[1]), 1;
  long M, C, taps, N;
  double tb = 0, ti = 0, gf = 0;
  while (fscanf(f, "%ld %ld %ld %ld", &M, &C, &taps, &N) == 4) {
    double b = layer<false>(M, C, taps, N), i = layer<true>(M, C, taps, N);
    tb += b, ti += i, gf += 2e-9 * M * C * taps * N;
  }
  printf("%.1f GFLOP, one thread: bf16 %.1f ms (%.0f GF), int8 %.1f ms (%.0f GOP), ratio %.2f\n", gf, tb, gf / tb * 1e3,
         ti, gf / ti * 1e3, tb / ti);
}
