#pragma once

namespace videoclip {

// The kind of a failure, by which JavaScript chooses the class of the error. lib/runtime/native_error.ts has one entry
// for each.
enum class StatusCode {
  ok,
  invalid_argument,  // values, types or sizes that an op does not accept
  unsupported,       // this device, build or system does not support the request
  out_of_memory,
  device_lost,  // the GPU stopped responding, and its memory is lost
  busy,         // a job that has not ended uses the memory
  cancelled,
  disposed,
  internal,  // a call of the system or the driver failed, or a program is wrong
};

// The code that JavaScript receives.
inline const char* code_name(StatusCode code) {
  switch (code) {
    case StatusCode::ok:
      return "ok";
    case StatusCode::invalid_argument:
      return "invalid_argument";
    case StatusCode::unsupported:
      return "unsupported";
    case StatusCode::out_of_memory:
      return "out_of_memory";
    case StatusCode::device_lost:
      return "device_lost";
    case StatusCode::busy:
      return "busy";
    case StatusCode::cancelled:
      return "cancelled";
    case StatusCode::disposed:
      return "disposed";
    case StatusCode::internal:
      return "internal";
  }
  return "internal";
}

// The result of an op, because ops never throw, print or exit. `{}` means success; `{"message"}` is an invalid
// argument. The message is a static string.
struct Status {
  const char* error = nullptr;
  StatusCode code = StatusCode::ok;

  Status() = default;
  Status(const char* message, StatusCode kind = StatusCode::invalid_argument) : error(message), code(kind) {}
  explicit operator bool() const { return error == nullptr; }
};

}  // namespace videoclip
