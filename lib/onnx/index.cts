import commonjs = require("../commonjs.cjs");
export = commonjs.load("onnx/index.js");
