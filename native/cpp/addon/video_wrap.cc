#include "addon/video_wrap.h"

#include "video/plane_scaler.h"

namespace videoclip {
namespace {

// The bytes per row of a plane, and its rows.
struct Extent {
  size_t row_bytes, rows;
};

Extent extent(const PlanePlan& plan, int plane) {
  const PlaneLayout& layout = plan.layout;
  const size_t bytes = layout.depth > 8 ? 2 : 1;
  const size_t width = plan.width, height = plan.height;
  if (plane == 0) return {width * bytes * (layout.kind == PlaneLayout::rgb ? 3 : 1), height};
  const size_t columns = (width + (1 << layout.chroma_x) - 1) >> layout.chroma_x;
  const size_t rows = (height + (1 << layout.chroma_y) - 1) >> layout.chroma_y;
  return {columns * bytes * (layout.kind == PlaneLayout::paired ? 2 : 1), rows};
}

PlanePlan read_plan(const Napi::Float64Array& numbers) {
  const auto number = [&](size_t i) { return static_cast<int>(numbers[i]); };
  const PlaneLayout layout{
      static_cast<PlaneLayout::Kind>(number(2)), number(3), number(4), number(5), number(6), number(7), number(8)};
  const int64_t factors[4] = {number(9), number(10), number(11), number(12)};
  return {number(0),
          number(1),
          layout,
          YuvToRgb(factors, numbers[13] != 0),
          static_cast<float>(numbers[14]),
          static_cast<float>(numbers[15]),
          number(16),
          number(17),
          number(18),
          numbers[19] != 0};
}

bool in(int value, int least, int most) { return value >= least && value <= most; }

bool is_valid(const PlanePlan& plan) {
  const PlaneLayout& layout = plan.layout;
  return in(plan.width, 1, 1 << 16) && in(plan.height, 1, 1 << 16) && in(layout.kind, 0, 3) &&
         in(layout.depth, 8, 16) && in(layout.shift, 0, 8) && in(layout.chroma_x, 0, 2) && in(layout.chroma_y, 0, 2) &&
         in(layout.place_x, 0, 256) && in(layout.place_y, 0, 256) && plan.step_x > 0 && plan.step_y > 0 &&
         plan.step_x < 65536 && plan.step_y < 65536 && in(plan.left, 0, 1 << 20) && in(plan.top, 0, 1 << 20) &&
         in(plan.side, 1, 1 << 14);
}

}  // namespace

void scale_planes_wrap(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto sources = info[0].As<Napi::Array>();
  const auto strides = info[1].As<Napi::Array>();
  const auto numbers = info[2].As<Napi::Float64Array>();
  auto to = info[3].As<Napi::Uint8Array>();
  if (numbers.ElementLength() != PlanePlan::numbers)
    throw Napi::TypeError::New(env, "scalePlanes: a plan has 20 numbers");
  const PlanePlan plan = read_plan(numbers);
  if (!is_valid(plan)) throw Napi::RangeError::New(env, "scalePlanes: a number of the plan is out of range");
  if (to.ElementLength() < static_cast<size_t>(plan.side) * plan.side * 3) {
    throw Napi::RangeError::New(env, "scalePlanes: the target is too small for the crop");
  }
  const PlaneLayout::Kind kind = plan.layout.kind;
  const int count = kind == PlaneLayout::planar ? 3 : kind == PlaneLayout::paired ? 2 : 1;
  Planes planes;
  for (int i = 0; i < count; ++i) {
    const Napi::Value source = sources.Get(i);
    if (!source.IsTypedArray()) throw Napi::TypeError::New(env, "scalePlanes: a plane is missing");
    const auto bytes = source.As<Napi::Uint8Array>();
    const int64_t stride = strides.Get(i).As<Napi::Number>().Int64Value();
    const Extent needs = extent(plan, i);
    const bool is_wide = stride > 0 && static_cast<size_t>(stride) >= needs.row_bytes;
    if (!is_wide || bytes.ElementLength() < (needs.rows - 1) * stride + needs.row_bytes) {
      throw Napi::RangeError::New(env, "scalePlanes: a plane is smaller than its frame");
    }
    planes.data[i] = bytes.Data();
    planes.stride[i] = stride;
  }
  scale_planes(plan, planes, to.Data());
}

}  // namespace videoclip
