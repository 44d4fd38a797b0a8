#include "ops/matmul/matmul.h"

#include "cpu/gemm/blocked_matmul.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

VIDEOCLIP_KERNEL("matmul", blocked_matmul<float>, matmul_workspace<float>);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
