#pragma once
#include <napi.h>

namespace videoclip {

// (planes: Uint8Array[], strides: number[], plan: Float64Array, to: Uint8Array); see video/plane_scaler.h.
void scale_planes_wrap(const Napi::CallbackInfo& info);

}  // namespace videoclip
