#include "ops/matmul.h"

#include "cpu/blocked_matmul.h"

namespace videoclip {
namespace VIDEOCLIP_ISA {
namespace {

VIDEOCLIP_KERNEL("matmul", blocked_matmul<false>, matmul_workspace);

}  // namespace
}  // namespace VIDEOCLIP_ISA
}  // namespace videoclip
