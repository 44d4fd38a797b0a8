#pragma once
#include "runtime/status.h"
#include "runtime/tensor.h"
#include "runtime/thread_pool.h"

namespace videoclip {

// One instruction about to run. Operand roles and the order of attributes are the contract of the op:
// cpp/ops/<family>/<op>.h.
struct Call {
  const Tensor* in;
  int inputs;
  const Tensor* out;
  int outputs;
  const double* attrs;
  int attr_count;
  char* workspace;  // 64-byte aligned, as large as the kernel's workspace function asked for
  ThreadPool* pool;
  void* stream = nullptr;  // of the CUDA kernels
  bool tf32 = false;       // matrix products of f32 may round their operands to tf32
};

using KernelFunction = Status (*)(const Call&);
// Bytes of scratch memory for a call on `threads` threads; a pure function of shapes and attributes (data may be null).
using WorkspaceFunction = size_t (*)(const Call&, int threads);

struct Kernel {
  KernelFunction run = nullptr;
  WorkspaceFunction workspace = nullptr;
};

// Instruction sets that the CPU kernels are compiled for, from plain to wide. One table per set, filled by static
// registration: VIDEOCLIP_KERNEL at the end of each cpu/<op>.cc, VIDEOCLIP_CUDA_KERNEL at the end of each cuda/<op>.cu.
enum class Isa : int { portable = 0, avx2 = 1, avx512 = 2, cuda = 3, cuda_emulated = 4 };
constexpr int kIsaCount = 5;

const char* isa_name(Isa isa);
bool isa_supported(Isa isa);  // compiled in, and this processor has it
bool has_bf16(Isa isa);       // dot products of bf16 pairs
Isa best_isa();
// Columns of a packed weight panel for this instruction set: two vectors.
int panel_width(Isa isa);

bool register_kernel(Isa isa, const char* op, Kernel kernel);
const Kernel* find_kernel(Isa isa, const char* op);

}  // namespace videoclip
