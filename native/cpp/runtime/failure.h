#pragma once
#include <string>
#include <utility>

#include "runtime/status.h"

namespace videoclip {

// The reason why a job ended, with a message that may be made at run time. Converts to true if there is a failure.
struct Failure {
  StatusCode code = StatusCode::ok;
  std::string message;

  Failure() = default;
  Failure(StatusCode kind, std::string text) : code(kind), message(std::move(text)) {}
  explicit Failure(const Status& status) : code(status.code), message(status ? "" : status.error) {}
  explicit operator bool() const { return code != StatusCode::ok; }
};

}  // namespace videoclip
