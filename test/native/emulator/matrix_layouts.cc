// ldmatrix and mma follow the layout maps of the PTX ISA, which this file states independently.
#include "check.h"
#include "cuda/primitives/mma.h"
#include "cuda/primitives/warp.h"

namespace videoclip {
namespace emulated {
namespace {

struct Place {
  int row, column;
};

Place place_a(int lane, int i) { return {lane / 4 + 8 * ((i >> 1) & 1), 2 * (lane % 4) + (i & 1) + 8 * (i >> 2)}; }
Place place_b(int lane, int i) { return {2 * (lane % 4) + (i & 1) + 8 * (i >> 1), lane / 4}; }
Place place_d(int lane, int i) { return {lane / 4 + 8 * (i >> 1), 2 * (lane % 4) + (i & 1)}; }
Place place_a_tf32(int lane, int i) { return {lane / 4 + 8 * (i & 1), lane % 4 + 4 * (i >> 1)}; }
Place place_b_tf32(int lane, int i) { return {lane % 4 + 4 * i, lane / 4}; }

float a_at(Place p) { return small_integer(static_cast<size_t>(p.row * 16 + p.column), 5); }
float b_at(Place p) { return small_integer(static_cast<size_t>(p.row * 8 + p.column), 6); }
float d_at(Place p) { return small_integer(static_cast<size_t>(p.row * 8 + p.column), 7); }

struct Arguments {
  Global<float> out;
};

template <typename T>
void mma_kernel(Arguments p) {
  const int lane = lane_id();
  uint32_t a[4], b[2];
  for (int i = 0; i < 4; ++i) a[i] = pack_pair<T>(a_at(place_a(lane, 2 * i)), a_at(place_a(lane, 2 * i + 1)));
  for (int i = 0; i < 2; ++i) b[i] = pack_pair<T>(b_at(place_b(lane, 2 * i)), b_at(place_b(lane, 2 * i + 1)));
  float d[4];
  for (int i = 0; i < 4; ++i) d[i] = d_at(place_d(lane, i));
  mma_m16n8k16<T>(d, a, b);
  for (int i = 0; i < 4; ++i) {
    p.out.store(static_cast<size_t>(place_d(lane, i).row * 8 + place_d(lane, i).column), d[i]);
  }
}

void tf32_kernel(Arguments p) {
  const int lane = lane_id();
  uint32_t a[4], b[2];
  // the low 13 bits are not read
  for (int i = 0; i < 4; ++i) a[i] = to_tf32(a_at(place_a_tf32(lane, i))) | 0x1fff;
  for (int i = 0; i < 2; ++i) b[i] = to_tf32(b_at(place_b_tf32(lane, i)));
  float d[4];
  for (int i = 0; i < 4; ++i) d[i] = d_at(place_d(lane, i));
  mma_m16n8k8_tf32(d, a, b);
  for (int i = 0; i < 4; ++i) {
    p.out.store(static_cast<size_t>(place_d(lane, i).row * 8 + place_d(lane, i).column), d[i]);
  }
}

void check_product(void (*kernel)(Arguments), int depth, const char* what) {
  const Device<float> out(128);
  check_ok(launch(kernel, Grid{}, 32, 0, nullptr, Arguments{out.global()}), what);
  bool equal = true;
  for (int m = 0; m < 16; ++m) {
    for (int n = 0; n < 8; ++n) {
      float sum = d_at({m, n});
      for (int k = 0; k < depth; ++k) sum += a_at({m, k}) * b_at({k, n});
      equal = equal && out[static_cast<size_t>(m * 8 + n)] == sum;
    }
  }
  check(equal, what);
}

// Four matrices of 8 x 8: element (j, row, column) is 64 j + 8 row + column, so that a register shows its origin.
template <int kMatrices, bool kTransposed>
void ldmatrix_kernel(Arguments p) {
  const Shared<uint16_t> s = shared_array<uint16_t>(0, 256);
  const auto lane = static_cast<uint32_t>(lane_id());
  for (uint32_t i = lane; i < 256; i += 32) s.store(i, static_cast<uint16_t>(i));
  sync_warp();
  uint32_t r[4] = {};
  const uint32_t row = lane % (8 * kMatrices) * 8;
  if (kMatrices == 4) kTransposed ? ldmatrix_x4_trans(r, s, row) : ldmatrix_x4(r, s, row);
  if (kMatrices == 2) kTransposed ? ldmatrix_x2_trans(r, s, row) : ldmatrix_x2(r, s, row);
  for (uint32_t i = 0; i < 2 * kMatrices; ++i) {
    p.out.store(lane * 8 + i, static_cast<float>(r[i / 2] >> 16 * (i % 2) & 0xffff));
  }
}

template <int kMatrices, bool kTransposed>
void check_ldmatrix(const char* what) {
  const Device<float> out(256);
  check_ok(launch(ldmatrix_kernel<kMatrices, kTransposed>, Grid{}, 32, 512, nullptr, Arguments{out.global()}), what);
  bool equal = true;
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 2 * kMatrices; ++i) {
      const int row = lane / 4, column = 2 * (lane % 4) + i % 2;
      const int element = kTransposed ? column * 8 + row : row * 8 + column;
      equal = equal && out[static_cast<size_t>(lane * 8 + i)] == static_cast<float>(i / 2 * 64 + element);
    }
  }
  check(equal, what);
}

}  // namespace

void test_matrix_layouts() {
  check_product(mma_kernel<bf16>, 16, "mma of bf16");
  check_product(mma_kernel<f16>, 16, "mma of f16");
  check_product(tf32_kernel, 8, "mma of tf32");
  check_ldmatrix<4, false>("ldmatrix.x4");
  check_ldmatrix<2, false>("ldmatrix.x2");
  check_ldmatrix<4, true>("ldmatrix.x4.trans");
  check_ldmatrix<2, true>("ldmatrix.x2.trans");
}

}  // namespace emulated
}  // namespace videoclip
