#pragma once

namespace videoclip {

// What an op returns: ops never throw, print or exit. `error` is a static string, null when all is well.
struct Status {
  const char* error = nullptr;
  explicit operator bool() const { return error == nullptr; }
};

}  // namespace videoclip
