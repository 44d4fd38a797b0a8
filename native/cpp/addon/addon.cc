#include <napi.h>

#include "addon/engine_wrap.h"
#include "runtime/gpu.h"

namespace videoclip {
namespace {

Napi::Value isas(const Napi::CallbackInfo& info) {
  auto out = Napi::Array::New(info.Env());
  for (int i = 0; i < kIsaCount; ++i) {
    auto item = Napi::Object::New(info.Env());
    item.Set("name", isa_name(static_cast<Isa>(i)));
    item.Set("supported", isa_supported(static_cast<Isa>(i)));
    item.Set("panelWidth", panel_width(static_cast<Isa>(i)));
    item.Set("bf16", has_bf16(static_cast<Isa>(i)));
    out.Set(static_cast<uint32_t>(i), item);
  }
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

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Engine", EngineWrap::define(env));
  exports.Set("isas", Napi::Function::New(env, isas));
  exports.Set("cuda", Napi::Function::New(env, cuda));
  return exports;
}

}  // namespace
}  // namespace videoclip

static Napi::Object init_addon(Napi::Env env, Napi::Object exports) { return videoclip::init(env, exports); }
NODE_API_MODULE(videoclip, init_addon)
