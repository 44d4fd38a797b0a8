#pragma once
// The implementation of memory.h for nvcc.

namespace videoclip {
namespace VIDEOCLIP_CUDA {

// All dynamic shared memory of the launch. It is aligned to 1024 bytes, the largest period of a swizzle.
extern __shared__ __align__(1024) unsigned char shared_memory[];

namespace detail {

// The type that one load or store instruction moves.
template <int kBytes>
struct Word;
template <>
struct Word<4> {
  using Type = uint32_t;
};
template <>
struct Word<8> {
  using Type = uint2;
};
template <>
struct Word<16> {
  using Type = uint4;
};

template <typename T, int N>
VC_DEVICE Packed<T, N> read_values(const T* from) {
  using Type = typename Word<static_cast<int>(sizeof(T)) * N>::Type;
  const Type word = *reinterpret_cast<const Type*>(from);
  return reinterpret_cast<const Packed<T, N>&>(word);
}

template <typename T, int N>
VC_DEVICE void write_values(T* to, const Packed<T, N>& values) {
  using Type = typename Word<static_cast<int>(sizeof(T)) * N>::Type;
  *reinterpret_cast<Type*>(to) = reinterpret_cast<const Type&>(values);
}

template <typename T>
VC_DEVICE T* shared_pointer(uint32_t byte_offset) {
  return reinterpret_cast<T*>(shared_memory + byte_offset);
}

}  // namespace detail

template <typename T>
VC_HOST_DEVICE Global<T>::Global(T* data, size_t) : data_(data) {}

template <typename T>
VC_HOST_DEVICE size_t Global<T>::count() const {
  return 0;
}

template <typename T>
VC_HOST_DEVICE Global<T> Global<T>::offset(size_t n) const {
  return Global(data_ + n, 0);
}

template <typename T>
VC_DEVICE typename Global<T>::Value Global<T>::load(size_t i) const {
  return data_[i];
}

template <typename T>
VC_DEVICE void Global<T>::store(size_t i, Value value) const {
  data_[i] = value;
}

template <typename T>
template <int N>
VC_DEVICE Packed<typename Global<T>::Value, N> Global<T>::load_packed(size_t i) const {
  return detail::read_values<Value, N>(data_ + i);
}

template <typename T>
template <int N>
VC_DEVICE void Global<T>::store_packed(size_t i, Packed<Value, N> values) const {
  detail::write_values<T, N>(data_ + i, values);
}

template <typename T>
VC_DEVICE Shared<T>::Shared(uint32_t byte_offset, uint32_t) : offset_(byte_offset) {}

template <typename T>
VC_DEVICE uint32_t Shared<T>::count() const {
  return 0;
}

template <typename T>
VC_DEVICE Shared<T> Shared<T>::offset(uint32_t n) const {
  return Shared(offset_ + n * static_cast<uint32_t>(sizeof(T)), 0);
}

template <typename T>
VC_DEVICE T Shared<T>::load(uint32_t i) const {
  return detail::shared_pointer<T>(offset_)[i];
}

template <typename T>
VC_DEVICE void Shared<T>::store(uint32_t i, T value) const {
  detail::shared_pointer<T>(offset_)[i] = value;
}

template <typename T>
template <int N>
VC_DEVICE Packed<T, N> Shared<T>::load_packed(uint32_t i) const {
  return detail::read_values<T, N>(detail::shared_pointer<T>(offset_) + i);
}

template <typename T>
template <int N>
VC_DEVICE void Shared<T>::store_packed(uint32_t i, Packed<T, N> values) const {
  detail::write_values<T, N>(detail::shared_pointer<T>(offset_) + i, values);
}

}  // namespace VIDEOCLIP_CUDA
}  // namespace videoclip
