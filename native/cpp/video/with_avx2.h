#pragma once
#include <cstdlib>  // __GLIBC__

// A function with this mark is compiled twice, for AVX2 and for any x86-64 processor; the loader chooses one when the
// addon is loaded. Both give the same bytes, because each product and each sum is rounded separately. The mark cannot
// be used with sanitizers.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    (!defined(__clang__) || __clang_major__ >= 14)
#define VIDEOCLIP_WITH_AVX2 __attribute__((target_clones("avx2", "default")))
#else
#define VIDEOCLIP_WITH_AVX2
#endif
