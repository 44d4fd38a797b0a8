#pragma once
// Handles to device and shared memory. On the device they are plain addresses and check nothing. The emulator checks
// bounds, alignment and initialisation at every access, and detects races on shared memory.
#include <type_traits>

#include "cuda/primitives/types.h"

#if defined(VIDEOCLIP_EMULATED)
#include "emulator/memory.h"
#endif

namespace videoclip {
namespace VIDEOCLIP_CUDA {

// `count` elements of device memory. Handles are made on the host; Global<const T> is read-only.
template <typename T>
class Global {
 public:
  using Value = std::remove_const_t<T>;

  Global() = default;
  VC_HOST_DEVICE Global(T* data, size_t count);
  // Converts Global<T> to Global<const T>.
  template <typename U, typename = std::enable_if_t<std::is_same<const U, T>::value>>
  VC_HOST_DEVICE Global(const Global<U>& other) : Global(other.data(), other.count()) {}

  VC_HOST_DEVICE explicit operator bool() const { return data_ != nullptr; }
  VC_HOST_DEVICE Global offset(size_t n) const;

  VC_DEVICE Value load(size_t i) const;
  VC_DEVICE void store(size_t i, Value value) const;
  // Loads N values from element i on. The address is aligned to their total size of 4, 8 or 16 bytes.
  template <int N>
  VC_DEVICE Packed<Value, N> load_packed(size_t i) const;
  template <int N>
  VC_DEVICE void store_packed(size_t i, Packed<Value, N> values) const;
  template <int N>
  VC_DEVICE Packed<Value, N> load_packed_or_zero(size_t i, bool valid) const {
    return valid ? load_packed<N>(i) : Packed<Value, N>{};
  }

  // Used by other primitives only.
  VC_HOST_DEVICE T* data() const { return data_; }
  VC_HOST_DEVICE size_t count() const;

 private:
  T* data_ = nullptr;
#if defined(VIDEOCLIP_EMULATED)
  size_t count_ = 0;
#endif
};

// `count` elements of the block's dynamic shared memory, made by shared_array.
template <typename T>
class Shared {
 public:
  Shared() = default;
  VC_DEVICE Shared(uint32_t byte_offset, uint32_t count);

  VC_DEVICE Shared offset(uint32_t n) const;
  VC_DEVICE T load(uint32_t i) const;
  VC_DEVICE void store(uint32_t i, T value) const;
  template <int N>
  VC_DEVICE Packed<T, N> load_packed(uint32_t i) const;
  template <int N>
  VC_DEVICE void store_packed(uint32_t i, Packed<T, N> values) const;

  // Used by other primitives only.
  VC_DEVICE uint32_t byte_offset() const { return offset_; }
  VC_DEVICE uint32_t count() const;

 private:
  uint32_t offset_ = 0;
#if defined(VIDEOCLIP_EMULATED)
  uint32_t count_ = 0;
#endif
};

// The elements [byte_offset, byte_offset + count * sizeof(T)) of the launch's shared memory, whose base is aligned to
// 1024 bytes.
template <typename T>
VC_DEVICE Shared<T> shared_array(uint32_t byte_offset, uint32_t count) {
  return Shared<T>(byte_offset, count);
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip

#if defined(VIDEOCLIP_EMULATED)
#include "cuda/primitives/memory_emulated.h"
#else
#include "cuda/primitives/memory_cuda.h"
#endif
