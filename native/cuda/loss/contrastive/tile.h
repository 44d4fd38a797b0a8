#pragma once
// A tile of 128 x 64 dot products of rows.
#include "cuda/gemm/row_products.h"
#include "cuda/loss/contrastive/sums.h"
#include "cuda/primitives/kernel.h"

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace contrastive {

template <typename T>
struct MathOf {
  using Tile = gemm::Tile128x64;
  using Type = gemm::TensorCores<T, Tile>;
};
template <>
struct MathOf<float> {
  using Tile = gemm::TileF32;
  using Type = gemm::PlainFma<Tile>;
};

// Computes the scores of one tile, unscaled. The stages may be overwritten afterwards.
template <typename T, int V>
VC_DEVICE typename MathOf<T>::Type multiply_tile(const gemm::Matrix<T>& of_rows, const gemm::Matrix<T>& of_columns,
                                                 int row0, int column0) {
  using Tile = typename MathOf<T>::Tile;
  static_assert(Tile::kM == kTileRows && Tile::kN == kTileColumns && Tile::kThreads == kThreads, "one tile for all");
  return gemm::multiply_rows<Tile, typename MathOf<T>::Type, V>(of_rows, of_columns, row0, column0);
}

}  // namespace contrastive
}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
