#pragma once
// Reads arguments from JavaScript, and makes the errors that several methods throw.
#include <napi.h>

#include <string>

#include "addon/errors.h"

namespace videoclip {

inline int64_t integer(const Napi::Value& v) { return v.As<Napi::Number>().Int64Value(); }

inline size_t size_of(const Napi::Value& v) {
  const int64_t n = integer(v);
  if (n < 0) throw error_of(v.Env(), StatusCode::invalid_argument, "negative size");
  return static_cast<size_t>(n);
}

// The bytes of any typed array. `shared` is set to whether they are in a SharedArrayBuffer, which cannot be transferred
// or detached.
inline const char* bytes_of(const Napi::Value& v, size_t* size, bool* shared = nullptr) {
  if (!v.IsTypedArray()) throw error_of(v.Env(), StatusCode::invalid_argument, "expected a typed array");
  *size = v.As<Napi::TypedArray>().ByteLength();
  void* data = nullptr;
  napi_value buffer;
  if (napi_get_typedarray_info(v.Env(), v, nullptr, nullptr, &data, &buffer, nullptr) != napi_ok) {
    throw Napi::Error::New(v.Env());
  }
  if (shared) *shared = !Napi::Value(v.Env(), buffer).IsArrayBuffer();
  return static_cast<const char*>(data);
}

inline Napi::Error out_of_memory(Napi::Env env) { return error_of(env, StatusCode::out_of_memory, "out of memory"); }
inline Napi::Error wrong_size(Napi::Env env, const std::string& what) {
  return error_of(env, StatusCode::invalid_argument, what + " has the wrong size");
}
inline Napi::Error disposed(Napi::Env env) { return error_of(env, StatusCode::disposed, "disposed"); }

}  // namespace videoclip
