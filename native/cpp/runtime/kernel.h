#pragma once
#include "runtime/status.h"
#include "runtime/tensor.h"
#include "runtime/thread_pool.h"

namespace videoclip {

// What kernels need to know of the GPU that they run on.
struct GpuTraits {
  bool hopper = false;  // compute capability 9.0, with its own instructions
  int multiprocessors = 1;
};

// One instruction about to run. The roles of operands and the order of attributes are the contract of the op:
// cpp/ops/<family>/<op>.h.
struct Call {
  const Tensor* in;
  int inputs;
  const Tensor* out;
  int outputs;
  const double* attrs;
  int attr_count;
  char* workspace;  // 64-byte aligned, of the size that the kernel's workspace function returned
  ThreadPool* pool;
  void* stream = nullptr;  // the stream of CUDA kernels
  GpuTraits gpu = {};
  bool tf32 = false;  // matrix products of f32 may round their operands to tf32
};

using KernelFunction = Status (*)(const Call&);
// Bytes of scratch memory for a call on `threads` threads: a pure function of shapes and attributes (data may be null).
using WorkspaceFunction = size_t (*)(const Call&, int threads);

struct Kernel {
  KernelFunction run = nullptr;
  WorkspaceFunction workspace = nullptr;
};

// The backends: the instruction sets that the CPU kernels are compiled for, from narrow to wide, then CUDA and its
// emulation. There is one table of kernels per backend, filled by static registration: VIDEOCLIP_KERNEL at the end of
// each cpu/<op>.cc, VIDEOCLIP_CUDA_KERNEL at the end of each cuda/<op>.cu. `amx` has its own kernels for products of
// bf16, on Intel's matrix unit, `amx_emulated` the same with that unit in software, and `neon_bf16` with BFMMLA; all
// others are those of `base`.
enum class Backend : int {
  amx_emulated = 0,
  portable = 1,
  neon = 2,
  neon_bf16 = 3,
  avx2 = 4,
  avx512 = 5,
  amx = 6,
  cuda = 7,
  cuda_emulated = 8
};
constexpr int kBackendCount = 9;

const char* backend_name(Backend backend);
bool backend_supported(Backend backend);  // compiled in, and available on this processor
// Whether products of bf16 are faster than those of f32, or else the reason why they are not.
const char* bf16_refusal(Backend backend);
// The most pairs of bf16 in a step of a product by tiles; 0 for a backend without tiles.
int tile_depth(Backend backend);
Backend best_cpu_backend();
// The number of columns of a packed weight panel: two vectors of the instruction set.
int panel_width(Backend backend);

bool register_kernel(Backend backend, const char* op, Kernel kernel);
const Kernel* find_kernel(Backend backend, const char* op);

}  // namespace videoclip
