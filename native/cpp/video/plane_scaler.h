#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "video/yuv_to_rgb.h"

namespace videoclip {

// The layout of the samples of a decoded frame; see lib/video/pixels/pixel_layout.ts.
struct PlaneLayout {
  enum Kind { planar, paired, gray, rgb };
  Kind kind;
  int depth;
  int shift;
  int chroma_x;
  int chroma_y;
  // The position of a chroma sample within its pixels, in units of 1 / 256 of them.
  int place_x;
  int place_y;
};

// A decoded frame and its conversion: to RGB as swscale converts it without options (or with the options for accuracy);
// then resized with two taps along each axis in float32 (half-pixel centres, no antialiasing), rounded half to even,
// and cropped. Only pixels that are needed are converted. The fields have the order of the numbers that `scalePlanes`
// takes: [width, height, kind, depth, shift, chroma_x, chroma_y, place_x, place_y, four factors, full range, step_x,
// step_y, left, top, side, accurate]
struct PlanePlan {
  static constexpr size_t numbers = 20;
  int width, height;
  PlaneLayout layout;
  YuvToRgb color;
  float step_x, step_y;  // pixels of the frame from one pixel of the resized frame to the next
  int left, top, side;   // the square in the resized frame
  // chroma is interpolated for every pixel, as with swscale's flags full_chroma_int and accurate_rnd
  bool is_accurate;
};

struct Planes {
  const uint8_t* data[3] = {};
  ptrdiff_t stride[3] = {};
};

// Writes u8 RGB [side, side, 3]. The planes hold the frame that the plan describes.
void scale_planes(const PlanePlan& plan, const Planes& planes, uint8_t* to);

}  // namespace videoclip
