#include "emulator/launch.h"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/device_code.h"
#include "runtime/message.h"
#include "runtime/thread_pool.h"

namespace videoclip {
namespace emulator {
namespace {

constexpr size_t kMaxThreads = 1024;
constexpr uint32_t kMaxBlocksX = 0x7fffffff, kMaxBlocksYZ = 0xffff;

// Runs one launch at a time; the kernels of one stream run one after another in any case.
struct Machine {
  std::mutex mutex;
  std::unique_ptr<ThreadPool> pool;
  std::vector<std::unique_ptr<Block>> blocks;  // one per host thread, with its stacks and memory
  int host_threads = 0;
  Counters total;
  Order order;

  Machine() {
    const char* wanted = std::getenv("VIDEOCLIP_EMULATOR_ORDER");
    if (!wanted || !*wanted || std::string(wanted) == "forward") return;
    if (std::string(wanted) == "reverse") {
      order.kind = Order::reverse;
    } else {
      order = {Order::random, std::strtoull(wanted, nullptr, 10)};
    }
  }

  void start_pool() {
    if (pool) return;
    const int all = static_cast<int>(std::thread::hardware_concurrency());
    pool = std::make_unique<ThreadPool>(host_threads > 0 ? host_threads : all > 0 ? all : 1);
    blocks.clear();
    for (int i = 0; i < pool->threads(); ++i) blocks.push_back(std::make_unique<Block>());
  }
};

Machine& machine() {
  static Machine m;
  return m;
}

std::string position(Index3 at) {
  return "(" + std::to_string(at.x) + "," + std::to_string(at.y) + "," + std::to_string(at.z) + ")";
}

}  // namespace

void set_order(Order order) { machine().order = order; }
Order order() { return machine().order; }

Counters counters() { return machine().total; }
void reset_counters() { machine().total = Counters(); }

void set_host_threads(int threads) {
  std::lock_guard<std::mutex> lock(machine().mutex);
  machine().host_threads = threads;
  machine().pool.reset();
}

Status run(const Launch& launch) {
  Machine& m = machine();
  std::lock_guard<std::mutex> lock(m.mutex);
  const auto failed = [&](const std::string& message) {
    return Status(keep_message(std::string(OpScope::current()) + ": " + message), StatusCode::internal);
  };
  const size_t threads = size_t{launch.block.x} * launch.block.y * launch.block.z;
  if (threads == 0 || threads > kMaxThreads || threads % kWarpLanes) {
    return failed("launch of " + std::to_string(threads) + " threads per block: 32, 64, ..., 1024 are possible");
  }
  if (launch.shared_bytes > kMaxSharedBytes) {
    return failed("launch with " + std::to_string(launch.shared_bytes) + " bytes of shared memory: the limit is " +
                  std::to_string(kMaxSharedBytes));
  }
  const size_t blocks = size_t{launch.grid.x} * launch.grid.y * launch.grid.z;
  if (blocks == 0) return failed("launch of an empty grid");
  if (launch.grid.x > kMaxBlocksX || launch.grid.y > kMaxBlocksYZ || launch.grid.z > kMaxBlocksYZ) {
    return failed("launch of a grid of " + position(launch.grid) + " blocks: y and z end at 65535");
  }
  m.start_pool();

  std::mutex fault_mutex;
  std::atomic<size_t> faulty{blocks};
  std::string fault;
  m.pool->parallel_for(static_cast<int64_t>(blocks), [&](int64_t task, int thread) {
    const auto number = static_cast<size_t>(task);
    if (number > faulty) return;
    const Index3 at{static_cast<uint32_t>(number % launch.grid.x),
                    static_cast<uint32_t>(number / launch.grid.x % launch.grid.y),
                    static_cast<uint32_t>(number / launch.grid.x / launch.grid.y)};
    std::string message = m.blocks[static_cast<size_t>(thread)]->run(launch, at, number);
    if (message.empty()) return;
    std::lock_guard<std::mutex> fault_lock(fault_mutex);
    if (number > faulty) return;
    faulty = number;
    fault = "block " + position(at) + ", " + message;
  });
  ++m.total.launches;
  for (auto& block : m.blocks) {
    m.total.add(block->counters);
    block->counters = Counters();
  }
  return faulty < blocks ? failed(fault) : Status{};
}

}  // namespace emulator
}  // namespace videoclip
