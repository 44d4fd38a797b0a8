#include <napi.h>

#include "addon/engine_wrap.h"
#include "addon/video_wrap.h"
#include "runtime/gpu.h"
#include "runtime/matrix_unit.h"
#if defined(VIDEOCLIP_WITH_EMULATOR)
#include "emulator/driver.h"
#include "emulator/launch.h"
#include "emulator/memory.h"
#endif

namespace videoclip {
namespace {

Napi::Value isas(const Napi::CallbackInfo& info) {
  auto out = Napi::Array::New(info.Env());
  for (int i = 0; i <= static_cast<int>(Backend::amx); ++i) {
    auto item = Napi::Object::New(info.Env());
    item.Set("name", backend_name(static_cast<Backend>(i)));
    item.Set("supported", backend_supported(static_cast<Backend>(i)));
    item.Set("panelWidth", panel_width(static_cast<Backend>(i)));
    item.Set("tileDepth", tile_depth(static_cast<Backend>(i)));
    const char* refusal = bf16_refusal(static_cast<Backend>(i));
    item.Set("bf16Refusal", refusal ? Napi::Value(Napi::String::New(info.Env(), refusal)) : info.Env().Null());
    out.Set(static_cast<uint32_t>(i), item);
  }
  return out;
}

// Why the matrix unit of the CPU cannot be used; null if it can.
Napi::Value matrix_unit(const Napi::CallbackInfo& info) {
  const char* refusal = matrix_unit_refusal();
  return refusal ? Napi::Value(Napi::String::New(info.Env(), refusal)) : info.Env().Null();
}

Napi::Value gpus(const Napi::CallbackInfo& info) {
  auto out = Napi::Object::New(info.Env());
  out.Set("cuda", static_cast<int>(Backend::cuda));
#if defined(VIDEOCLIP_WITH_EMULATOR)
  out.Set("emulated", static_cast<int>(Backend::cuda_emulated));
#else
  out.Set("emulated", info.Env().Null());
#endif
  return out;
}

Napi::Value cuda(const Napi::CallbackInfo& info) {
  const GpuState state = gpu_state();
  auto out = Napi::Object::New(info.Env());
  out.Set("usable", state.usable);
  out.Set("reason", state.reason);
  out.Set("driverVersion", state.driver_version);
  out.Set("devices", state.devices);
  return out;
}

// (path): names the GPU file of an installed package.
void gpu_file(const Napi::CallbackInfo& info) { set_packaged_gpu_file(info[0].As<Napi::String>()); }

#if defined(VIDEOCLIP_WITH_EMULATOR)

// (seed): sets the order in which warps and lanes run: 0 forward, -1 reverse, any other number a random order
void set_emulator_order(const Napi::CallbackInfo& info) {
  const int64_t seed = info[0].As<Napi::Number>().Int64Value();
  const auto kind = seed == 0  ? emulator::Order::forward
                    : seed < 0 ? emulator::Order::reverse
                               : emulator::Order::random;
  emulator::set_order({kind, static_cast<uint64_t>(seed)});
}

// (bytes): sets the size of device memory
void set_emulator_memory(const Napi::CallbackInfo& info) {
  emulator::set_memory_limit(static_cast<size_t>(info[0].As<Napi::Number>().Int64Value()));
}

// (early: boolean): executes copies as soon as their stream allows it, and not as late as possible
void set_emulator_early_copies(const Napi::CallbackInfo& info) {
  emulator::set_early_copies(info[0].As<Napi::Boolean>().Value());
}

// From now on the device is lost to this process.
void lose_emulated_device(const Napi::CallbackInfo&) { emulator::lose_device(); }

// (bytes): sets the shared memory that a block may use
void set_emulator_shared(const Napi::CallbackInfo& info) {
  emulator::set_shared_limit(static_cast<size_t>(info[0].As<Napi::Number>().Int64Value()));
}

// (hopper: boolean, multiprocessors?: number): whether devices that are opened from now on have compute capability 9.0
void set_emulator_hopper(const Napi::CallbackInfo& info) {
  const int multiprocessors = info[1].IsNumber() ? info[1].As<Napi::Number>().Int32Value() : emulator::kMultiprocessors;
  emulator::set_hopper(info[0].ToBoolean(), multiprocessors);
}

// Returns the counts of the kernels since the last call, the memory in use, and all copies of pageable memory.
Napi::Value take_emulator_counters(const Napi::CallbackInfo& info) {
  const emulator::Counters counters = emulator::counters();
  emulator::reset_counters();
  auto out = Napi::Object::New(info.Env());
  out.Set("launches", static_cast<double>(counters.launches));
  out.Set("sharedAccesses", static_cast<double>(counters.shared_accesses));
  out.Set("bankConflicts", static_cast<double>(counters.bank_conflicts));
  out.Set("globalAccesses", static_cast<double>(counters.global_accesses));
  out.Set("excessSectors", static_cast<double>(counters.excess_sectors));
  out.Set("mma", static_cast<double>(counters.mma));
  out.Set("wgmma", static_cast<double>(counters.wgmma));
  out.Set("tensorCopies", static_cast<double>(counters.tensor_copies));
  out.Set("pageableCopies", static_cast<double>(emulator::pageable_copies()));
  out.Set("copiedInBytes", static_cast<double>(emulator::bytes_copied_in()));
  out.Set("registeredBytes", static_cast<double>(emulator::registered_bytes()));
  out.Set("memoryBytes", static_cast<double>(emulator::memory_in_use()));
  return out;
}

// (recording: boolean): whether launches are recorded and not executed
void set_emulator_recording(const Napi::CallbackInfo& info) {
  emulator::set_recording(info[0].As<Napi::Boolean>().Value());
}

// Returns the launches that were recorded since the last call.
Napi::Value take_emulator_launches(const Napi::CallbackInfo& info) {
  auto out = Napi::Array::New(info.Env());
  for (const emulator::LaunchRecord& launch : emulator::take_launches()) {
    auto item = Napi::Object::New(info.Env());
    item.Set("op", launch.op);
    item.Set("kernel", launch.kernel);
    item.Set("blocks", static_cast<double>(launch.x) * launch.y * launch.z);
    item.Set("threads", launch.threads);
    item.Set("sharedBytes", launch.shared_bytes);
    out.Set(out.Length(), item);
  }
  return out;
}

#endif

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Engine", EngineWrap::define(env));
  exports.Set("scalePlanes", Napi::Function::New(env, scale_planes_wrap));
  exports.Set("isas", Napi::Function::New(env, isas));
  exports.Set("matrixUnit", Napi::Function::New(env, matrix_unit));
#if defined(VIDEOCLIP_WITH_EMULATOR)
  auto emulator = Napi::Object::New(env);
  emulator.Set("setOrder", Napi::Function::New(env, set_emulator_order));
  emulator.Set("setMemoryLimit", Napi::Function::New(env, set_emulator_memory));
  emulator.Set("setEarlyCopies", Napi::Function::New(env, set_emulator_early_copies));
  emulator.Set("loseDevice", Napi::Function::New(env, lose_emulated_device));
  emulator.Set("setSharedLimit", Napi::Function::New(env, set_emulator_shared));
  emulator.Set("setHopper", Napi::Function::New(env, set_emulator_hopper));
  emulator.Set("setRecording", Napi::Function::New(env, set_emulator_recording));
  emulator.Set("takeLaunches", Napi::Function::New(env, take_emulator_launches));
  emulator.Set("counters", Napi::Function::New(env, take_emulator_counters));
  exports.Set("emulator", emulator);
#endif
  exports.Set("gpuFile", Napi::Function::New(env, gpu_file));
  exports.Set("gpus", Napi::Function::New(env, gpus));
  exports.Set("cuda", Napi::Function::New(env, cuda));
  return exports;
}

}  // namespace
}  // namespace videoclip

static Napi::Object init_addon(Napi::Env env, Napi::Object exports) { return videoclip::init(env, exports); }
NODE_API_MODULE(videoclip, init_addon)
