#pragma once
// The implementation of memory.h for the emulator.
#include <cstring>

namespace videoclip {
namespace VIDEOCLIP_CUDA {
namespace detail {

template <typename T, int N>
VC_DEVICE Packed<T, N> read_values(const char* from, const char* memory, size_t index) {
  Packed<T, N> values;
  std::memcpy(&values, from, sizeof values);
  if (is_floating<T>) {
    for (int i = 0; i < N; ++i) {
      uint32_t bits = ~0u;
      std::memcpy(&bits, &values.v[i], sizeof(T));
      if (bits == ~0u) emulator::uninitialised_value(memory, index + static_cast<size_t>(i));
    }
  }
  return values;
}

template <typename T>
VC_DEVICE T read_value(const char* from, const char* memory, size_t index) {
  T value;
  std::memcpy(&value, from, sizeof value);
  if (is_floating<T>) {
    uint32_t bits = ~0u;
    std::memcpy(&bits, &value, sizeof(T));
    if (bits == ~0u) emulator::uninitialised_value(memory, index);
  }
  return value;
}

}  // namespace detail

template <typename T>
VC_HOST_DEVICE Global<T>::Global(T* data, size_t count) : data_(data), count_(count) {}

template <typename T>
VC_HOST_DEVICE size_t Global<T>::count() const {
  return count_;
}

// A handle past the end is empty, so that its first access is reported as the fault.
template <typename T>
VC_HOST_DEVICE Global<T> Global<T>::offset(size_t n) const {
  return n <= count_ ? Global(data_ + n, count_ - n) : Global(data_, 0);
}

template <typename T>
VC_DEVICE typename Global<T>::Value Global<T>::load(size_t i) const {
  return detail::read_value<Value>(emulator::check_global(data_, count_, i, sizeof(T), 1, false), "global", i);
}

template <typename T>
VC_DEVICE void Global<T>::store(size_t i, Value value) const {
  static_assert(!std::is_const<T>::value, "read-only");
  std::memcpy(emulator::check_global(data_, count_, i, sizeof(T), 1, true), &value, sizeof value);
}

template <typename T>
template <int N>
VC_DEVICE Packed<typename Global<T>::Value, N> Global<T>::load_packed(size_t i) const {
  return detail::read_values<Value, N>(emulator::check_global(data_, count_, i, sizeof(T), N, false), "global", i);
}

template <typename T>
template <int N>
VC_DEVICE void Global<T>::store_packed(size_t i, Packed<Value, N> values) const {
  static_assert(!std::is_const<T>::value, "read-only");
  std::memcpy(emulator::check_global(data_, count_, i, sizeof(T), N, true), &values, sizeof values);
}

template <typename T>
VC_DEVICE Shared<T>::Shared(uint32_t byte_offset, uint32_t count) : offset_(byte_offset), count_(count) {
  emulator::check_shared_array(byte_offset, size_t{count} * sizeof(T), sizeof(T));
}

template <typename T>
VC_DEVICE uint32_t Shared<T>::count() const {
  return count_;
}

template <typename T>
VC_DEVICE Shared<T> Shared<T>::offset(uint32_t n) const {
  Shared rest = *this;
  rest.offset_ += n * static_cast<uint32_t>(sizeof(T));
  rest.count_ = n <= count_ ? count_ - n : 0;
  return rest;
}

template <typename T>
VC_DEVICE T Shared<T>::load(uint32_t i) const {
  return detail::read_value<T>(emulator::check_shared(offset_, count_, i, sizeof(T), 1, false), "shared", i);
}

template <typename T>
VC_DEVICE void Shared<T>::store(uint32_t i, T value) const {
  std::memcpy(emulator::check_shared(offset_, count_, i, sizeof(T), 1, true), &value, sizeof value);
}

template <typename T>
template <int N>
VC_DEVICE Packed<T, N> Shared<T>::load_packed(uint32_t i) const {
  return detail::read_values<T, N>(emulator::check_shared(offset_, count_, i, sizeof(T), N, false), "shared", i);
}

template <typename T>
template <int N>
VC_DEVICE void Shared<T>::store_packed(uint32_t i, Packed<T, N> values) const {
  std::memcpy(emulator::check_shared(offset_, count_, i, sizeof(T), N, true), &values, sizeof values);
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
