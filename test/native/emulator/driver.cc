// Every rule of the emulated driver, each broken once.
#include "emulator/driver.h"

#include "check.h"
#include "example_reduction.h"

namespace videoclip {
namespace emulated {
namespace {

const Driver& d = emulator::driver();

void check_rule(cu::Result result, const char* rule) {
  const char* text = "";
  (void)d.error_string(result, &text);
  check(result != cu::kSuccess && text && std::strstr(text, rule), rule, result ? text : "(no error)");
}
void check_done(cu::Result result, const char* what) { check(result == cu::kSuccess, what); }

// A device with a stream, and memory for one copy.
struct Setup {
  static constexpr size_t kBytes = 1024;
  cu::Device device;
  cu::Context context = nullptr;
  cu::Stream stream = nullptr;
  cu::Event event = nullptr;
  cu::Address memory = 0;
  void* pinned = nullptr;
  std::vector<char> pageable = std::vector<char>(kBytes);

  explicit Setup(int index = 0) : device(index) {
    check_done(d.context_retain(&context, device), "context");
    use();
    check_done(d.stream_create(&stream, 0), "stream");
    check_done(d.event_create(&event, 0), "event");
    check_done(d.memory_allocate(&memory, kBytes), "memory");
    check_done(d.host_allocate(&pinned, kBytes, 0), "pinned memory");
  }
  ~Setup() {
    use();
    check_done(d.stream_synchronize(stream), "synchronize at the end");
    check_done(d.host_free(pinned), "free pinned memory");
    check_done(d.memory_free(memory), "free memory");
    check_done(d.event_destroy(event), "destroy event");
    check_done(d.stream_destroy(stream), "destroy stream");
    check_done(d.context_release(device), "release context");
  }
  void use() const { (void)d.context_use(context); }
  cu::Result copy() const { return d.copy_in(memory, pinned, kBytes, stream); }
};

void capture_rules() {
  Setup s;
  cu::Graph graph = nullptr;
  const auto capture = [&](auto inside) {
    check_done(d.capture_begin(s.stream, cu::kCaptureThreadLocal), "begin capture");
    inside();
    check_rule(d.capture_end(s.stream, &graph), "capture");
    check(graph == nullptr, "an invalid capture gives no graph");
  };
  capture([&] { check_rule(d.stream_synchronize(s.stream), "cuStreamSynchronize during a capture"); });
  capture([&] { check_rule(d.event_synchronize(s.event), "cuEventSynchronize during a capture"); });
  capture([&] {
    cu::Address more = 0;
    check_rule(d.memory_allocate(&more, 64), "cuMemAlloc during a capture");
  });
  capture([&] { check_rule(d.memory_free(s.memory), "cuMemFree during a capture"); });
  capture([&] {
    void* more = nullptr;
    check_rule(d.host_allocate(&more, 64, 0), "cuMemHostAlloc during a capture");
  });
  capture(
      [&] { check_rule(d.host_register(s.pageable.data(), Setup::kBytes, 0), "cuMemHostRegister during a capture"); });
  check_done(d.host_register(s.pageable.data(), Setup::kBytes, 0), "register");
  capture([&] { check_rule(d.host_unregister(s.pageable.data()), "cuMemHostUnregister during a capture"); });
  check_done(d.host_unregister(s.pageable.data()), "unregister");
  capture([&] {
    check_rule(d.copy_in(s.memory, s.pageable.data(), Setup::kBytes, s.stream), "pageable memory during a capture");
  });
  check_rule(d.capture_end(s.stream, &graph), "not being captured");
}

// A second stream takes part in a capture, from an event of the first stream to an event that the first stream waits
// for.
void forked_captures() {
  Setup s;
  cu::Stream side = nullptr;
  cu::Event fork = nullptr, join = nullptr;
  cu::Graph graph = nullptr;
  check_done(d.stream_create(&side, 0), "second stream");
  check_done(d.event_create(&fork, cu::kEventDisableTiming), "event");
  check_done(d.event_create(&join, cu::kEventDisableTiming), "event");
  for (const bool joins : {false, true}) {
    check_done(d.capture_begin(s.stream, cu::kCaptureThreadLocal), "begin capture");
    check_done(d.event_record(fork, s.stream), "record fork");
    check_done(d.stream_wait(side, fork, 0), "fork");
    check_done(d.copy_in(s.memory, s.pinned, Setup::kBytes, side), "copy on the forked stream");
    check_done(d.event_record(join, side), "record join");
    if (joins) check_done(d.stream_wait(s.stream, join, 0), "join");
    const cu::Result end = d.capture_end(s.stream, &graph);
    joins ? check_done(end, "a joined capture") : check_rule(end, "was not joined");
  }
  cu::GraphExec executable = nullptr;
  check_done(d.graph_instantiate(&executable, graph, 0), "instantiate");
  check_done(d.graph_destroy(graph), "destroy graph");
  std::memset(s.pinned, 7, Setup::kBytes);
  check_done(d.graph_launch(executable, s.stream), "launch graph");
  check_rule(d.executable_destroy(executable), "the graph is in flight");
  check_done(d.stream_synchronize(s.stream), "synchronize");
  check(*reinterpret_cast<const char*>(s.memory) == 7, "the copy of the forked stream ran");
  check_done(d.executable_destroy(executable), "destroy executable graph");
  check_rule(d.graph_launch(executable, s.stream), "no such graph");
  for (cu::Event event : {fork, join}) check_done(d.event_destroy(event), "destroy event");
  check_done(d.stream_destroy(side), "destroy second stream");
}

void objects_in_use() {
  Setup s;
  check_done(s.copy(), "copy");
  check_rule(d.memory_free(s.memory), "still uses the memory");
  check_rule(d.host_free(s.pinned), "still uses the memory");
  check_rule(d.stream_destroy(s.stream), "has work in flight");
  check_done(d.event_record(s.event, s.stream), "record");
  check_rule(d.event_destroy(s.event), "still uses the event");
  check_done(d.stream_synchronize(s.stream), "synchronize");

  const Device<float> x(std::vector<float>(64)), y(1);
  cu::Address memory = 0;
  check_done(d.memory_allocate(&memory, 64 * sizeof(float)), "memory");
  const Global<float> out(reinterpret_cast<float*>(memory), 64);
  check_ok(reduction<float>({out, x.global(), 64}, 1, s.stream), "launch");
  check_rule(d.memory_free(memory), "still uses the memory");
  check_done(d.stream_synchronize(s.stream), "synchronize");
  check_done(d.memory_free(memory), "free memory");
}

void memory_rules() {
  Setup s;
  const size_t before = emulator::pageable_copies();
  std::memset(s.pinned, 1, Setup::kBytes);
  check_done(s.copy(), "copy");
  check(*reinterpret_cast<const char*>(s.memory) != 1, "a copy of pinned memory does not wait");
  check_done(d.copy_out(s.pageable.data(), s.memory, Setup::kBytes, s.stream), "copy to pageable memory");
  check(s.pageable[0] == 1, "a copy of pageable memory waits for the stream");
  check(emulator::pageable_copies() == before + 1, "a copy of pageable memory is counted");
  check_rule(d.copy_in(s.memory + 1, s.pinned, Setup::kBytes, s.stream), "not in one allocation");
  check_rule(d.copy_in(16, s.pinned, Setup::kBytes, s.stream), "not device memory");
  check_rule(d.memory_free(s.memory + 1), "not an allocation");
  check_rule(d.host_free(s.pageable.data()), "not pinned memory");
}

void registered_memory() {
  Setup s;
  char* data = s.pageable.data();
  constexpr size_t kHalf = Setup::kBytes / 2;
  const size_t pageable = emulator::pageable_copies(), registered = emulator::registered_bytes();
  check_done(d.host_register(data, kHalf, cu::kHostRegisterPortable), "register");
  check(emulator::registered_bytes() == registered + kHalf, "registered memory is counted");
  std::memset(data, 1, Setup::kBytes);
  check_done(d.copy_in(s.memory, data + 1, kHalf - 1, s.stream), "copy registered memory");
  check(*reinterpret_cast<const char*>(s.memory) != 1, "a copy of registered memory does not wait");
  check(emulator::pageable_copies() == pageable, "a copy of registered memory is not one of pageable memory");
  check_rule(d.host_unregister(data), "a copy in flight still uses the memory");
  check_done(d.stream_synchronize(s.stream), "synchronize");
  check(*reinterpret_cast<const char*>(s.memory) == 1, "registered memory is copied");

  check_rule(d.copy_in(s.memory, data + 1, kHalf, s.stream), "a part of the host memory is pinned");
  check_rule(d.host_register(data, kHalf, 0), "is pinned already");
  check_rule(d.host_register(data + kHalf - 1, 2, 0), "is pinned already");
  check(d.host_register(s.pinned, 1, 0) == cu::kHostMemoryAlreadyRegistered,
        "memory of cuMemHostAlloc is pinned already");
  check_rule(d.host_register(data + kHalf, 0, 0), "no memory");
  check_done(d.host_register(data + kHalf, kHalf, 0), "register the neighbour, on the same page");
  check_rule(d.host_unregister(data + 1), "not registered memory");
  check_rule(d.host_unregister(s.pinned), "not registered memory");
  check_rule(d.host_free(data), "not pinned memory");
  check_done(d.host_unregister(data), "unregister");
  check(d.host_unregister(data) == cu::kHostMemoryNotRegistered, "memory is unregistered once");
  check_done(d.host_unregister(data + kHalf), "unregister the neighbour");
  check(emulator::registered_bytes() == registered, "all memory is unregistered");

  (void)d.context_use(nullptr);
  check_rule(d.host_register(data, kHalf, 0), "no current context");
  check_rule(d.host_unregister(data), "no current context");
}

void device_rules() {
  Setup first(0), second(1);  // the thread uses the second device
  check_rule(d.copy_in(first.memory, first.pinned, Setup::kBytes, first.stream), "the thread uses device 1");
  check_rule(d.copy_in(first.memory, second.pinned, Setup::kBytes, second.stream), "memory of another device");
  check_rule(d.event_record(first.event, second.stream), "are of different devices");
  check_rule(d.stream_synchronize(first.stream), "the thread uses device 1");
  const Device<float> x(std::vector<float>(64)), y(1);
  check_fault(reduction<float>({y.global(), x.global(), 64}, 1, first.stream), "the thread uses device 1", "launch");
  cu::Device device = 0;
  check_rule(d.device_get(&device, emulator::kDevices), "no such device");
  (void)d.context_use(nullptr);
  cu::Stream stream = nullptr;
  check_rule(d.stream_create(&stream, 0), "no current context");
  second.use();
}

void context_rules() {
  cu::Context context = nullptr;
  check_done(d.context_retain(&context, 0), "retain");
  (void)d.context_use(context);
  cu::Stream stream = nullptr;
  check_done(d.stream_create(&stream, 0), "stream");
  check_rule(d.context_release(0), "released before its streams");
  check_rule(d.context_release(0), "released more often than retained");
  check_done(d.context_retain(&context, 0), "retain");
  check_done(d.stream_destroy(stream), "destroy stream");
  check_done(d.context_release(0), "release");
}

void launch_rules() {
  Setup s;
  cu::Library library = nullptr;
  check_rule(d.library_load(&library, "text", nullptr, nullptr, 0, nullptr, nullptr, 0), "not the emulator's");
  cu::Kernel kernel = nullptr;
  check_fault(emulated_code().find("an op", "no_such_kernel<4>", &kernel), "does not have the kernel",
              "unknown kernel");
  check_ok(emulated_code().find("", kernel_of_type(typeid(KernelName<reduction_kernel<float>>).name()), &kernel),
           "find a kernel");
  cu::Function function = nullptr;
  check_done(d.kernel_function(&function, kernel), "function");
  std::vector<uint64_t> words(512);
  std::vector<void*> arguments(16, words.data());
  const auto launch = [&](unsigned shared) {
    return d.launch(function, 1, 1, 1, 32, 1, 1, shared, s.stream, arguments.data(), nullptr);
  };
  check_rule(launch(kDefaultSharedBytes + 1), "bytes of shared memory, 49152 were requested");
  check_rule(d.kernel_set(cu::kMaxDynamicSharedBytes, 140032, kernel, 0), "101376 are the limit of this device");
  emulator::set_shared_limit(227 * 1024);  // a card of compute capability 9.0
  check_done(d.kernel_set(cu::kMaxDynamicSharedBytes, 140032, kernel, 0), "request shared memory");
  emulator::set_shared_limit(emulator::kSharedLimit);

  float ms = 0;
  cu::Event untimed = nullptr;
  check_done(d.event_create(&untimed, cu::kEventDisableTiming), "event");
  check_rule(d.event_elapsed(&ms, untimed, untimed), "an event without timing");
  check_rule(d.event_elapsed(&ms, s.event, s.event), "not complete");
  check_done(d.event_destroy(untimed), "destroy event");
  check_rule(d.event_record(untimed, s.stream), "no such event");
}

}  // namespace

void test_driver() {
  capture_rules();
  forked_captures();
  objects_in_use();
  memory_rules();
  registered_memory();
  device_rules();
  context_rules();
  launch_rules();
}

}  // namespace emulated
}  // namespace videoclip
