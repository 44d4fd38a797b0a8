#pragma once
#include <napi.h>

#include "runtime/failure.h"

namespace videoclip {

// An error with the `code` by which lib/runtime/native_error.ts chooses its class.
inline Napi::Error error_of(Napi::Env env, StatusCode code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", code_name(code));
  return error;
}

inline void throw_on(Napi::Env env, const Failure& failure) {
  if (failure) throw error_of(env, failure.code, failure.message);
}

inline void throw_on(Napi::Env env, const Status& status) { throw_on(env, Failure(status)); }

}  // namespace videoclip
