// A convolution of ones with a 3x3x3 kernel of ones: prints "conv3d 27".
import { conv3d } from "videoclip/ops";

const ones = (...shape) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b)).fill(1) });
conv3d(ones(1, 3, 3, 3, 1), ones(1, 1, 3, 3, 3)).then((y) => process.stdout.write(`conv3d ${y.data.join()}\n`));
