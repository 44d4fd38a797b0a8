#include "emulator/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#if defined(__x86_64__) && defined(__linux__) && !defined(VIDEOCLIP_UCONTEXT)
#define VIDEOCLIP_OWN_SWITCH
#else
#include <ucontext.h>
#endif

namespace videoclip {
namespace emulator {
namespace {

constexpr size_t kStackBytes = 64 * 1024;
constexpr size_t kGuardBytes = 16 * 1024;  // below the stack, so that an overflow ends the process at once

char* map_stack() {
  void* p = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED || mprotect(p, kGuardBytes, PROT_NONE) != 0) {
    std::perror("emulator: stack of a fiber");
    std::abort();
  }
  return static_cast<char*>(p);
}

}  // namespace

#if defined(VIDEOCLIP_OWN_SWITCH)

// videoclip_switch(save, load) pushes the callee-saved registers, stores the stack pointer in *save and continues at
// the stack pointer `load`.
extern "C" void videoclip_switch(void** save, void* load);
asm(R"(
.text
.p2align 4
.globl videoclip_switch
.hidden videoclip_switch
.type videoclip_switch, @function
videoclip_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size videoclip_switch, .-videoclip_switch
)");

Fiber::~Fiber() {
  if (stack_) munmap(stack_, kGuardBytes + kStackBytes);
}

void Fiber::start(FiberEntry entry) {
  if (!stack_) stack_ = map_stack();
  // Six registers, the address that `ret` takes, and one word that gives the entry function the stack alignment of a
  // call.
  auto* top = reinterpret_cast<uintptr_t*>(stack_ + kGuardBytes + kStackBytes) - 8;
  for (int i = 0; i < 8; ++i) top[i] = 0;
  top[6] = reinterpret_cast<uintptr_t>(entry);
  context_ = top;
}

void Fiber::resume_from(Fiber& from) { videoclip_switch(&from.context_, context_); }

#else

Fiber::~Fiber() {
  if (stack_) munmap(stack_, kGuardBytes + kStackBytes);
  delete static_cast<ucontext_t*>(context_);
}

void Fiber::start(FiberEntry entry) {
  if (!stack_) stack_ = map_stack();
  if (!context_) context_ = new ucontext_t;
  auto* context = static_cast<ucontext_t*>(context_);
  getcontext(context);
  context->uc_stack.ss_sp = stack_ + kGuardBytes;
  context->uc_stack.ss_size = kStackBytes;
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
}

void Fiber::resume_from(Fiber& from) {
  if (!from.context_) from.context_ = new ucontext_t;
  swapcontext(static_cast<ucontext_t*>(from.context_), static_cast<ucontext_t*>(context_));
}

#endif

}  // namespace emulator
}  // namespace videoclip
