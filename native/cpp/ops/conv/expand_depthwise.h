#pragma once
// expand_depthwise: the first half of an inverted residual block, y = act( depthwise( relu( W1 x + b1 ) ) + b ): what
// conv3d of both gives, to the bit, while the expanded channels stay in the second cache.
//
// in  0 x         [N, T, H, W, Cin]    channels-last, may be a channel slice
//     1 expand    packed (pack_conv_weight); published shape [C, Cin, 1, 1, 1]
//     2 b1        [C]                  optional
//     3 depthwise packed (pack_conv_weight); published shape [C, 1, kT, kH, 3]
//     4 b         [C]                  optional
// out 0 y         [N, T', H', W', C]
// Attributes as conv3d, of the depthwise convolution: stride 1 or 2 and at most one position of padding along W
#include "ops/conv/conv3d.h"
