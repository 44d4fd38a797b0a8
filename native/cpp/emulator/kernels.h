#pragma once
// The kernels that the emulator can run, by the names under which the driver offers them.
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <typeinfo>
#include <utility>
#include <vector>

namespace videoclip {

template <auto kKernel>
struct KernelName;

namespace emulator {

// A kernel with a copy of its arguments.
struct Invocation {
  std::function<void()> run;    // what one device thread runs
  std::vector<uint64_t> words;  // the arguments as words, among them the addresses that the kernel may access
};
using Bind = Invocation (*)(void** arguments);

struct EmulatedKernel {
  const char* type_name;  // of KernelName<kernel>
  Bind bind;
};

// Returns the type name.
const char* register_emulated_kernel(EmulatedKernel kernel);

inline void add_words(const void* from, size_t bytes, std::vector<uint64_t>* to) {
  for (size_t at = 0; at + sizeof(uint64_t) <= bytes; at += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, static_cast<const char*>(from) + at, sizeof word);
    to->push_back(word);
  }
}

template <auto kKernel>
struct Binding;
template <typename... Parameters, void (*kKernel)(Parameters...)>
struct Binding<kKernel> {
  static Invocation bind(void** arguments) { return bind(arguments, std::index_sequence_for<Parameters...>{}); }
  template <size_t... I>
  static Invocation bind(void** arguments, std::index_sequence<I...>) {
    const std::tuple<Parameters...> values(*static_cast<Parameters*>(arguments[I])...);
    Invocation out;
    (add_words(arguments[I], sizeof(Parameters), &out.words), ...);
    out.run = [values] { std::apply(kKernel, values); };
    return out;
  }
};

// Registers the kernel before the program starts.
template <auto kKernel>
struct Registered {
  static const char* const name;
};
template <auto kKernel>
const char* const Registered<kKernel>::name =
    register_emulated_kernel({typeid(KernelName<kKernel>).name(), Binding<kKernel>::bind});

}  // namespace emulator
}  // namespace videoclip
