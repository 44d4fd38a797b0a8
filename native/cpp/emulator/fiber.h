#pragma once
// Stackful fibers that switch without a system call: one per thread of a block.
#include <cstddef>

namespace videoclip {
namespace emulator {

using FiberEntry = void (*)();

// The stack and the saved registers of one fiber. A fiber that a fault interrupted is started again; the destructors of
// objects on its stack do not run.
class Fiber {
 public:
  Fiber() = default;
  ~Fiber();
  Fiber(const Fiber&) = delete;

  // The next switch_to(*this) begins entry(), which must never return.
  void start(FiberEntry entry);
  // Suspends `from`, which must be running, and continues this fiber.
  void resume_from(Fiber& from);

 private:
  char* stack_ = nullptr;
  void* context_ = nullptr;  // x86-64: the saved stack pointer; elsewhere a ucontext_t
};

}  // namespace emulator
}  // namespace videoclip
