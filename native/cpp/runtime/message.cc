#include "runtime/message.h"

#include <mutex>
#include <set>

namespace videoclip {

const char* keep_message(const std::string& text) {
  static std::mutex mutex;
  static std::set<std::string> texts;
  std::lock_guard<std::mutex> lock(mutex);
  return texts.insert(text).first->c_str();
}

}  // namespace videoclip
