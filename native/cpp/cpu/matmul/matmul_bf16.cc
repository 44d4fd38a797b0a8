#include "ops/matmul/matmul_bf16.h"

#include "cpu/gemm/blocked_matmul.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

VIDEOCLIP_KERNEL("matmul_bf16", blocked_matmul<Bf16>, matmul_workspace<Bf16>);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
