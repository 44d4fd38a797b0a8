import commonjs = require("../commonjs.cjs");
export = commonjs.load("nn/index.js");
