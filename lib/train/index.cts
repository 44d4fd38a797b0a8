import commonjs = require("../commonjs.cjs");
export = commonjs.load("train/index.js");
