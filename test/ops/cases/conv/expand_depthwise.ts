import { conv3dAttrs } from "#lib/ops/conv/conv3d.js";
import { expandDepthwise } from "#lib/ops/conv/expand_depthwise.js";
import { type CaseInput, defineCases } from "../case_table.js";

defineCases(
  expandDepthwise,
  [
    { stride: [1, 2, 2], channels: 54, size: [5, 12, 16], name: "stride 2" },
    { stride: [1, 1, 1], channels: 20, size: [3, 7, 9], name: "stride 1, odd" },
    { stride: [2, 2, 2], channels: 16, size: [9, 1, 1], name: "one position a frame" },
    { stride: [1, 2, 2], channels: 54, size: [3, 80, 81], name: "several bands" },
  ].map(({ name, stride, channels, size }) => {
    const x = (...shape: number[]): CaseInput => ({ shape, integer: 3 });
    return {
      name,
      inputs: [
        x(2, ...size, 10),
        x(channels, 10, 1, 1, 1),
        x(channels),
        x(channels, 1, 3, 3, 3),
        name === "stride 1, odd" ? null : x(channels),
      ],
      attrs: conv3dAttrs({
        outChannels: channels,
        kernel: [3, 3, 3],
        stride: stride as [number, number, number],
        low: [1, 1, 1],
        groups: channels,
        activation: "relu",
      }),
    };
  }),
);
