#include "emulator/streams.h"

#include <algorithm>
#include <utility>

namespace videoclip {
namespace emulator {

bool early_copies = false;

void Stream::add(Work work) {
  if (capture) {
    joined = this == capture->origin;
    capture->work.push_back(std::move(work));
    return;
  }
  waiting.push_back(std::move(work));
  ++added;
  while (early_copies && !waiting.empty() && waiting.front().is_ready && waiting.front().is_ready()) {
    (void)flush(done + 1);  // copies and events do not fail
  }
}

Status Stream::flush(uint64_t position) {
  while (done < position && !waiting.empty()) {
    const Work work = std::move(waiting.front());
    waiting.pop_front();
    ++done;
    const Status status = work.run();
    if (!status) {
      done += waiting.size();
      waiting.clear();
      return status;
    }
  }
  return {};
}

bool Stream::uses(const void* object) const {
  return std::any_of(waiting.begin(), waiting.end(), [&](const Work& work) { return work.uses == object; });
}

bool Stream::touches(uint64_t from, uint64_t to) const {
  return std::any_of(waiting.begin(), waiting.end(), [&](const Work& work) {
    return std::any_of(work.addresses.begin(), work.addresses.end(),
                       [&](uint64_t address) { return address >= from && address < to; });
  });
}

}  // namespace emulator
}  // namespace videoclip
